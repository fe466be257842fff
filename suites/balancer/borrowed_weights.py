"""Change the balancer's weights for a check, and restore the weights afterwards.

A check may change weights only where nobody else moves traffic: never on a production target, and
never during a ramp. A ramp has a lock in the folder of generated files. A check takes the same
lock, so that no ramp begins before the weights are restored.
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
    """A check may not change the balancer's weights now; the message says why."""


class BorrowedWeights:
    """Changes and reads a balancer's weights in the ``with`` block of ``borrowed_weights``.

    Args:
        target: the target that the balancer serves.
        router: the router that sets the weights of this balancer.
    """

    def __init__(self, target: Target, router: TrafficRouter) -> None:
        self._target = target
        self._router = router

    def give(self, share: float) -> dict[str, float]:
        """Give the target a share of the traffic, and give the baseline the rest.

        Args:
            share: the target's share of the traffic, from 0 to 1.

        Returns:
            The shares of blue and of green, which the balancer's control endpoint confirmed.

        Raises:
            RouterError: the control endpoint refused the change, or returns other shares
                afterwards.
        """
        shares = shares_of(self._target, share)
        self._router.move(shares)
        return shares

    def read_back(self, shares: Sequence[float]) -> list[dict[str, float]]:
        """Give the target each of the shares in turn, and read the weights after each change.

        Args:
            shares: the target's shares of the traffic, each from 0 to 1.

        Returns:
            For each change, the share of each slot that the control endpoint returned afterwards.

        Raises:
            RouterError: the control endpoint does not answer, refused a change, or returns other
                shares afterwards.
        """
        answers = []
        for share in shares:
            self.give(share)
            answers.append(dict(self.now()))
        return answers

    @contextmanager
    def giving(self, share: float) -> Iterator[None]:
        """Give the target a share of the traffic in a second thread, while the block runs.

        The change may take some seconds, because a balancer finishes open requests first.

        Args:
            share: the target's share of the traffic, from 0 to 1.

        Raises:
            RouterError: the control endpoint refused the change, or returns other shares
                afterwards; raised at the end of the block.
        """
        with ThreadPoolExecutor(1) as pool:
            move = pool.submit(self.give, share)
            yield
            move.result()

    def now(self) -> Mapping[str, float]:
        """Read the present share of each slot from the balancer's control endpoint.

        Raises:
            RouterError: the control endpoint does not answer.
        """
        return self._router.shares()

    def opinion_of_prometheus(self, policy: Policy, share: float) -> str:
        """Wait until Prometheus has scraped a new share; return whether its metrics agree.

        Args:
            policy: the policy, which names the time series of the weights.
            share: the target's share of the traffic after the latest change, from 0 to 1.

        Returns:
            ``agrees`` when Prometheus has the same share; else ``contradicts`` or ``not seen``.
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
    """Return the share of each slot, from 0 to 1, when the target has the given share."""
    return {target.slot: share, target.baseline_slot: round(1 - share, 6)}


@contextmanager
def borrowed_weights(target: Target, out: Path) -> Iterator[BorrowedWeights]:
    """Let the ``with`` block change the weights; restore the weights at its end, also on an error.

    Args:
        target: the target that the balancer serves.
        out: the folder of generated files, which has the lock of a ramp.

    Raises:
        RefusedMoveError: the target is in production, names no router, or a ramp is under way.
        RouterError: the control endpoint does not answer, or the weights could not be restored.
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
                f"the balancer has the shares {before}, expected 0 and 1: a ramp may be under way, "
                "so no check moves traffic"
            )
        try:
            yield BorrowedWeights(target, router)
        finally:
            _put_back(router, before)


@contextmanager
def _lock(target: Target, out: Path) -> Iterator[None]:
    """Hold the lock of a ramp while the block runs.

    Raises:
        RefusedMoveError: the lock was not free in time. A check would have released the lock
            earlier, so a ramp holds the lock.
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
                f"a ramp of {target.name} is under way: another process has the lock of the ramp"
            ) from None
        yield


def _is_settled(target: Target, shares: Mapping[str, float]) -> bool:
    """Return whether one of the target's two slots has all traffic."""
    present = (shares.get(target.slot, -1), shares.get(target.baseline_slot, -1))
    return present in ((0.0, 1.0), (1.0, 0.0))


def _put_back(router: TrafficRouter, before: Mapping[str, float]) -> None:
    """Give each slot its former share again.

    If the control endpoint does not respond, the balancer may still carry out the change. So the
    function reads the shares for some seconds before it tries again.
    """

    def is_back(shares: Mapping[str, float]) -> bool:
        return all(is_same_share(shares.get(slot, -1), share) for slot, share in before.items())

    for _ in range(MAX_TRIES - 1):
        with suppress(RouterError):
            router.move(before)
            return
        with suppress(RouterError, AssertionError):
            wait_until("the weights are restored", router.shares, is_back, seconds=LATE_SECONDS)
            return
    router.move(before)
