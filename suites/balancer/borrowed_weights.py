"""Changes the balancer's weights for a check, and puts them back.

A check may do this only where nobody else moves traffic: never on a production target, and not
while a ramp is under way. A ramp holds a lock in the folder of generated files; a check holds the
same lock, so that no ramp begins before the weights are back.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from gates.errors import RouterError
from gates.ledger import locked
from gates.model import Policy, Target, is_same_share
from gates.ramp.real_world import lock_of
from gates.ramp.request_counts import ConfirmedMove
from gates.ramp.witness import Opinion, Witness
from gates.routers import TrafficRouter, router_named
from suites.client.waiting import wait_until

# Another check of the same run may hold the lock for this long.
MAX_LOCK_SECONDS = 60.0
MAX_TRIES = 3
LATE_SECONDS = 8.0
WITNESS_SECONDS = 10.0


class RefusedMoveError(AssertionError):
    """The weights may not be changed now; the message says why."""


class BorrowedWeights:
    """The weights of a balancer while a check may change them.

    Args:
        target: the target.
        router: the router of its balancer.
    """

    def __init__(self, target: Target, router: TrafficRouter) -> None:
        self._target = target
        self._router = router

    def give(self, share: float) -> dict[str, float]:
        """Give the target a share of the traffic, and the baseline the rest.

        Args:
            share: the target's share, 0 to 1.

        Returns:
            The shares of both slots, which the control endpoint confirmed.

        Raises:
            RouterError: the control endpoint refused, or it answers other shares afterwards.
        """
        shares = shares_of(self._target, share)
        self._router.move(shares)
        return shares

    def read_back(self, shares: Sequence[float]) -> list[dict[str, float]]:
        """Give the target one share after the other, and read each from the control endpoint.

        Args:
            shares: the target's shares, 0 to 1.

        Returns:
            The answer of the control endpoint after each move.

        Raises:
            RouterError: as for ``give``.
        """
        answers = []
        for share in shares:
            self.give(share)
            answers.append(dict(self.now()))
        return answers

    @contextmanager
    def giving(self, share: float) -> Iterator[None]:
        """Give the target a share while the block runs; a balancer may drain for some seconds.

        Args:
            share: the target's share, 0 to 1.

        Raises:
            RouterError: as for ``give``; raised at the end of the block.
        """
        with ThreadPoolExecutor(1) as pool:
            move = pool.submit(self.give, share)
            yield
            move.result()

    def now(self) -> Mapping[str, float]:
        """The shares that the control endpoint answers now.

        Raises:
            RouterError: the control endpoint does not answer.
        """
        return self._router.shares()

    def opinion_of_prometheus(self, policy: Policy, share: float) -> str:
        """What Prometheus says of a share that was just given: ``agrees``, or something else.

        Args:
            policy: names the time series.
            share: the target's share, 0 to 1.
        """
        witness = Witness.of_target(policy, self._target)
        move = ConfirmedMove(share, time.time())
        opinion = wait_until(
            "Prometheus has scraped the weights",
            lambda: witness.look(move).weights.opinion,
            lambda opinion: opinion is not Opinion.NOT_YET,
            seconds=WITNESS_SECONDS,
        )
        return opinion.value


def shares_of(target: Target, share: float) -> dict[str, float]:
    """The shares of both slots when the target has a share, each from 0 to 1."""
    return {target.slot: share, target.baseline_slot: round(1 - share, 6)}


@contextmanager
def borrowed_weights(target: Target, out: Path) -> Iterator[BorrowedWeights]:
    """Change the weights within the block; at the end they are as before, also after an error.

    Args:
        target: the target.
        out: the folder of generated files, where a ramp holds its lock.

    Raises:
        RefusedMoveError: the target is in production, names no router, or a ramp is under way.
        RouterError: the control endpoint does not answer, or the weights could not be put back.
    """
    if target.production:
        raise RefusedMoveError(f"{target.name} is a production target: no check moves its traffic")
    if not target.router or not target.addresses.balancer_control:
        raise RefusedMoveError(
            f"{target.name} names no traffic router in [traffic], or no balancer_control in "
            "[addresses]"
        )
    out.mkdir(parents=True, exist_ok=True)
    router = router_named(
        target.router, target.addresses.balancer_control, target.access.balancer_control
    )
    with _lock(target, out):
        before = dict(router.shares())
        if not _is_settled(target, before):
            raise RefusedMoveError(
                f"the balancer gives {before}: a ramp may be under way, so no check moves traffic"
            )
        try:
            yield BorrowedWeights(target, router)
        finally:
            _put_back(router, before)


@contextmanager
def _lock(target: Target, out: Path) -> Iterator[None]:
    """Hold the lock of a ramp; another check of this run releases it soon, a ramp does not.

    Raises:
        RefusedMoveError: the lock was not free in time.
    """

    def acquire() -> bool:
        try:
            held.enter_context(locked(out, lock_of(target.name), wait=False))
        except BlockingIOError:
            return False
        return True

    with ExitStack() as held:
        try:
            wait_until("the lock", acquire, bool, seconds=MAX_LOCK_SECONDS)
        except AssertionError:
            raise RefusedMoveError(
                f"a ramp of {target.name} is under way: another process holds its lock"
            ) from None
        yield


def _is_settled(target: Target, shares: Mapping[str, float]) -> bool:
    """Whether a single slot has all traffic."""
    present = (shares.get(target.slot, -1), shares.get(target.baseline_slot, -1))
    return present in ((0.0, 1.0), (1.0, 0.0))


def _put_back(router: TrafficRouter, before: Mapping[str, float]) -> None:
    """Give each slot its former share.

    A balancer that answers late may still carry out the move, so that its shares are read for a
    while before the next try.
    """

    def is_back(shares: Mapping[str, float]) -> bool:
        return all(is_same_share(shares.get(slot, -1), share) for slot, share in before.items())

    for _ in range(MAX_TRIES - 1):
        with suppress(RouterError):
            router.move(before)
            return
        with suppress(RouterError, AssertionError):
            wait_until("the weights are put back", router.shares, is_back, seconds=LATE_SECONDS)
            return
    router.move(before)
