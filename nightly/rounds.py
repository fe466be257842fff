"""One night's measurement: both colours, each of them twice, in rounds that take turns."""

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
# Both colours are visited equally often, and equally soon after themselves: caches favour neither.
ORDERS = (
    (BASELINE, CANARY, CANARY_AGAIN, BASELINE_AGAIN),
    (CANARY, BASELINE, BASELINE_AGAIN, CANARY_AGAIN),
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
    """Measure every arm once a round, in an order that changes from round to round.

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
    named = {arm.name: arm for arm in arms}
    times: Times = {operation: {arm.name: [] for arm in arms} for operation in OPERATIONS}
    for number in range(rounds):
        for name in ORDERS[number % len(ORDERS)]:
            for operation, seconds in _round(named[name], run_id, number).items():
                times[operation][name].append(seconds)
        told(number + 1)
    return times


def _round(arm: Arm, run_id: str, number: int) -> dict[str, list[float]]:
    """One round of one arm, from an address of its own; the first few of each are not counted."""
    shopper = _shopper(arm, run_id, number)
    times: dict[str, list[float]] = {operation: [] for operation in OPERATIONS}
    try:
        for turn in range(-WARM_UP, A_ROUND):
            for operation in OPERATIONS:
                started = time.perf_counter()
                STEPS[operation](shopper)
                if turn >= 0:
                    times[operation].append(time.perf_counter() - started)
    except (NoAnswerError, WrongAnswerError) as error:
        raise RoundError(f"{operation} on {arm.target.name}: {error}") from error
    finally:
        shopper.connection.close()
    return times


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
