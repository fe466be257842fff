"""The ramp on a router, clock and gate made by hand: on each answer, and after a crash."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from gates.cli import ramp as ramp_command
from gates.errors import LedgerError, MismatchError, RouterError, ScheduleError
from gates.exitcodes import ExitCode
from gates.ledger import LedgerEntry, MoveEntry, RampEnding, RampRollbackEntry, encode
from gates.model import Decision, Outcome
from gates.policy.schedule import Step
from gates.ramp import engine as ramp
from gates.ramp.engine import Plan
from gates.ramp.request_counts import ConfirmedMove
from gates.ramp.rollback import Proof, RollbackResult
from gates.ramp.witness import Opinion, Statement, WitnessReport

STEPS = tuple(Step(n / 10, f"ramp-{10 * n}", 600.0) for n in range(1, 11))
PLAN = Plan(
    "green",
    ("green", "blue"),
    STEPS,
    15.0,
    3600.0,
    no_go_rolls_back=True,
    time_scale=1.0,
    ready="green-ready",
)


class Crash(BaseException):
    """The machine is gone."""


@dataclass
class FakeWorld:
    """Router, clock and world in one.

    ``answers`` says what the gate answers by stage, once its bake is over; before, it is a hold.
    """

    answers: dict[str, Outcome] = field(default_factory=dict)
    early: dict[str, Outcome] = field(default_factory=dict)
    share: float = 0.0
    time: float = 1000.0
    ledger: list[LedgerEntry] = field(default_factory=list)
    recorded: list[str] = field(default_factory=list)
    waited: list[float] = field(default_factory=list)
    back_works: bool = True
    opinion: Opinion = Opinion.AGREES
    mirrored: bool = False
    backs: list[tuple[ConfirmedMove | None, bool]] = field(default_factory=list)
    crash_after: int | None = None
    last: str = ""
    acts: int = 0

    def _act(self) -> None:
        self.acts += 1
        if self.crash_after is not None and self.acts > self.crash_after:
            raise Crash

    def shares(self) -> Mapping[str, float]:
        return {"green": self.share, "blue": 1 - self.share}

    def move(self, shares: Mapping[str, float]) -> None:
        self._act()
        self.share = shares["green"]

    def now(self) -> float:
        return self.time

    def wait(self, seconds: float) -> None:
        self.waited.append(seconds)
        self.time += seconds

    def ask(self, stage: str) -> Decision:
        self._act()
        self.last = stage
        moves = [entry for entry in self.ledger if isinstance(entry, MoveEntry)]
        baked = stage == "green-ready" or self.time - moves[-1].at >= 600
        outcome = self.answers.get(stage, Outcome.GO) if baked else Outcome.HOLD
        outcome = self.early.get(stage, outcome)
        return Decision(outcome, "why", stage, "green", "b", datetime.now(UTC), ())

    def record(self) -> str:
        self.recorded.append(self.last)
        return "id"

    def write(self, entry: LedgerEntry) -> None:
        self._act()
        self.ledger.append(entry)

    def entries(self) -> Sequence[LedgerEntry]:
        return list(self.ledger)

    def show(self, at: float, share: float, decision: Decision | None, note: str) -> None:
        pass

    def witness(self, move: ConfirmedMove) -> WitnessReport:
        statement = Statement(self.opinion, f"{100 * move.share:g} % was given")
        return WitnessReport(statement, statement, weights_scraped=True, mirrored=self.mirrored)

    def roll_back(self, move: ConfirmedMove | None, *, mirrored: bool) -> RollbackResult:
        self._act()
        self.backs.append((move, mirrored))
        if self.back_works:
            self.share = 0.0
        proof = Proof.VERIFIED if self.back_works else Proof.NOT_MOVED
        return RollbackResult(proof, moved=self.back_works, lines=(), seconds=0.1)


def run(here: FakeWorld, plan: Plan = PLAN) -> ramp.RampResult:
    return ramp.run(plan, here, here, here)


def moves(here: FakeWorld) -> list[float]:
    return [entry.share for entry in here.ledger if isinstance(entry, MoveEntry)]


def last_entry(here: FakeWorld) -> dict[str, Any]:
    """The last entry of the ledger, as JSON."""
    return dict(encode(here.ledger[-1]))


def test_go_at_every_step_ends_with_all_traffic_on_green() -> None:
    here = FakeWorld()
    result = run(here)
    assert (result.ending, here.share) == (RampEnding.DONE, 1.0)
    assert moves(here) == [n / 10 for n in range(1, 11)]
    assert here.recorded == ["green-ready", *(step.stage for step in STEPS)]
    assert last_entry(here)["how"] == "done"


def test_it_does_not_go_on_before_the_bake_is_over() -> None:
    here = FakeWorld(early={"ramp-10": Outcome.GO}, crash_after=25)
    with pytest.raises(Crash):
        run(here)
    assert moves(here) == [0.1]


def test_a_hold_stays_where_it_is_and_is_handed_to_a_person_after_an_hour() -> None:
    here = FakeWorld(answers={"ramp-30": Outcome.HOLD})
    began = here.time
    result = run(here)
    assert (result.ending, here.share) == (RampEnding.HELD, 0.3)
    assert here.time - began >= 3 * 600 + 3600
    assert here.recorded[-1] == "ramp-30"


@pytest.mark.parametrize("outcome", [Outcome.NO_GO, Outcome.ROLLBACK])
def test_a_stop_in_the_middle_of_a_bake_gives_the_traffic_back_at_once(outcome: Outcome) -> None:
    here = FakeWorld(early={"ramp-40": outcome})
    result = run(here)
    assert (result.ending, here.share) == (RampEnding.ROLLED_BACK, 0.0)
    assert result.decision is not None
    assert result.decision.outcome is outcome
    assert here.time - 1000.0 < 3 * 600 + 60


def test_a_no_go_stays_where_the_policy_says_so() -> None:
    here = FakeWorld(early={"ramp-40": Outcome.NO_GO})
    result = run(here, replace(PLAN, no_go_rolls_back=False))
    assert (result.ending, here.share) == (RampEnding.STOPPED, 0.4)


def test_a_rollback_that_fails_is_said() -> None:
    here = FakeWorld(early={"ramp-40": Outcome.ROLLBACK}, back_works=False)
    assert run(here).ending is RampEnding.NOT_ROLLED_BACK


@pytest.mark.parametrize("outcome", [Outcome.HOLD, Outcome.NO_GO])
def test_green_that_is_not_ready_gets_nothing(outcome: Outcome) -> None:
    here = FakeWorld(answers={"green-ready": outcome})
    assert run(here).ending in (RampEnding.HELD, RampEnding.STOPPED)
    assert (here.share, moves(here)) == (0.0, [])


def test_traffic_that_no_ramp_gave_is_not_touched() -> None:
    here = FakeWorld(share=0.2)
    with pytest.raises(MismatchError, match="no ramp of the ledger set this share"):
        run(here)
    assert here.share == 0.2


@pytest.mark.parametrize("moment", range(1, 60, 3))
def test_after_a_crash_at_any_moment_it_goes_on_where_it_was(moment: int) -> None:
    here = FakeWorld(crash_after=moment)
    with pytest.raises(Crash):
        run(here)
    shares_before = moves(here)
    here.crash_after = None
    result = run(here)
    assert (result.ending, here.share) == (RampEnding.DONE, 1.0)
    done = moves(here)
    assert sorted(done) == done
    assert set(done) == {n / 10 for n in range(1, 11)}
    assert done[: max(0, len(shares_before) - 1)] == shares_before[: max(0, len(shares_before) - 1)]


def test_after_a_crash_in_a_rollback_the_rollback_is_finished() -> None:
    here = FakeWorld(early={"ramp-20": Outcome.ROLLBACK})
    original = here.roll_back
    here.roll_back = lambda *_, **__: (_ for _ in ()).throw(Crash())  # type: ignore[method-assign]
    with pytest.raises(Crash):
        run(here)
    here.roll_back = original  # type: ignore[method-assign]
    here.early = {}
    result = run(here)
    assert (result.ending, here.share) == (RampEnding.ROLLED_BACK, 0.0)


def test_after_a_crash_traffic_somebody_else_moved_is_not_touched() -> None:
    here = FakeWorld(crash_after=12)
    with pytest.raises(Crash):
        run(here)
    here.crash_after, here.share = None, 0.77
    with pytest.raises(MismatchError, match="somebody else moved the traffic"):
        run(here)
    assert here.share == 0.77


def test_traffic_moved_by_somebody_else_under_way_is_noticed() -> None:
    here = FakeWorld(answers={"ramp-20": Outcome.HOLD})
    original = here.wait

    def wait(seconds: float) -> None:
        original(seconds)
        if here.share == 0.2:
            here.share = 0.5

    here.wait = wait  # type: ignore[method-assign]
    with pytest.raises(MismatchError, match="somebody else moved the traffic"):
        run(here)


def test_a_new_ramp_after_one_that_ended_begins_anew() -> None:
    here = FakeWorld(early={"ramp-20": Outcome.NO_GO})
    run(here)
    here.early = {}
    assert run(here).ending is RampEnding.DONE
    assert moves(here)[:3] == [0.1, 0.2, 0.1]


def test_a_held_ramp_goes_on_when_it_is_told_to() -> None:
    here = FakeWorld(answers={"ramp-30": Outcome.HOLD})
    assert run(here).ending is RampEnding.HELD
    here.answers = {}
    assert run(here).ending is RampEnding.DONE
    assert moves(here) == [n / 10 for n in range(1, 11)]


def test_a_ledger_that_cannot_be_written_does_not_hold_up_a_rollback() -> None:
    here = FakeWorld(early={"ramp-30": Outcome.ROLLBACK})
    original = here.write

    def full(entry: LedgerEntry) -> None:
        if isinstance(entry, RampRollbackEntry):
            raise LedgerError("no space left on device")
        original(entry)

    def no_room() -> str:
        if here.last == "ramp-30":
            raise LedgerError("no space left on device")
        return "id"

    here.write, here.record = full, no_room  # type: ignore[method-assign]
    assert run(here).ending is RampEnding.ROLLED_BACK
    assert here.share == 0.0


def silent_after(here: FakeWorld, calls: int, times: int) -> None:
    """The router says nothing for some times in a row."""
    original, readings = here.shares, []

    def shares() -> Mapping[str, float]:
        readings.append(1)
        if calls < len(readings) <= calls + times:
            raise RouterError("reloading")
        return original()

    here.shares = shares  # type: ignore[method-assign]


def test_a_router_that_is_silent_for_a_moment_ends_nothing() -> None:
    here = FakeWorld()
    silent_after(here, 10, 3)
    assert run(here).ending is RampEnding.DONE


def test_a_router_that_stays_silent_ends_the_ramp() -> None:
    here = FakeWorld()
    silent_after(here, 10, 99)
    result = run(here)
    assert (result.ending, result.crashed, here.share) == (RampEnding.ROLLED_BACK, True, 0.0)
    assert "RouterError: reloading" in result.problem


def test_a_manual_rollback_between_two_steps_is_not_undone() -> None:
    here = FakeWorld()
    original = here.record

    def record() -> str:
        if here.last == "ramp-20":
            here.share = 0.0
        return original()

    here.record = record  # type: ignore[method-assign]
    with pytest.raises(MismatchError, match="0 % of the traffic, but this ramp set 20 %"):
        run(here)
    assert (here.share, moves(here)) == (0.0, [0.1, 0.2])
    assert last_entry(here)["how"] == "moved_by_others"


def test_another_schedule_leaves_the_unfinished_ramp_as_it_is() -> None:
    here = FakeWorld(crash_after=25)
    with pytest.raises(Crash):
        run(here)
    here.crash_after, before, share = None, list(here.ledger), here.share
    other = replace(PLAN, steps=tuple(step for step in STEPS if step.share != share))
    with pytest.raises(ScheduleError, match="which is not in the schedule"):
        run(here, other)
    assert (here.ledger, here.share) == (before, share)
    assert run(here).ending is RampEnding.DONE


def test_a_failed_rollback_has_an_exit_code_of_its_own() -> None:
    here = FakeWorld(early={"ramp-30": Outcome.ROLLBACK}, back_works=False)
    result = run(here)
    assert (result.ending, here.share) == (RampEnding.NOT_ROLLED_BACK, 0.3)
    assert ramp_command._exit_code(result, in_ledger=True) == ExitCode.INTERNAL
    here = FakeWorld(early={"ramp-30": Outcome.ROLLBACK})
    assert ramp_command._exit_code(run(here), in_ledger=True) == ExitCode.ROLLBACK
