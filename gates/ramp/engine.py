"""Moves traffic step by step: bakes, asks, goes on, holds, or goes back; resumes after a crash.

What it does is in the ledger before it is done, so that whoever comes after a crash knows what
was meant. A ramp that cannot go on applies ``on_crash``: it gives the traffic back, or leaves it
and says so. Router, clock, gate, second witness and ledger are passed in.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from gates.errors import RouterError
from gates.model import Decision, OnCrash, Outcome
from gates.policy.schedule import Step
from gates.process.signals import uninterrupted
from gates.ramp.entries import SAME, End, Entry, entry_of, moves, shares_given, unfinished
from gates.ramp.rollback import RolledBack
from gates.ramp.witness import NO_WITNESS, ConfirmedMove, Opinion, Report
from gates.routers import with_retries

# So often in a row the router may fail to say who has the traffic.
MOST_SILENT = 4
STOPS = (Outcome.NO_GO, Outcome.ROLLBACK)


class Router(Protocol):
    """Who moves the traffic."""

    def shares(self) -> Mapping[str, float]:
        """Each slot's share now."""

    def move(self, shares: Mapping[str, float]) -> None:
        """Give each slot its share, and read it back."""


class Clock(Protocol):
    """The time, and waiting for it."""

    def now(self) -> float:
        """Seconds since the epoch."""

    def wait(self, seconds: float) -> None:
        """Let so much time pass."""


class World(Protocol):
    """Where the ramp is: the gate it asks, and the ledger."""

    def ask(self, stage: str) -> Decision:
        """What the gate says of a stage now; nothing is written down."""

    def record(self) -> str:
        """Write the last decision down; its id."""

    def write(self, entry: Entry) -> None:
        """Append an entry to the ledger."""

    def entries(self) -> Sequence[Entry]:
        """Every entry of the ledger."""

    def told(self, at: float, share: float, decision: Decision | None, note: str) -> None:
        """Tell the person who looks on."""

    def witness(self, move: ConfirmedMove) -> Report:
        """What the second witness says of a move."""

    def roll_back(self, move: ConfirmedMove | None, *, mirrored: bool) -> RolledBack:
        """Give all traffic back to the baseline.

        Args:
            move: the last move; None where it is unknown.
            mirrored: the control endpoint is known to give each colour the other's share.
        """


@dataclass(frozen=True, slots=True)
class Ended:
    """How a ramp ended, and the decision it ended with.

    Args:
        end: how.
        decision: the decision it ended with; None where it ended for another reason.
        problem: why it could not go on, or what the second witness contradicts.
        crashed: whether it could not go on for a reason of its own, which is no answer.
    """

    end: End
    decision: Decision | None
    problem: str = ""
    crashed: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """What a ramp is to do.

    Args:
        target: the target's name.
        slots: green's slot and blue's.
        steps: in order.
        poll_seconds: how often it asks.
        patience_seconds: how long it waits on a hold before it hands it to a person.
        no_go_rolls_back: whether a no_go gives traffic back, as a rollback does.
        time_scale: written down with every move.
        on_crash: what becomes of the traffic when the ramp cannot go on.
    """

    target: str
    slots: tuple[str, str]
    steps: tuple[Step, ...]
    poll_seconds: float
    patience_seconds: float
    no_go_rolls_back: bool
    time_scale: float
    on_crash: OnCrash = OnCrash.ROLLBACK


class MismatchError(Exception):
    """Traffic is not where the ledger says; the text says what was found."""


def run(plan: Plan, router: Router, clock: Clock, world: World) -> Ended:
    """Ramp from where the traffic is.

    Returns:
        How it ended; GO at every step is ``DONE``.

    Raises:
        MismatchError: somebody else moved the traffic.
        RouterError: the router failed before this ramp had moved anything.
    """
    ramp = _Ramp(plan, router, clock, world)
    try:
        return ramp.run()
    except MismatchError as error:
        ramp.end(End.MOVED_BY_OTHERS, str(error), must=False)
        raise
    except (Exception, KeyboardInterrupt) as error:
        if not ramp.has_moved:
            raise
        return ramp.crashed(error)


class _Ramp:
    """One ramp under way.

    Args:
        plan: what it is to do.
        router: who moves the traffic.
        clock: the time.
        world: the gate, the second witness and the ledger.
    """

    def __init__(self, plan: Plan, router: Router, clock: Clock, world: World) -> None:
        self._plan, self._router, self._clock, self._world = plan, router, clock, world
        self._move: ConfirmedMove | None = None
        self._report = NO_WITNESS
        self._agreed: set[float] = set()
        self.has_moved = False

    def run(self) -> Ended:
        """Every step that is left."""
        first = self._begin()
        if isinstance(first, Ended):
            return first
        decision: Decision | None = None
        for step in self._plan.steps[first:]:
            began = self._step(step)
            ended, decision = self._bake(step, began)
            if ended is not None:
                given_back = ended.end in (End.ROLLED_BACK, End.NOT_ROLLED_BACK)
                self.end(ended.end, ended.problem, must=not given_back)
                return ended
        self.end(End.DONE, "", must=True)
        return Ended(End.DONE, decision)

    def end(self, how: End, why: str, *, must: bool) -> None:
        """Write down how the ramp ended and what was verified.

        Raises:
            LedgerError: it must be written and cannot be.
        """
        moved = self._move.share if self._move else 0.0
        entry = self._entry(
            "ended", how=how.value, why=why[:1000],
            verified={"moves": len(self._agreed), "last_share": moved, **self._report.as_json()},
        )  # fmt: skip
        if must:
            self._world.write(entry)
        elif problem := _problem_of(lambda: self._world.write(entry)):
            self._say(f"not in the ledger: {problem}")

    def crashed(self, error: BaseException) -> Ended:
        """Apply ``on_crash``: give the traffic back, or leave it; the ledger says which."""
        why = f"{type(error).__name__}: {error}"
        if isinstance(error, KeyboardInterrupt):
            why = "interrupted by a signal"
        why = f"the ramp could not go on: {why}"
        with uninterrupted():
            if self._plan.on_crash is OnCrash.LEAVE:
                end = End.LEFT
            else:
                end = self._give_back(why, mirrored=False)
            self.end(end, why, must=False)
        return Ended(end, None, why, crashed=True)

    def _give_back(self, why: str, *, mirrored: bool) -> End:
        """Give all traffic back; neither the ledger nor a signal may hold it up."""
        with uninterrupted():
            entry = self._entry("rollback", why=why[:1000])
            unwritten = _problem_of(lambda: self._world.write(entry))
            try:
                done = self._world.roll_back(self._move, mirrored=mirrored)
            except Exception as error:  # noqa: BLE001 - the end must be written, and said
                done = RolledBack.failed(f"{type(error).__name__}: {error}")
                self._say(f"the rollback failed: {error}")
            if unwritten:
                self._say(f"not in the ledger: {unwritten}; the rollback ran without an entry")
        self._report = done.report
        return End.ROLLED_BACK if done.given_back else End.NOT_ROLLED_BACK

    def _entry(self, event: str, **content: Any) -> Entry:  # noqa: ANN401 - JSON
        scale = self._plan.time_scale
        return entry_of(self._plan.target, scale, event, at=self._clock.now(), **content)

    def _say(self, note: str) -> None:
        self._world.told(self._clock.now(), 0.0, None, note)

    def _begin(self) -> int | Ended:
        """The number of the step to begin with: the first, or where a ramp before was ended."""
        plan, world = self._plan, self._world
        share = with_retries(self._router.shares, self._clock.wait).get(plan.slots[0], 0.0)
        meant = unfinished(world.entries(), plan.target)
        if meant is not None:
            return self._resumed(meant, share)
        if share > SAME:
            raise MismatchError(
                f"{plan.slots[0]} has {100 * share:g} % of the traffic, but no ramp of the ledger "
                f"gave it this share; first type: gates rollback --target {plan.target}"
            )
        decision = world.ask("green-ready")
        world.told(self._clock.now(), share, decision, "green-ready")
        world.record()
        if decision.outcome is not Outcome.GO:
            return Ended(End.HELD if decision.outcome is Outcome.HOLD else End.STOPPED, decision)
        world.write(self._entry("began", steps=len(plan.steps)))
        return 0

    def _resumed(self, meant: Sequence[Entry], share: float) -> int | Ended:
        """Where a ramp that was cut off goes on."""
        plan = self._plan
        self.has_moved = bool(moves(meant))
        if any(one.get("event") == "rollback" for one in meant):
            self._say("a rollback was cut off: it is finished first")
            end = self._give_back("a rollback was cut off", mirrored=False)
            self.end(end, "a rollback was cut off", must=False)
            return Ended(end, None)
        if not self.has_moved:
            if share > SAME:
                raise MismatchError(
                    f"{plan.slots[0]} has {100 * share:g} % of the traffic, but the ledger has no "
                    "move of this ramp: somebody else moved it; type gates rollback "
                    f"--target {plan.target}"
                )
            return 0
        allowed = shares_given(meant)
        if all(abs(share - one) > SAME for one in allowed):
            raise MismatchError(
                f"the ledger gave {plan.slots[0]} {100 * allowed[-1]:g} % of the traffic, it has "
                f"{100 * share:g} %: somebody else moved it; type gates rollback "
                f"--target {plan.target}, then gates ramp again"
            )
        name = str(moves(meant)[-1].get("stage", ""))
        for number, step in enumerate(plan.steps):
            if step.stage == name:
                self._say(f"going on at {step.stage}")
                self._world.write(self._entry("resumed", stage=step.stage))
                return number
        raise MismatchError(
            f"the ramp that was cut off was at {name!r}, which is not in the schedule"
        )

    def _step(self, step: Step) -> float:
        """Give green the step's share, unless it has it; when this step began."""
        plan, clock = self._plan, self._clock
        green, blue = plan.slots
        has = with_retries(self._router.shares, clock.wait).get(green, 0.0)
        before = [one for one in moves(self._world.entries()) if one.get("target") == plan.target]
        if abs(has - step.share) <= SAME and before and before[-1].get("stage") == step.stage:
            self._move = ConfirmedMove(step.share, clock.now())
            return float(before[-1]["at"])
        at = clock.now()
        self._world.write({
            "kind": "move", "target": plan.target, "stage": step.stage, "share": step.share,
            "at": at, "time_scale": plan.time_scale,
        })  # fmt: skip
        self.has_moved = True
        if abs(has - step.share) > SAME:
            shares = {blue: round(1 - step.share, 4), green: step.share}
            with_retries(lambda: self._router.move(shares), clock.wait)
        self._move = ConfirmedMove(step.share, clock.now(), has)
        self._report = NO_WITNESS
        return at

    def _bake(self, step: Step, began: float) -> tuple[Ended | None, Decision | None]:
        """Bake and ask until it is decided: None to go on, or how the ramp ends."""
        world, clock, plan = self._world, self._clock, self._plan
        silent = 0
        while True:
            silent = self._still_there(step, silent)
            if (contradicted := self._contradicted()) is not None:
                return contradicted, None
            decision = world.ask(step.stage)
            passed = clock.now() - began
            note = f"{passed:.0f} of {step.bake_seconds:.0f} s"
            world.told(clock.now(), step.share, decision, note)
            if decision.outcome in STOPS:
                return self._stopped(decision), decision
            if passed >= step.bake_seconds:
                if decision.outcome is Outcome.GO:
                    world.record()
                    return None, decision
                if passed >= step.bake_seconds + plan.patience_seconds:
                    world.record()
                    return Ended(End.HELD, decision), decision
            clock.wait(plan.poll_seconds)

    def _contradicted(self) -> Ended | None:
        """How the ramp ends where the second witness contradicts the last move."""
        move = self._move
        seen = (self._report.weights.opinion, self._report.requests.opinion)
        if move is None or seen == (Opinion.AGREES, Opinion.AGREES):
            return None
        self._report = report = self._world.witness(move)
        if report.opinion is Opinion.AGREES:
            self._agreed.add(move.share)
        if report.opinion is not Opinion.CONTRADICTS:
            return None
        says = "Prometheus contradicts the balancer's control endpoint"
        why = f"not verified: {says}: {report.sentence}"
        self._say(why)
        return Ended(self._give_back(why, mirrored=report.mirrored), None, why)

    def _still_there(self, step: Step, silent: int) -> int:
        """Whether green has its share; how often in a row the router has not said.

        Raises:
            MismatchError: somebody else moved the traffic.
            RouterError: the router has not answered for a while.
        """
        green = self._plan.slots[0]
        try:
            has = self._router.shares().get(green, 0.0)
        except RouterError:
            if silent >= MOST_SILENT:
                raise
            return silent + 1
        if abs(has - step.share) > SAME:
            raise MismatchError(
                f"{green} has {100 * has:g} % of the traffic, this ramp gave it "
                f"{100 * step.share:g} %: somebody else moved it; look at gates log, then type "
                f"gates rollback --target {self._plan.target}"
            )
        return 0

    def _stopped(self, decision: Decision) -> Ended:
        """Go back, or stay where it is on a no_go where the policy says so."""
        unwritten = _problem_of(self._world.record)
        if unwritten:
            self._say(f"not in the ledger: {unwritten}")
        if decision.outcome is Outcome.NO_GO and not self._plan.no_go_rolls_back:
            return Ended(End.STOPPED, decision)
        return Ended(self._give_back(decision.reason, mirrored=False), decision)


def _problem_of(act: Callable[[], object]) -> str:
    """Write something down; why that failed, or empty: traffic is given back all the same."""
    try:
        act()
    except Exception as error:  # noqa: BLE001 - nothing may hold up giving traffic back
        return str(error) or type(error).__name__
    return ""
