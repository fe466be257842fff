"""Writes the matrix of the guide as JSON."""

import json

from gates.coverage.matrix import DecidingObjective, Matrix, MatrixRow
from gates.coverage.objective_sources import checks_of
from gates.coverage.recorded_status import NO_STATES, RecordedStates
from gates.model import SignOffObjective

SCHEMA = 1


def document(matrix: Matrix, states: RecordedStates = NO_STATES) -> str:
    """Return the matrix of the guide as JSON text, with its totals and the problems of its items.

    Args:
        matrix: the items of the guide with their objectives.
        states: the state of each item, from the ledger; empty where no target is named.
    """
    content = {
        "schema": SCHEMA,
        "policy": {"name": matrix.policy.name, "digest": matrix.policy.digest},
        "totals": {decider.value: count for decider, count in matrix.totals().items()},
        "items": len(matrix.rows),
        "problems": list(matrix.problems),
        "sections": [
            {
                "name": part.section.name,
                "guide": part.section.guide,
                "title": part.section.title,
                "items": [_item(row, states) for row in part.rows],
            }
            for part in matrix.sections
        ],
    }
    return json.dumps(content, ensure_ascii=False, indent=2)


def _item(row: MatrixRow, states: RecordedStates) -> dict[str, object]:
    state = states.get(row.item.name)
    return {
        "id": row.item.name,
        "kind": row.item.kind.value,
        "text": row.item.text,
        "decided_by": row.decider.value,
        "state": state.value if state else "",
        "why_not": row.item.why_not,
        "alerts": list(row.item.alerts),
        "problems": list(row.problems),
        "objectives": [_objective(deciding) for deciding in row.deciding],
    }


def _objective(deciding: DecidingObjective) -> dict[str, object]:
    objective = deciding.objective
    return {
        "name": objective.name,
        "guide": objective.guide,
        "sources": [source.value for source in deciding.sources],
        "checks": list(deciding.checks or checks_of(objective)),
        "stages": list(deciding.stages),
        "reason": objective.reason if isinstance(objective, SignOffObjective) else "",
    }
