"""Moves traffic step by step: bakes, asks, goes on, holds, or goes back; resumes after a crash.

What it does is in the ledger before it is done, so that whoever comes after a crash knows what
was meant. Router, clock, gate and ledger are passed in.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol

from gates.errors import LedgerError, RouterError
from gates.model import Decision, Outcome
from gates.schedule import Step

SAME = 0.005
# So often in a row the router may fail to say who has the traffic.
MOST_SILENT = 4
STOPS = (Outcome.NO_GO, Outcome.ROLLBACK)
Entry = dict[str, Any]


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

    def roll_back(self) -> bool:
        """Give all traffic back to the baseline; whether it is verified."""


class End(Enum):
    """How a ramp ended."""

    DONE = "done"
    HELD = "held"
    STOPPED = "stopped"  # no_go, traffic as the plan says
    ROLLED_BACK = "rolled_back"
    NOT_ROLLED_BACK = "not_rolled_back"


@dataclass(frozen=True, slots=True)
class Ended:
    """How a ramp ended, and the decision it ended with."""

    end: End
    decision: Decision | None


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
    """

    target: str
    slots: tuple[str, str]
    steps: tuple[Step, ...]
    poll_seconds: float
    patience_seconds: float
    no_go_rolls_back: bool
    time_scale: float


class MismatchError(Exception):
    """Traffic is not where the ledger says; the text says what was found."""


def run(plan: Plan, router: Router, clock: Clock, world: World) -> Ended:
    """Ramp from where the traffic is.

    Returns:
        How it ended; GO at every step is ``DONE``.

    Raises:
        MismatchError: somebody else moved the traffic.
        RouterError: traffic could not be moved.
    """
    first = _begin(plan, router, clock, world)
    if isinstance(first, Ended):
        return first
    decision: Decision | None = None
    for number in range(first, len(plan.steps)):
        step = plan.steps[number]
        began = _move(plan, step, router, clock, world)
        ended, decision = _baked(plan, step, began, clock, (router, world))
        if ended is not None:
            world.write(_entry(plan, "ended", how=ended.end.value, at=clock.now()))
            return ended
    world.write(_entry(plan, "ended", how=End.DONE.value, at=clock.now()))
    return Ended(End.DONE, decision)


def _entry(plan: Plan, event: str, **content: Any) -> Entry:  # noqa: ANN401 - JSON
    return {
        "kind": "ramp", "event": event, "target": plan.target, "time_scale": plan.time_scale,
        **content,
    }  # fmt: skip


def _begin(plan: Plan, router: Router, clock: Clock, world: World) -> int | Ended:
    """The number of the step to begin with: the first, or where a ramp before us was ended."""
    share = router.shares().get(plan.slots[0], 0.0)
    meant = unfinished(world.entries(), plan.target)
    if meant is None:
        if share > SAME:
            raise MismatchError(
                f"{plan.slots[0]} has {100 * share:g} % of the traffic, and no ramp of the ledger "
                "has given it that; give it back first: gates rollback"
            )
        decision = world.ask("green-ready")
        world.told(clock.now(), share, decision, "green-ready")
        world.record()
        if decision.outcome is not Outcome.GO:
            return Ended(End.HELD if decision.outcome is Outcome.HOLD else End.STOPPED, decision)
        world.write(_entry(plan, "began", at=clock.now(), steps=len(plan.steps)))
        return 0
    return _resumed(plan, meant, share, world, clock)


def _resumed(
    plan: Plan, meant: Sequence[Entry], share: float, world: World, clock: Clock
) -> int | Ended:
    """Where a ramp that was cut off goes on."""
    if any(one.get("event") == "rollback" for one in meant):
        world.told(clock.now(), share, None, "a rollback was cut off: it is finished first")
        done = world.roll_back()
        world.write(_entry(plan, "ended", how="rolled_back", at=clock.now()))
        return Ended(End.ROLLED_BACK if done else End.NOT_ROLLED_BACK, None)
    moves = [one for one in meant if one.get("kind") == "move"]
    if not moves:
        if share > SAME:
            raise MismatchError(f"{plan.slots[0]} has {100 * share:g} %, the ledger gave it none")
        return 0
    given = [float(one["share"]) for one in moves]
    before = [one for one in given if abs(one - given[-1]) > SAME]
    allowed = [before[-1] if before else 0.0, given[-1]]
    if all(abs(share - one) > SAME for one in allowed):
        raise MismatchError(
            f"the ledger gave {plan.slots[0]} {100 * allowed[-1]:g} % of the traffic, it has "
            f"{100 * share:g} %: somebody else moved it; gates rollback, then begin again"
        )
    name = str(moves[-1].get("stage", ""))
    for number, step in enumerate(plan.steps):
        if step.stage == name:
            world.told(clock.now(), share, None, f"going on at {step.stage}")
            return number
    raise MismatchError(f"the ramp that was cut off was at {name!r}, which is not in the schedule")


def unfinished(entries: Sequence[Entry], target: str) -> list[Entry] | None:
    """The entries of a ramp of the target that was cut off or held; None where none was."""
    found: list[Entry] | None = None
    for entry in entries:
        if entry.get("target") != target or entry.get("kind") not in ("ramp", "move"):
            continue
        if entry.get("event") == "began":
            found = [entry]
        elif entry.get("event") == "ended":
            # What was handed to a person may go on when that person says so.
            found = found if entry.get("how") == End.HELD.value else None
        elif found is not None:
            found.append(entry)
    return found


def _move(plan: Plan, step: Step, router: Router, clock: Clock, world: World) -> float:
    """Give green the step's share, unless it has it; when this step began."""
    green, blue = plan.slots
    has = router.shares().get(green, 0.0)
    before = [
        one
        for one in world.entries()
        if one.get("kind") == "move" and one.get("target") == plan.target
    ]
    if abs(has - step.share) <= SAME and before and before[-1].get("stage") == step.stage:
        return float(before[-1]["at"])
    at = clock.now()
    world.write({
        "kind": "move", "target": plan.target, "stage": step.stage, "share": step.share, "at": at,
        "time_scale": plan.time_scale,
    })  # fmt: skip
    if abs(has - step.share) > SAME:
        router.move({blue: round(1 - step.share, 4), green: step.share})
    return at


def _baked(
    plan: Plan, step: Step, began: float, clock: Clock, here: tuple[Router, World]
) -> tuple[Ended | None, Decision | None]:
    """Bake and ask until it is decided: None to go on, or how the ramp ends."""
    router, world = here
    silent = 0
    while True:
        silent = _still_there(plan, step, router, silent)
        decision = world.ask(step.stage)
        passed = clock.now() - began
        world.told(clock.now(), step.share, decision, f"{passed:.0f} of {step.bake_seconds:.0f} s")
        if decision.outcome in STOPS:
            _try(world.record, world, clock)
            return _stopped(plan, decision, clock, world), decision
        if passed >= step.bake_seconds:
            if decision.outcome is Outcome.GO:
                world.record()
                return None, decision
            if passed >= step.bake_seconds + plan.patience_seconds:
                world.record()
                return Ended(End.HELD, decision), decision
        clock.wait(plan.poll_seconds)


def _still_there(plan: Plan, step: Step, router: Router, silent: int) -> int:
    """Whether green has its share; how often in a row the router has not said.

    Raises:
        MismatchError: somebody else moved the traffic.
        RouterError: the router has not answered for a while.
    """
    try:
        has = router.shares().get(plan.slots[0], 0.0)
    except RouterError:
        if silent >= MOST_SILENT:
            raise
        return silent + 1
    if abs(has - step.share) > SAME:
        raise MismatchError(
            f"{plan.slots[0]} has {100 * has:g} % of the traffic, this ramp gave it "
            f"{100 * step.share:g} %: somebody else moved it; gates log, gates rollback"
        )
    return 0


def _stopped(plan: Plan, decision: Decision, clock: Clock, world: World) -> Ended:
    """Go back, or stay where it is on a no_go where the policy says so."""
    if decision.outcome is Outcome.NO_GO and not plan.no_go_rolls_back:
        return Ended(End.STOPPED, decision)
    entry = _entry(plan, "rollback", why=decision.reason[:1000], at=clock.now())
    _try(lambda: world.write(entry), world, clock)
    return Ended(End.ROLLED_BACK if world.roll_back() else End.NOT_ROLLED_BACK, decision)


def _try(act: Callable[[], object], world: World, clock: Clock) -> None:
    """Write, and go on where it cannot be written: nothing may hold up giving traffic back."""
    try:
        act()
    except LedgerError as error:
        world.told(clock.now(), 0.0, None, f"not written down: {error}; going back all the same")
