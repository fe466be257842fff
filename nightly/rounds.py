"""One night's measurement: both colours, each of them twice, taking turns at each request."""

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

# What both releases can do; in this order, as an order needs a cart and a payment an order.
OPERATIONS = ("list_products", "search", "add_to_cart", "show_cart", "place_order",
              "process_payment")  # fmt: skip
# So many of each operation a round: 60 requests, under the 100 a minute of one address.
A_ROUND = 10
WARM_UP = 3
PATIENCE_SECONDS = 10.0
BASELINE, CANARY = "baseline", "canary"
BASELINE_AGAIN, CANARY_AGAIN = "baseline again", "canary again"
# Whoever sends a request first fills the store's caches for the next. Over four turns each arm is
# as often before each other arm as after it, so that caches favour neither colour nor visit.
ORDERS = (
    (BASELINE, CANARY, CANARY_AGAIN, BASELINE_AGAIN),
    (CANARY, BASELINE, BASELINE_AGAIN, CANARY_AGAIN),
    (BASELINE_AGAIN, CANARY_AGAIN, CANARY, BASELINE),
    (CANARY_AGAIN, BASELINE_AGAIN, BASELINE, CANARY),
)


class RoundError(Exception):
    """A request of a round got a wrong answer; the text says which and where."""


@dataclass(frozen=True, slots=True)
class Arm:
    """One of the things measured.

    Args:
        name: ``baseline``, ``canary``, or one of them again.
        target: where it is.
        token: a shopper's token.
        shopping: what there is to buy and to search for.
    """

    name: str
    target: Target
    token: str
    shopping: Shopping


Times = dict[str, dict[str, list[list[float]]]]


def measure(arms: list[Arm], rounds: int, run_id: str, told: Callable[[int], None]) -> Times:
    """Measure every arm in each round.

    Args:
        arms: the four of them.
        rounds: how many.
        run_id: marks the requests.
        told: is told how many rounds are done.

    Returns:
        Seconds by operation and arm, one row a round, wall time over a keep-alive connection.

    Raises:
        RoundError: a wrong answer is no sample, and ends the night.
    """
    times: Times = {operation: {arm.name: [] for arm in arms} for operation in OPERATIONS}
    for number in range(rounds):
        for operation, by_arm in _round(arms, run_id, number).items():
            for name, seconds in by_arm.items():
                times[operation][name].append(seconds)
        told(number + 1)
    return times


def _round(arms: list[Arm], run_id: str, number: int) -> dict[str, dict[str, list[float]]]:
    """One round, in which the arms take turns at each request: what slows the machine slows all.

    Each arm sends from an address of its own; the first few requests of each are not counted.
    """
    shoppers = {arm.name: (arm, _shopper(arm, run_id, number)) for arm in arms}
    times: dict[str, dict[str, list[float]]] = {
        operation: {name: [] for name in shoppers} for operation in OPERATIONS
    }
    try:
        for turn in range(-WARM_UP, A_ROUND):
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
    """The seconds of one request."""
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
            target.addresses.api, source, headers(target, run_id, 0), PATIENCE_SECONDS
        ),
        products=arm.shopping.products,
        words=arm.shopping.words,
        dice=random.Random(f"{run_id}/{number}"),  # noqa: S311 - the same choices for every arm
    )
