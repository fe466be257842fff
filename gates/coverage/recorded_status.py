"""Finds the state of each item of the guide, from the decisions and sign-offs in the ledger."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from gates.coverage.matrix import Matrix, MatrixRow
from gates.signing.status import StageStatus, State

# From the best state to the worst; an item is in the worst state of its objectives, so an advisory
# objective shows only where no other objective decides the item.
ORDER = (
    State.ADVISORY,
    State.VERIFIED,
    State.SIGNED,
    State.OVERRIDDEN,
    State.OPEN,
    State.EXPIRED,
    State.FAILED,
)
RecordedStates = Mapping[str, State]
NO_STATES: RecordedStates = MappingProxyType({})


def states_of(matrix: Matrix, statuses: Sequence[StageStatus]) -> RecordedStates:
    """Find the state of each item that has objectives: the worst state of these objectives.

    Args:
        matrix: the items of the guide with their objectives.
        statuses: the status of every stage of the policy.

    Returns:
        The states, keyed by the id of the item.
    """
    recorded = {
        (status.stage.name, objective.objective): objective.state
        for status in statuses
        for objective in status.objectives
    }
    return {row.item.name: _state(row, recorded) for row in matrix.rows if row.deciding}


def _state(row: MatrixRow, recorded: Mapping[tuple[str, str], State]) -> State:
    states = [
        recorded[stage, deciding.objective.name]
        for deciding in row.deciding
        for stage in deciding.stages
    ]
    return max(states, key=ORDER.index)


def counts_text(states: RecordedStates) -> str:
    """Write the number of items in each state as text, such as ``3 verified, 0 signed, 1 open``."""
    values = list(states.values())
    shown = [state for state in ORDER if state is not State.ADVISORY or state in values]
    return ", ".join(f"{values.count(state)} {state.value}" for state in shown)
