"""Runs a ramp: moves traffic from blue to green in steps.

In each step the ramp sets the traffic weights, waits for the bake time, and lets the gate decide.
After the decision the ramp takes the next step, waits, or sets green's weight to 0.

The next process can resume a ramp after a crash: every move is in the ledger before the ramp makes
the move. A ramp that cannot go on applies ``on_crash``: the ramp moves all traffic to blue, or
leaves the traffic where it is and reports this. The caller passes in the router, the clock, the
gate, the second witness (Prometheus) and the ledger.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from gates.errors import MismatchError, RouterError, ScheduleError
from gates.ledger import (
    MoveEntry,
    RampEndEntry,
    RampEnding,
    RampResumptionEntry,
    RampRollbackEntry,
    RampStartEntry,
)
from gates.model import Decision, OnCrash, Outcome, is_same_share
from gates.policy.schedule import Step
from gates.process.signals import Interruption, interruptible_once, uninterrupted
from gates.ramp.history import RampEntry, moves, possible_shares, unfinished_ramp
from gates.ramp.request_counts import ConfirmedMove
from gates.ramp.rollback import RollbackResult
from gates.ramp.witness import NO_WITNESS, Opinion
from gates.ramp.world import Clock, World
from gates.routers import TrafficRouter, with_retries

# The router may fail to report the weights this many times in a row.
MAX_FAILED_ANSWERS = 4
MAX_REASON = 1000
STOPS = (Outcome.NO_GO, Outcome.ROLLBACK)


@dataclass(frozen=True, slots=True)
class RampResult:
    """The end of a ramp, and the decision with which the ramp ended.

    Args:
        ending: the way in which the ramp ended, such as ``DONE``.
        decision: the decision that ended the ramp; None where the ramp ended for another reason.
        problem: why the ramp could not go on, or how Prometheus contradicts the last move; empty
            without a problem.
        crashed: whether an error or a signal ended the ramp. Such a ramp has no decision.
    """

    ending: RampEnding
    decision: Decision | None
    problem: str = ""
    crashed: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """The settings of a ramp.

    Args:
        target: the name of the target.
        slots: the name of green's slot, and the name of blue's slot.
        steps: the ramp steps in their order.
        poll_seconds: the time between two decisions, in seconds.
        patience_seconds: the longest time that the ramp waits for a GO after the bake time, in
            seconds. After this time a person must decide.
        no_go_rolls_back: whether a no_go moves all traffic to blue, as a rollback does.
        time_scale: the factor by which live durations are divided; over 1 in a rehearsal. The
            ramp writes this factor to the ledger with every move.
        ready: the name of the stage that the gate judges before the first move.
        on_crash: the action on the traffic when the ramp cannot go on.
    """

    target: str
    slots: tuple[str, str]
    steps: tuple[Step, ...]
    poll_seconds: float
    patience_seconds: float
    no_go_rolls_back: bool
    time_scale: float
    ready: str
    on_crash: OnCrash = OnCrash.ROLLBACK


def run(plan: Plan, router: TrafficRouter, clock: Clock, world: World) -> RampResult:
    """Run a ramp, or continue an unfinished ramp from the present share of green.

    Returns:
        The end of the ramp: ``DONE`` after a GO at every step.

    Raises:
        MismatchError: something other than this ramp moved the traffic.
        ScheduleError: the unfinished ramp has a stage that is not in the schedule.
        RouterError: the router failed before this ramp had moved anything.
    """
    with interruptible_once() as interruption:
        ramp = _Ramp(plan, router, clock, world, interruption)
        try:
            return ramp.run()
        except ScheduleError:
            raise  # nothing was moved, and the ramp can continue with its own schedule
        except MismatchError as error:
            ramp.end(RampEnding.MOVED_BY_OTHERS, str(error), must=False)
            raise
        except (Exception, KeyboardInterrupt) as error:
            if not ramp.has_moved:
                raise
            return ramp.crash(error)


class _Ramp:
    """A ramp that is under way.

    Args:
        plan: the settings of the ramp.
        router: the traffic router.
        clock: the clock, which also waits.
        world: the gate, the second witness and the ledger.
        interruption: whether a signal has interrupted the ramp.
    """

    def __init__(
        self,
        plan: Plan,
        router: TrafficRouter,
        clock: Clock,
        world: World,
        interruption: Interruption,
    ) -> None:
        self._plan, self._router, self._clock, self._world = plan, router, clock, world
        self._interruption = interruption
        self._move: ConfirmedMove | None = None
        self._report = NO_WITNESS
        self._agreed_shares: set[float] = set()
        self.has_moved = False

    def run(self) -> RampResult:
        """Take every remaining ramp step, and return the end of the ramp."""
        first = self._begin()
        if isinstance(first, RampResult):
            return first
        decision: Decision | None = None
        for step in self._plan.steps[first:]:
            began = self._step(step)
            result, decision = self._bake(step, began)
            if result is not None:
                is_rollback = result.ending in (RampEnding.ROLLED_BACK, RampEnding.NOT_ROLLED_BACK)
                self.end(result.ending, result.problem, must=not is_rollback)
                return result
        self.end(RampEnding.DONE, "", must=True)
        return RampResult(RampEnding.DONE, decision)

    def end(self, ending: RampEnding, why: str, *, must: bool) -> None:
        """Write the end of the ramp, and the result of the second witness, to the ledger.

        Args:
            ending: the way in which the ramp ended.
            why: the reason of the end; empty where the ramp took all steps.
            must: whether the ramp fails if the ledger cannot be written. If false, a message
                reports the failure.

        Raises:
            LedgerError: ``must`` is true, and the ledger cannot be written.
        """
        plan = self._plan
        witness = replace(
            self._report.as_record(),
            agreed_moves=len(self._agreed_shares),
            last_share=self._move.share if self._move else 0.0,
        )
        at = self._clock.now()
        reason = why[:MAX_REASON]
        entry = RampEndEntry(plan.target, plan.time_scale, at, ending, reason, witness)
        if must:
            self._world.write(entry)
        elif problem := _problem_of(lambda: self._world.write(entry)):
            self._say(f"the end of the ramp is not in the ledger: {problem}")

    def crash(self, error: BaseException) -> RampResult:
        """Apply ``on_crash`` to the traffic after an error, and write the end to the ledger."""
        cause = f"{type(error).__name__}: {error}"
        if isinstance(error, KeyboardInterrupt):
            cause = "interrupted by a signal"
        why = f"the ramp could not go on: {cause}"
        with uninterrupted():
            if self._plan.on_crash is OnCrash.LEAVE:
                ending = RampEnding.LEFT
            else:
                ending = self._give_back(why, mirrored=False)
            self.end(ending, why, must=False)
        return RampResult(ending, None, why, crashed=True)

    def _give_back(self, why: str, *, mirrored: bool) -> RampEnding:
        """Move all traffic to blue, also after a failed write to the ledger or a signal."""
        plan = self._plan
        with uninterrupted():
            at = self._clock.now()
            entry = RampRollbackEntry(plan.target, plan.time_scale, at, why[:MAX_REASON])
            problem = _problem_of(lambda: self._world.write(entry))
            try:
                result = self._world.roll_back(self._move, mirrored=mirrored)
            except Exception as error:  # noqa: BLE001 - the end must be written and shown
                result = RollbackResult.failed(f"{type(error).__name__}: {error}")
                self._say(f"the rollback failed: {error}")
            if problem:
                self._say(f"the start of the rollback is not in the ledger: {problem}")
        self._report = result.report
        return RampEnding.ROLLED_BACK if result.given_back else RampEnding.NOT_ROLLED_BACK

    def _say(self, note: str) -> None:
        self._world.show(self._clock.now(), 0.0, None, note)

    def _begin(self) -> int | RampResult:
        """Return the index of the first step to take, or the end of a ramp that must not begin."""
        plan, world = self._plan, self._world
        share = with_retries(self._router.shares, self._clock.wait).get(plan.slots[0], 0.0)
        unfinished = unfinished_ramp(world.entries(), plan.target)
        if unfinished is not None:
            return self._resume(unfinished, share)
        if not is_same_share(share, 0.0):
            raise MismatchError(
                f"{plan.slots[0]} has {100 * share:g} % of the traffic, but no ramp of the ledger "
                f"set this share; run this command first: gates rollback --target {plan.target}"
            )
        decision = world.ask(plan.ready)
        world.show(self._clock.now(), share, decision, plan.ready)
        world.record()
        if decision.outcome is not Outcome.GO:
            is_hold = decision.outcome is Outcome.HOLD
            return RampResult(RampEnding.HELD if is_hold else RampEnding.STOPPED, decision)
        at = self._clock.now()
        world.write(RampStartEntry(plan.target, plan.time_scale, at, len(plan.steps)))
        return 0

    def _resume(self, unfinished: Sequence[RampEntry], share: float) -> int | RampResult:
        """Return the index of the step at which an unfinished ramp continues, or the ramp's end."""
        plan = self._plan
        self.has_moved = bool(moves(unfinished))
        if any(isinstance(entry, RampRollbackEntry) for entry in unfinished):
            self._say("a rollback of this ramp was cut off; the ramp finishes the rollback first")
            ending = self._give_back("a rollback was cut off", mirrored=False)
            self.end(ending, "a rollback was cut off", must=False)
            return RampResult(ending, None)
        if not self.has_moved:
            if not is_same_share(share, 0.0):
                raise MismatchError(
                    f"{plan.slots[0]} has {100 * share:g} % of the traffic, but the ledger has no "
                    "move of this ramp: somebody else moved the traffic; run: gates rollback "
                    f"--target {plan.target}"
                )
            return 0
        expected_shares = possible_shares(unfinished)
        if not any(is_same_share(share, expected) for expected in expected_shares):
            raise MismatchError(
                f"{plan.slots[0]} has {100 * share:g} % of the traffic, but the last move "
                f"in the ledger set {100 * expected_shares[-1]:g} %: somebody else moved the "
                f"traffic; type gates rollback --target {plan.target}, and then type gates ramp"
            )
        stage = moves(unfinished)[-1].stage
        for number, step in enumerate(plan.steps):
            if step.stage == stage:
                self._say(f"the ramp continues at {stage}")
                at = self._clock.now()
                self._world.write(RampResumptionEntry(plan.target, plan.time_scale, at, stage))
                return number
        raise ScheduleError(
            f"the unfinished ramp was at stage {stage!r}, which is not in the schedule; use the "
            "schedule with which the ramp began"
        )

    def _step(self, step: Step) -> float:
        """Set green's traffic weight to the step's share, unless green already has this share.

        Returns:
            The time at which this step began, in seconds since the epoch.
        """
        plan, clock = self._plan, self._clock
        green, blue = plan.slots
        share = with_retries(self._router.shares, clock.wait).get(green, 0.0)
        earlier = [move for move in moves(self._world.entries()) if move.target == plan.target]
        has_share = is_same_share(share, step.share)
        if self._move and not has_share and not is_same_share(share, self._move.share):
            raise self._moved_by_others(share, self._move.share)
        if has_share and earlier and earlier[-1].stage == step.stage:
            self._move = ConfirmedMove(step.share, clock.now())
            return earlier[-1].at
        self._interruption.raise_if_received()
        at = clock.now()
        self._world.write(MoveEntry(plan.target, step.stage, step.share, at, plan.time_scale))
        self.has_moved = True
        if not has_share:
            shares = {blue: round(1 - step.share, 4), green: step.share}
            with_retries(lambda: self._router.move(shares), clock.wait)
        self._move = ConfirmedMove(step.share, clock.now(), share)
        self._report = NO_WITNESS
        return at

    def _bake(self, step: Step, began: float) -> tuple[RampResult | None, Decision | None]:
        """Wait for the bake time, and let the gate decide repeatedly until the step ends.

        Returns:
            A pair: the end of the ramp (None where the ramp goes on), and the last decision (None
            where Prometheus contradicts the move).
        """
        world, clock, plan = self._world, self._clock, self._plan
        failures = 0
        while True:
            failures = self._check_share(step, failures)
            if (contradiction := self._contradiction()) is not None:
                return contradiction, None
            decision = world.ask(step.stage)
            passed = clock.now() - began
            note = f"{passed:.0f} of {step.bake_seconds:.0f} s"
            world.show(clock.now(), step.share, decision, note)
            if decision.outcome in STOPS:
                return self._stop(decision), decision
            self._interruption.raise_if_received()
            if passed >= step.bake_seconds:
                if decision.outcome is Outcome.GO:
                    world.record()
                    return None, decision
                if passed >= step.bake_seconds + plan.patience_seconds:
                    world.record()
                    return RampResult(RampEnding.HELD, decision), decision
            clock.wait(plan.poll_seconds)

    def _contradiction(self) -> RampResult | None:
        """Roll back and return the end if Prometheus contradicts the last move, else None."""
        move = self._move
        opinions = (self._report.weights.opinion, self._report.requests.opinion)
        if move is None or opinions == (Opinion.AGREES, Opinion.AGREES):
            return None
        self._report = report = self._world.witness(move)
        if report.opinion is Opinion.AGREES:
            self._agreed_shares.add(move.share)
        if report.opinion is not Opinion.CONTRADICTS:
            return None
        summary = "Prometheus contradicts the balancer's control endpoint"
        why = f"not verified: {summary}: {report.sentence}"
        self._say(why)
        return RampResult(self._give_back(why, mirrored=report.mirrored), None, why)

    def _check_share(self, step: Step, failures: int) -> int:
        """Check that green has the share of the present step.

        Args:
            step: the present step.
            failures: the number of consecutive failures of the router to report the shares.

        Returns:
            The new number of consecutive failures.

        Raises:
            MismatchError: something other than this ramp moved the traffic.
            RouterError: the router has failed too often in a row.
        """
        try:
            share = self._router.shares().get(self._plan.slots[0], 0.0)
        except RouterError:
            if failures >= MAX_FAILED_ANSWERS:
                raise
            return failures + 1
        if not is_same_share(share, step.share):
            raise self._moved_by_others(share, step.share)
        return 0

    def _moved_by_others(self, share: float, own_share: float) -> MismatchError:
        """Return the error that something else gave green another share than this ramp."""
        return MismatchError(
            f"{self._plan.slots[0]} has {100 * share:g} % of the traffic, but this ramp set "
            f"{100 * own_share:g} %: somebody else moved the traffic; type gates log, then "
            f"type gates rollback --target {self._plan.target}"
        )

    def _stop(self, decision: Decision) -> RampResult:
        """Write the decision to the ledger, and move all traffic to blue.

        After a NO-GO, the traffic stays where it is if ``no_go_rolls_back`` is false.
        """
        problem = _problem_of(self._world.record)
        if problem:
            self._say(f"the decision is not in the ledger: {problem}")
        if decision.outcome is Outcome.NO_GO and not self._plan.no_go_rolls_back:
            return RampResult(RampEnding.STOPPED, decision)
        return RampResult(self._give_back(decision.reason, mirrored=False), decision)


def _problem_of(write: Callable[[], object]) -> str:
    """Write to the ledger; a failure raises no exception, so that the traffic can be moved.

    Returns:
        The reason why the ledger could not be written; empty after a success.
    """
    try:
        write()
    except Exception as error:  # noqa: BLE001 - nothing may delay the move of traffic to blue
        return str(error) or type(error).__name__
    return ""
