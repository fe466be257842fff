"""Computes the ratio of bad events of green and blue during a ramp, from stored raw samples.

The charts show these ratios. The gate's conclusions from the same samples are in the findings.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from math import isfinite, sqrt
from statistics import median

from gates.model import (
    ComparisonObjective,
    EventIndicator,
    Evidence,
    Measured,
    Part,
    Series,
    Stage,
    TriggerObjective,
)
from gates.model.selector import of_colour
from gates.release_report.kept_decisions import KeptDecision
from gates.statistics import is_within, parse_selector
from reports.html.page import Charts, Limit, Line, RatioChart, RatioPoint, TrafficMove

MAX_CHARTS = 8
MAX_POINTS = 30
# A point has at least this number of events, so that one bad event is no peak of 100 %.
MIN_EVENTS = 100.0
# The part of the chart before the ramp, relative to the length of the ramp.
SHARE_BEFORE_RAMP = 0.2
# The two-sided 95 % quantile of the normal distribution.
QUANTILE = 1.96
# A time series is new when its first sample is this much later than the first sample of all.
NEW_SERIES_SECONDS = 0.001
Increase = tuple[float, float]


def charts_of(kept: KeptDecision, moves: Sequence[TrafficMove]) -> Charts:
    """Create a chart for each indicator of a comparison or a rollback trigger.

    An indicator without a limit has a chart only where a bad event occurred.

    Args:
        kept: the newest decision about a ramp step, with its evidence.
        moves: the moves of the newest ramp, oldest first; may be empty.
    """
    every = _charts(kept, moves)
    shown = [chart for chart in every if chart.limits or any(line.bad for line in chart.lines)]
    shown.sort(key=lambda chart: not chart.limits)
    left_out = [chart.title for chart in every if chart not in shown]
    titles = "; ".join(left_out)
    note = f" These events did not occur, so they have no chart: {titles}." if left_out else ""
    return Charts(kept.sentence + note, "", tuple(shown[:MAX_CHARTS]))


def _charts(kept: KeptDecision, moves: Sequence[TrafficMove]) -> list[RatioChart]:
    """Create a chart for each indicator of the stage that has events."""
    until = kept.document.decision.at.timestamp()
    begin = _beginning(kept.evidence, moves, until)
    charts = []
    for objective in _objectives(kept.stage):
        lines = _lines(objective.indicator, kept.evidence, begin, until)
        if lines:
            charts.append(
                RatioChart(
                    title=objective.indicator.reads,
                    objective=objective.name,
                    lines=lines,
                    limits=_limits(objective, kept.stage),
                    moves=tuple(moves),
                    since=begin - SHARE_BEFORE_RAMP * (until - begin),
                    until=until,
                )
            )
    return charts


def _beginning(evidence: Evidence, moves: Sequence[TrafficMove], until: float) -> float:
    """Return when the ramp began; without a move, the start of the longest window of samples."""
    earlier = [move.at for move in moves if move.at < until]
    if earlier:
        return earlier[0]
    windows = [answer.window.total_seconds() for answer in evidence.samples.values()]
    return until - max(windows, default=1.0)


def _objectives(stage: Stage) -> list[ComparisonObjective | TriggerObjective]:
    """Return the comparisons of the stage, and the rollback triggers of other indicators."""
    compared = [item for item in stage.objectives if isinstance(item, ComparisonObjective)]
    names = {objective.indicator.name for objective in compared}
    triggers = [
        item
        for item in stage.objectives
        if isinstance(item, TriggerObjective) and item.indicator.name not in names
    ]
    return [*compared, *triggers]


def _limits(objective: ComparisonObjective | TriggerObjective, stage: Stage) -> tuple[Limit, ...]:
    """Return the limits of an indicator: of the objective, and of the rollback triggers."""
    limits = []
    if isinstance(objective, ComparisonObjective) and not objective.relative:
        word = "advisory limit" if objective.name in stage.advisories else "limit"
        limits.append(Limit(objective.terms.limit, word))
    limits += [
        Limit(item.over, "rollback trigger")
        for item in stage.objectives
        if isinstance(item, TriggerObjective) and item.indicator.name == objective.indicator.name
    ]
    return tuple(limits)


def _lines(
    indicator: EventIndicator, evidence: Evidence, begin: float, until: float
) -> tuple[Line, ...]:
    """Return one line for each colour that has events."""
    slots = {"green": evidence.target.slot, "blue": evidence.target.baseline_slot}
    lines = []
    label = evidence.target.colour_label
    for colour, slot in slots.items():
        total = _increases(of_colour(indicator.total, slot, label), evidence)
        counted = _increases(of_colour(indicator.selected, slot, label), evidence)
        bad = _bad(indicator.part, counted, total)
        points = _points(bad, total, begin - SHARE_BEFORE_RAMP * (until - begin), until)
        if points:
            in_ramp = [(bad.get(at, 0.0), rise) for at, rise in total.items() if at > begin]
            lines.append(
                Line(colour, points, sum(b for b, _ in in_ramp), sum(t for _, t in in_ramp))
            )
    return tuple(lines)


def _bad(
    part: Part, counted: Mapping[float, float], total: Mapping[float, float]
) -> dict[float, float]:
    """Return the number of bad events at each moment."""
    if part is not Part.GOOD:
        return dict(counted)
    return {at: max(0.0, rise - counted.get(at, 0.0)) for at, rise in total.items()}


def _increases(selector: str, evidence: Evidence) -> dict[float, float]:
    """Sum the increases of all counters that a selector matches, keyed by the scrape's moment."""
    series = _series(selector, evidence)
    oldest = min((counter.samples[0].at for counter in series), default=0.0)
    sums: dict[float, float] = {}
    for counter in series:
        for at, rise in _rises(counter, oldest):
            sums[at] = sums.get(at, 0.0) + rise
    return sums


def _series(selector: str, evidence: Evidence) -> list[Series]:
    """Find the time series of a selector in the samples of the same or of a wider selector."""
    answers = [
        (key.rpartition("[")[0], answer)
        for key, answer in evidence.samples.items()
        if answer.measured is Measured.OK
    ]
    answers.sort(key=lambda pair: (pair[0] != selector, -pair[1].window.total_seconds()))
    wide = (answer for own, answer in answers if own == selector or is_within(selector, own))
    answer = next(wide, None)
    if answer is None:
        return []
    matches = parse_selector(selector).matches
    return [counter for counter in answer.series if counter.samples and matches(counter.labels)]


def _rises(counter: Series, oldest: float) -> Iterable[Increase]:
    """Yield the increases of a counter; a new or restarted counter increases by its whole value."""
    first = counter.samples[0]
    if first.at > oldest + NEW_SERIES_SECONDS and isfinite(first.value):
        yield first.at, max(0.0, first.value)
    for before, sample in pairwise(counter.samples):
        rise = sample.value - before.value
        if isfinite(rise):
            yield sample.at, rise if rise >= 0 else max(0.0, sample.value)


def _points(
    bad: Mapping[float, float], total: Mapping[float, float], since: float, until: float
) -> tuple[RatioPoint, ...]:
    """Compute the ratio in each interval of time that has enough events."""
    moments = sorted(at for at in total if since <= at <= until)
    if not moments:
        return ()
    width = max((until - since) / MAX_POINTS, 2 * _interval(moments))
    parts: list[list[float]] = []
    begun, events, bad_events = moments[0], 0.0, 0.0
    for at in moments:
        events, bad_events = events + total[at], bad_events + bad.get(at, 0.0)
        if at - begun >= width and events >= MIN_EVENTS:
            parts.append([at, bad_events, events])
            begun, events, bad_events = at, 0.0, 0.0
    if events > 0 and parts:
        last = parts[-1]
        parts[-1] = [moments[-1], last[1] + bad_events, last[2] + events]
    elif events > 0:
        parts.append([moments[-1], bad_events, events])
    return tuple(_point(at, min(b, t), t) for at, b, t in parts)


def _interval(moments: Sequence[float]) -> float:
    """Return the median time between two scrapes, seconds."""
    return median([after - before for before, after in pairwise(moments)] or [1.0])


def _point(at: float, bad: float, total: float) -> RatioPoint:
    """Create a point with its 95 % confidence interval.

    Source: Wilson, Probable inference, the law of succession, and statistical inference, Journal
    of the American Statistical Association 22 (1927).
    """
    ratio, square = bad / total, QUANTILE**2
    centre = ratio + square / (2 * total)
    spread = QUANTILE * sqrt(ratio * (1 - ratio) / total + square / (4 * total**2))
    scale = 1 + square / total
    low, high = (centre - spread) / scale, (centre + spread) / scale
    return RatioPoint(at, bad, total, max(0.0, min(low, ratio)), min(1.0, max(high, ratio)))
