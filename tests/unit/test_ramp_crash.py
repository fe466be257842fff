"""A ramp that cannot go on, or whose move the second witness contradicts: where traffic ends."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
from test_ramp import PLAN, Crash, FakeWorld, last_entry, moves, run

from gates.errors import LedgerError, MismatchError, RouterError
from gates.ledger import LedgerEntry, RampEnding, encode
from gates.model import OnCrash, Outcome
from gates.ramp.history import orphaned_ramp
from gates.ramp.witness import Opinion


def refusing(here: FakeWorld, share: float, times: int) -> None:
    """The router refuses to give green this share, so many times."""
    original = here.move
    refused: list[int] = []

    def move(shares: Mapping[str, float]) -> None:
        if shares["green"] == share and len(refused) < times:
            refused.append(1)
            raise RouterError("status 502")
        original(shares)

    here.move = move  # type: ignore[method-assign]


def test_a_move_that_is_refused_twice_is_tried_a_third_time() -> None:
    here = FakeWorld()
    refusing(here, 0.3, 2)
    assert run(here).ending is RampEnding.DONE


def test_a_move_that_stays_refused_gives_the_traffic_back() -> None:
    here = FakeWorld()
    refusing(here, 0.3, 99)
    result = run(here)
    assert (result.ending, result.crashed, here.share) == (RampEnding.ROLLED_BACK, True, 0.0)
    assert [encode(entry).get("event") for entry in here.ledger[-2:]] == ["rollback", "ended"]
    assert last_entry(here)["how"] == "rolled_back"


def test_a_move_that_failed_can_be_made_again_where_the_traffic_was_left() -> None:
    here = FakeWorld()
    refusing(here, 0.3, 6)
    for _ in range(2):
        result = run(here, replace(PLAN, on_crash=OnCrash.LEAVE))
        assert (result.ending, result.crashed, here.share) == (RampEnding.LEFT, True, 0.2)
        assert last_entry(here)["how"] == "left"
    assert run(here).ending is RampEnding.DONE


ERRORS: tuple[BaseException, ...] = (
    LedgerError("no space left on device"),
    RouterError("status 502"),
    KeyboardInterrupt(),
    ZeroDivisionError(),
    MemoryError(),
    OSError(28, "No space left on device"),
)


def breaking(here: FakeWorld, at: int, error: BaseException) -> None:
    """The act of this number raises an error, once."""
    original = here._act

    def act() -> None:
        original()
        if here.acts == at:
            raise error

    here._act = act  # type: ignore[method-assign]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("moment", range(1, 40, 2))
def test_an_error_at_any_moment_leaves_no_traffic_on_green(
    moment: int, error: BaseException
) -> None:
    here = FakeWorld()
    breaking(here, moment, error)
    try:
        result = run(here)
    except type(error):
        assert moves(here) == []
    else:
        crashed = result.ending is RampEnding.ROLLED_BACK and result.crashed
        assert crashed or result.ending is RampEnding.DONE
        assert crashed == (here.share == 0.0)
    assert here.share in (0.0, 1.0)


@pytest.mark.parametrize("moment", range(5, 40, 2))
def test_an_error_at_any_moment_leaves_the_traffic_where_the_policy_says_so(moment: int) -> None:
    here = FakeWorld()
    breaking(here, moment, ZeroDivisionError("broken"))
    result = run(here, replace(PLAN, on_crash=OnCrash.LEAVE))
    assert (result.ending, result.crashed) == (RampEnding.LEFT, True)
    assert here.backs == []
    assert last_entry(here)["how"] == "left"
    assert "ZeroDivisionError: broken" in last_entry(here)["why"]
    assert run(here).ending is RampEnding.DONE


def test_a_ledger_that_stays_full_does_not_hold_up_giving_the_traffic_back() -> None:
    here = FakeWorld()
    original = here.write

    def full(entry: LedgerEntry) -> None:
        if here.share >= 0.2:
            raise LedgerError("no space left on device")
        original(entry)

    here.write = full  # type: ignore[method-assign]
    result = run(here)
    assert (result.ending, result.crashed, here.share) == (RampEnding.ROLLED_BACK, True, 0.0)


def test_a_rollback_that_fails_after_an_error_is_said() -> None:
    here = FakeWorld(back_works=False)
    refusing(here, 0.3, 99)
    result = run(here)
    assert (result.ending, result.crashed) == (RampEnding.NOT_ROLLED_BACK, True)
    assert last_entry(here)["how"] == "not_rolled_back"


@pytest.mark.parametrize("kind", ["mirrored", "unmoved"])
def test_a_contradicted_move_is_given_back_at_the_first_look(kind: str) -> None:
    here = FakeWorld(opinion=Opinion.CONTRADICTS, mirrored=kind == "mirrored")
    result = run(here)
    assert (result.ending, result.crashed, here.share) == (RampEnding.ROLLED_BACK, False, 0.0)
    assert (moves(here), here.backs[0][1]) == ([0.1], kind == "mirrored")
    assert "not verified" in last_entry(here)["why"]
    assert here.time == 1000.0


def test_a_witness_that_sees_nothing_ends_no_ramp() -> None:
    here = FakeWorld(opinion=Opinion.NOT_SEEN)
    assert run(here).ending is RampEnding.DONE
    assert last_entry(here)["verified"]["moves"] == 0
    assert last_entry(here)["verified"]["weights"].startswith("not seen")


def test_the_end_of_the_ramp_says_what_was_verified() -> None:
    here = FakeWorld()
    run(here)
    assert last_entry(here)["verified"] == {
        "moves": 10,
        "last_share": 1.0,
        "weights": "agrees: 100 % was given",
        "requests": "agrees: 100 % was given",
    }


def test_traffic_that_somebody_else_moved_is_said_in_the_ledger() -> None:
    here = FakeWorld(answers={"ramp-20": Outcome.HOLD})
    original = here.wait

    def wait(seconds: float) -> None:
        original(seconds)
        if here.share == 0.2:
            here.share = 0.5

    here.wait = wait  # type: ignore[method-assign]
    with pytest.raises(MismatchError):
        run(here)
    assert (last_entry(here)["how"], here.share) == ("moved_by_others", 0.5)
    assert orphaned_ramp(here.ledger, "green") is None


def test_a_killed_ramp_is_orphaned_and_a_held_one_is_not() -> None:
    here = FakeWorld(answers={"ramp-30": Outcome.HOLD}, crash_after=9)
    with pytest.raises(Crash):
        run(here)
    assert orphaned_ramp(here.ledger, "green") is not None
    assert orphaned_ramp(here.ledger, "other") is None
    here.crash_after = None
    run(here)
    assert orphaned_ramp(here.ledger, "green") is None
    here.crash_after, here.acts = 2, 0
    with pytest.raises(Crash):
        run(here)
    assert orphaned_ramp(here.ledger, "green") is not None
