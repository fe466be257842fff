"""Computes the measured value and the limit of each live objective, for a dashboard."""

from typing import assert_never

from gates.judging.live.objective_judges import (
    BadEventComparison,
    Judge,
    RestartCount,
    RollbackTrigger,
    ThroughputComparison,
    TrafficCount,
)
from gates.model import Figure


def figure_of(judge: Judge) -> Figure | None:
    """Return green's measured value and the limit of the objective.

    Args:
        judge: the judge of one objective, which has counted all scrapes up to now.

    Returns:
        The value and the limit; None where too few events were counted to compute the value.
    """
    match judge:
        case BadEventComparison():
            limit = None if judge.objective.relative else judge.objective.terms.limit
            return _figure(judge.green.ratio, limit)
        case ThroughputComparison():
            green, blue = judge.green.ratio, judge.blue.ratio
            value = green / blue if green is not None and blue else None
            return _figure(value, judge.objective.least_ratio)
        case RollbackTrigger():
            return _figure(judge.green.tally.ratio, judge.objective.over)
        case TrafficCount():
            both = judge.green + judge.blue
            return _figure(judge.green / both if both else None, None)
        case RestartCount():
            return Figure(judge.most, judge.objective.max_restarts)
        case _:
            assert_never(judge)


def _figure(value: float | None, limit: float | None) -> Figure | None:
    return None if value is None else Figure(value, limit)
