"""Creates the finding of each live objective; its sentence has the counts of both colours."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import ceil, sqrt
from typing import assert_never

from gates.judging.conclusion import Conclusion, cannot_measure, finding_of
from gates.judging.live.figures import figure_of
from gates.judging.live.live_judge import LiveJudge
from gates.judging.live.objective_judges import (
    BadEventComparison,
    Judge,
    RestartCount,
    RollbackTrigger,
    Stop,
    ThroughputComparison,
    TrafficCount,
)
from gates.model import (
    Finding,
    LiveObjective,
    Measured,
    Measurement,
    Move,
    RestartsObjective,
    Verdict,
)
from gates.model.figures import significant
from gates.statistics import RULE_OF_THREE, Tally, chance_of_at_least, chance_of_at_most

# The highest probability at which chance does not explain the counts: so few bad events of a green
# at the limit, or so many bad events of blue.
MAX_CHANCE_BY_LUCK = 0.2
# Where blue breaks the limit, the highest probability that green looks better by chance.
MAX_CHANCE_OF_BETTER = 0.0001
# The lowest probability of so few events, for a green at the hold ratio, at which a step goes on.
MIN_CHANCE_OF_FEW = 0.05
# Chance may explain a deviation of green's share up to so many standard deviations.
MAX_DEVIATIONS = 3.0
# The tolerance is a part of the smaller share, or of this share where that is smaller still.
MIN_SMALLER_SHARE = 0.04
# Seconds since the epoch are larger than those of any recording.
EPOCH_LATER = 1e8
# Longer times are written in minutes.
MIN_LONG_SECONDS = 90


def conclude(
    live: LiveJudge, now: float, blind: tuple[Measured, str], basis: "FindingBasis"
) -> tuple[Finding, ...]:
    """Create one finding for each objective of a live judge.

    Args:
        live: the live judge, which has counted all scrapes up to now.
        now: the moment of the decision, in seconds on the clock of the scrapes.
        blind: a status and a sentence that says why the objectives cannot be judged; ``(OK, "")``
            where the objectives can be judged.
        basis: the measurements for each finding.
    """
    return tuple(_finding(judge, live, now, blind, basis) for judge in live.judges)


@dataclass(frozen=True, slots=True)
class FindingBasis:
    """The measurements on which the findings are based, with commands to repeat them.

    Args:
        measurements: the measurements, by the objective's name.
        commands: the command line that repeats the first measurement, by the objective's name.
    """

    measurements: dict[str, tuple[Measurement, ...]]
    commands: dict[str, str]


def _finding(
    judge: Judge, live: LiveJudge, now: float, blind: tuple[Measured, str], basis: FindingBasis
) -> Finding:
    objective = judge.objective
    measured, problem = blind
    if judge.stopped is not None:
        sentence = _stop(judge, judge.stopped, live)
        stop, figure = judge.stopped.outcome, figure_of(judge)
        conclusion = Conclusion(Measured.OK, Verdict.FAIL, sentence, breach=stop, figure=figure)
    elif measured is not Measured.OK:
        conclusion = cannot_measure(measured, reads_of(objective), problem)
    else:
        figure = figure_of(judge)
        conclusion = Conclusion(Measured.OK, *_judged(judge, live, now), figure=figure)
    return finding_of(
        objective,
        conclusion,
        basis.measurements.get(objective.name, ()),
        basis.commands.get(objective.name, ""),
    )


def reads_of(objective: LiveObjective) -> str:
    """Return the name of a live objective's events for messages, such as ``requests failed``."""
    return "restarts" if isinstance(objective, RestartsObjective) else objective.indicator.reads


def _stop(judge: Judge, stop: Stop, live: LiveJudge) -> str:
    """Why the release was stopped, and when."""
    at = moment(stop.at)
    since = (
        f"; the stop was {stop.at - live.moves[0].at:.0f} s after the ramp began"
        if live.moves
        else ""
    )
    reads = reads_of(judge.objective)
    match judge:
        case BadEventComparison():
            return (
                f"{reads}: green's ratio is over the limit derived from blue; counts of the last "
                f"{judge.objective.terms.slow:g} s before {at}: {stop.minute}; counts since the "
                f"ramp step began: {stop.step}{since}"
            )
        case ThroughputComparison():
            minimum = f"the minimum is {100 * judge.objective.least_ratio:g} % of blue's rate"
            return (
                f"there are too few {reads} on green, from the start of the step to {at}: "
                f"{stop.step}; {minimum}{since}"
            )
        case RollbackTrigger():
            objective = judge.objective
            lasting = objective.lasting.total_seconds()
            how_long = f" for {lasting:.0f} s" if lasting else ""
            return (
                f"rollback trigger fired: {reads}: green's ratio was over "
                f"{100 * objective.over:g} %{how_long}; "
                f"in the {objective.window.total_seconds():.0f} s before {at}: {stop.minute}{since}"
            )
        case RestartCount():
            limit = judge.objective.max_restarts
            return f"{stop.minute}{since}; at most {limit} restarts are accepted"
        case TrafficCount():
            return "an objective about the traffic does not stop a release"
        case _:
            assert_never(judge)


def moment(at: float) -> str:
    """Return a moment as a text for a message: the time of day, or the second of a recording.

    Args:
        at: seconds since the epoch, or seconds of a recording.
    """
    if abs(at) < EPOCH_LATER:
        return f"second {at:.0f}"
    return datetime.fromtimestamp(at, UTC).strftime("%H:%M:%S UTC")


def _judged(judge: Judge, live: LiveJudge, now: float) -> tuple[Verdict, str]:
    match judge:
        case BadEventComparison():
            return _bad_events(judge, live.moves, now)
        case ThroughputComparison():
            return _throughput(judge, now - live.moves[-1].at if live.moves else 0.0)
        case RollbackTrigger():
            return _trigger(judge)
        case TrafficCount():
            return _traffic(judge)
        case RestartCount():
            limit = judge.objective.max_restarts
            counts = (
                "the largest number of restarts of one instance of green in this step is "
                f"{judge.most}"
            )
            accepted = f"at most {limit} restarts are accepted"
            return Verdict.PASS, f"{counts}; {accepted}{_sign_of_restart(judge)}"
        case _:
            assert_never(judge)


def _sign_of_restart(judge: RestartCount) -> str:
    """A note that a counter's fall counts as a restart; empty where start times are known."""
    if not judge.objective.processes.fall_is_restart:
        return ""
    return "; the policy names no start time, so the fall of a counter counts as a restart"


def _bad_events(
    judge: BadEventComparison, moves: Sequence[Move], now: float
) -> tuple[Verdict, str]:
    objective, green = judge.objective, judge.green
    limit, seconds = objective.terms.limit, now - moves[-1].at
    must = "" if objective.relative else f"under {100 * limit:g} % and "
    counts = (
        f"{objective.indicator.reads}: green {green}, blue {judge.blue}; green's ratio must stay "
        f"{must}near blue's ratio; this step has lasted {seconds:.0f} s"
    )
    if judge.comparison.capital > objective.terms.worry_at:
        doubt = "green looks worse than blue, but the difference is not certain yet; wait"
        return Verdict.INCONCLUSIVE, f"{doubt}. {counts}"
    if objective.relative:
        return _relative(judge, counts)
    missing = (objective.minimum_events or ceil(RULE_OF_THREE / limit)) - green.whole
    few = missing > 0 or (
        green.part < limit * green.whole
        and chance_of_at_most(round(green.part), round(green.whole), limit) > MAX_CHANCE_BY_LUCK
    )
    if few and not objective.minimum_events:
        reason = "the objective is not judged, because green has too few events for this limit"
        return Verdict.PASS, f"{reason}. {counts}"
    if missing > 0:
        how_long = pace(green.whole, missing, seconds)
        return Verdict.INCONCLUSIVE, f"{missing:,.0f} more events are needed. {counts}{how_long}"
    if green.ratio is None or green.ratio >= limit:
        doubt = "green's ratio is over the policy's limit, but not over the limit derived from blue"
    elif few:
        doubt = (
            "green's ratio is under the policy's limit, perhaps by chance; more events are needed"
        )
    elif _blue_is_over(judge):
        doubt = (
            "blue's ratio is over the policy's limit, and it is not certain that green's ratio is "
            "lower"
        )
    else:
        return Verdict.PASS, counts
    return Verdict.INCONCLUSIVE, f"{doubt}. {counts}"


def _relative(judge: BadEventComparison, counts: str) -> tuple[Verdict, str]:
    """A comparison without a limit passes unless green looks worse than blue."""
    if not judge.green.whole or not judge.blue.whole:
        colours = {"green": judge.green, "blue": judge.blue}
        names = " and ".join(name for name, colour in colours.items() if not colour.whole)
        reason = f"the objective is not judged, because there are no events on {names}"
        return Verdict.PASS, f"{reason}. {counts}"
    return Verdict.PASS, counts


def _throughput(judge: ThroughputComparison, seconds: float) -> tuple[Verdict, str]:
    """Judge whether green had an event in the ramp, and whether its rate is far below blue's."""
    objective, green, blue = judge.objective, judge.green, judge.blue
    reads = objective.indicator.reads
    counts = (
        f"{reads}: green {_per_request(green)}, blue {_per_request(blue)}; green must have at "
        f"least {100 * objective.least_ratio:g} % of blue's rate; this step has lasted "
        f"{seconds:.0f} s"
    )
    if judge.ramp_blue.part and not judge.ramp_green.part:
        return Verdict.INCONCLUSIVE, f"green has had no {reads} in this ramp. {counts}"
    if judge.test.capital > objective.terms.worry_at:
        doubt = (
            f"it is possible that green has fewer {reads} "
            "per request than blue; more events are needed"
        )
        return Verdict.INCONCLUSIVE, f"{doubt}. {counts}"
    p_value = judge.test.p_value(green, blue, objective.hold_ratio)
    if p_value is None:
        reason = f"the objective is not judged, because there are no {reads} to compare"
        return Verdict.PASS, f"{reason}. {counts}"
    if p_value < MIN_CHANCE_OF_FEW:
        doubt = (
            f"green has very few {reads}: if green had {100 * objective.hold_ratio:g} % of blue's "
            f"rate, green would have so few {reads} by chance in only "
            f"{significant(100 * p_value, 2)} % of all steps"
        )
        return Verdict.INCONCLUSIVE, f"{doubt}. {counts}"
    return Verdict.PASS, counts


def _per_request(tally: Tally) -> str:
    if not tally.whole:
        return "no events, because there were no requests"
    per_thousand = 1000 * tally.part / tally.whole
    return (
        f"{tally.part:,.0f} in {tally.whole:,.0f} requests ({significant(per_thousand)} per 1,000)"
    )


def _blue_is_over(judge: BadEventComparison) -> bool:
    """Whether blue is over the limit, and chance may explain why green looks better than blue.

    Source: the conditional test of ``Comparison.should_stop``, with the colours exchanged.
    """
    green, blue = judge.green, judge.blue
    limit = judge.objective.terms.limit
    if blue.ratio is None or blue.ratio < limit:
        return False
    if chance_of_at_least(round(blue.part), round(blue.whole), limit) > MAX_CHANCE_BY_LUCK:
        return False
    share = green.whole / (green.whole + blue.whole)
    both = round(green.part + blue.part)
    return chance_of_at_most(round(green.part), both, share) > MAX_CHANCE_OF_BETTER


def pace(events: float, missing: float, seconds: float) -> str:
    """Estimate the time until enough events have occurred.

    Args:
        events: the number of events so far.
        missing: the number of events that are still needed.
        seconds: the time in which the events so far occurred, in seconds.

    Returns:
        The end of a sentence, such as ``; wait for about 40 s at this rate of events``.
    """
    if events <= 0 or seconds <= 0:
        return "; there is no traffic, so the number of events does not grow"
    left = seconds / events * missing
    how_long = f"{left:.0f} s" if left < MIN_LONG_SECONDS else f"{left / 60:.0f} min"
    return f"; wait for about {how_long} at this rate of events"


def _trigger(judge: RollbackTrigger) -> tuple[Verdict, str]:
    objective, tally = judge.objective, judge.green.tally
    lasting = objective.lasting.total_seconds()
    counts = (
        f"{objective.indicator.reads}: green {tally}, blue {judge.blue.tally} in the last "
        f"{objective.window.total_seconds():.0f} s; the trigger fires when green is over "
        f"{100 * objective.over:g} %" + (f" for {lasting:.0f} s" if lasting else "")
    )
    if judge.over_for > 0:
        over_for = f"green has been over the limit for {judge.over_for:.0f} s"
        return Verdict.INCONCLUSIVE, f"{over_for}. {counts}"
    return Verdict.PASS, counts


def _traffic(judge: TrafficCount) -> tuple[Verdict, str]:
    objective, both = judge.objective, judge.green + judge.blue
    intended = judge.share
    counts = (
        f"green answered {judge.green:,.0f} of {both:,.0f} {objective.indicator.reads} of this "
        f"step; the intended share is {100 * intended:g} %"
    )
    if both < objective.minimum_events:
        missing = objective.minimum_events - both
        return Verdict.INCONCLUSIVE, f"{missing:,.0f} more events are needed. {counts}"
    smaller = max(min(intended, 1 - intended), MIN_SMALLER_SHARE)
    deviation = MAX_DEVIATIONS * sqrt(intended * (1 - intended) / both)
    if abs(judge.green / both - intended) > objective.tolerance * smaller + deviation:
        return Verdict.INCONCLUSIVE, f"green's traffic is not the intended share. {counts}"
    return Verdict.PASS, counts
