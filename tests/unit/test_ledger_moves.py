"""The moves of a ramp, as a decision reads them from the ledger."""

from types import SimpleNamespace
from typing import Any

import pytest

from gates import decisions
from gates.ledger import LedgerEntry, MoveEntry, RampStartEntry, RollbackEntry, decode, encode
from gates.model import Move

CONTEXT: Any = SimpleNamespace(target=SimpleNamespace(name="green"), time_scale=1.0)
RAMP: list[LedgerEntry] = [
    RampStartEntry("green", 1.0, 900.0, 10),
    MoveEntry("green", "ramp-30", 0.3, 1000.0, 1.0),
]


def rollback(*, moved: bool) -> RollbackEntry:
    proof = "NOT verified: not seen" if moved else "NOT verified: not moved"
    return RollbackEntry("green", 1.0, 1100.0, False, proof, moved, 2.0, (), None)


@pytest.mark.parametrize(("moved", "known"), [(True, ()), (False, (Move(1000.0, 0.3),))])
def test_only_a_rollback_that_moved_traffic_ends_the_moves(*, moved: bool, known: object) -> None:
    assert decisions.moves(CONTEXT, [*RAMP, rollback(moved=moved)]) == known


def test_a_rollback_of_an_older_version_ends_the_moves() -> None:
    content = dict(encode(rollback(moved=True)))
    del content["moved"]
    assert decisions.moves(CONTEXT, [*RAMP, decode(content)]) == ()
