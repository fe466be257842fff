"""Measures both colours in one night, each colour twice; the arms take turns at each request."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass

from gates.model import Target
from load.accounts import Shopping, headers
from load.steps import STEPS, Shopper, WrongAnswerError
from load.wire import Connection, NoAnswerError
from suites.client import loopback_source
from suites.contract import load as contract

# Operations of both releases; the order lets each operation use the results of earlier operations.
OPERATIONS = (
    "list_products",
    "search",
    "add_to_cart",
    "show_cart",
    "place_order",
    "process_payment",
)
# Requests of each operation in a round: 60 in all, under the limit of 100 a minute per address.
REQUESTS_PER_ROUND = 10
# Requests of each operation that come first in a round and do not count.
WARM_UP_REQUESTS = 3
PATIENCE_SECONDS = 10.0
BASELINE, CANARY = "baseline", "canary"
BASELINE_AGAIN, CANARY_AGAIN = "baseline again", "canary again"
# The first request of a turn fills the store's caches for the next request. Over four turns, each
# arm is as often before as after each other arm, so that the caches favour no arm.
ORDERS = (
    (BASELINE, CANARY, CANARY_AGAIN, BASELINE_AGAIN),
    (CANARY, BASELINE, BASELINE_AGAIN, CANARY_AGAIN),
    (BASELINE_AGAIN, CANARY_AGAIN, CANARY, BASELINE),
    (CANARY_AGAIN, BASELINE_AGAIN, BASELINE, CANARY),
)


class RoundError(Exception):
    """A request of a round had a wrong response; the message names the operation and the target."""


@dataclass(frozen=True, slots=True)
class Arm:
    """One of the four arms of a night: a colour, and the shopper who sends requests to the colour.

    Args:
        name: ``baseline``, ``canary``, ``baseline again`` or ``canary again``.
        target: the target of the colour.
        token: the access token of the shopper.
        shopping: the products to buy, and the words to search for.
    """

    name: str
    target: Target
    token: str
    shopping: Shopping


# Seconds by operation and arm, one row a round.
Times = dict[str, dict[str, list[list[float]]]]


def measure(
    arms: list[Arm], rounds: int, run_id: str, show_progress: Callable[[int], None]
) -> Times:
    """Measure the response times of every arm in each round.

    Args:
        arms: the four arms.
        rounds: the number of rounds.
        run_id: the id of the run, which marks the requests as test traffic.
        show_progress: called after each round with the number of finished rounds.

    Returns:
        The response times in seconds over keep-alive connections, one row for each round.

    Raises:
        RoundError: a request had a wrong response; the measurement ends.
    """
    times: Times = {operation: {arm.name: [] for arm in arms} for operation in OPERATIONS}
    for number in range(rounds):
        for operation, by_arm in _round(arms, run_id, number).items():
            for name, seconds in by_arm.items():
                times[operation][name].append(seconds)
        show_progress(number + 1)
    return times


def _round(arms: list[Arm], run_id: str, number: int) -> dict[str, dict[str, list[float]]]:
    """Measure one round; the arms take turns at each request.

    So a busy machine affects all arms. Each arm sends from its own address. The first requests of
    an arm do not count.
    """
    shoppers = {arm.name: (arm, _shopper(arm, run_id, number)) for arm in arms}
    times: dict[str, dict[str, list[float]]] = {
        operation: {name: [] for name in shoppers} for operation in OPERATIONS
    }
    try:
        for turn in range(-WARM_UP_REQUESTS, REQUESTS_PER_ROUND):
            for operation in OPERATIONS:
                for name in ORDERS[(number + turn) % len(ORDERS)]:
                    seconds = _timed(operation, *shoppers[name])
                    if turn >= 0:
                        times[operation][name].append(seconds)
    finally:
        for _, shopper in shoppers.values():
            shopper.connection.close()
    return times


def _timed(operation: str, arm: Arm, shopper: Shopper) -> float:
    """Measure the response time of one request, in seconds.

    Raises:
        RoundError: the request had a wrong response.
    """
    started = time.perf_counter()
    try:
        STEPS[operation](shopper)
    except (NoAnswerError, WrongAnswerError) as error:
        raise RoundError(f"{operation} on {arm.target.name}: {error}") from error
    return time.perf_counter() - started


def _shopper(arm: Arm, run_id: str, number: int) -> Shopper:
    target = arm.target
    source = loopback_source() if target.loopback_sources else ""
    return Shopper(
        number=1000 * number + ORDERS[0].index(arm.name),
        token=arm.token,
        contract=contract(),
        connection=Connection(
            target.addresses.api,
            source,
            headers(target, run_id, 0),
            PATIENCE_SECONDS,
            ca_file=str(target.access.api.ca_file or ""),
        ),
        products=arm.shopping.products,
        words=arm.shopping.words,
        dice=random.Random(f"{run_id}/{number}"),  # noqa: S311 - the same choices for every arm
    )
