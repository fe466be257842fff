"""What each live objective concludes from what it has seen: one sentence with both colours."""

from collections.abc import Sequence
from datetime import UTC, datetime
from math import ceil, sqrt
from typing import assert_never

from gates.judging.live.live_judge import Live
from gates.judging.live.objective_judges import (
    Compared,
    Judge,
    Restarted,
    Seen,
    Stopped,
    ThroughputJudge,
    Triggered,
)
from gates.model import Finding, Measured, Measurement, Move, Outcome, Verdict
from gates.statistics import Tally, chance_of_at_least, chance_of_at_most

# So many events without a bad one show that a ratio is under a limit: 3/limit, at 95 %.
RULE_OF_THREE = 3
# A release just at the limit may look so good at most in one of five steps.
LUCK = 0.2
# So unlikely must it be that green only looks better than a blue that breaks the limit.
SURELY = 0.0001
# A step with so few events that a green at the hold ratio has them so seldom does not go on.
FEW = 0.05
# So many standard deviations of green's share are put down to chance.
DEVIATIONS = 3.0
# Seconds since the epoch are larger than those of any recording.
EPOCH_LATER = 1e8
# From so many seconds on, minutes are said.
LONG_SECONDS = 90


def conclude(
    live: Live, now: float, blind: tuple[Measured, str], rests_on: "Rests"
) -> tuple[Finding, ...]:
    """One finding for each objective of a judge that was fed up to now.

    Args:
        live: the judge.
        now: seconds, on the clock of its scrapes.
        blind: why it cannot be trusted: (OK, "") when it can.
        rests_on: what each objective was read from.
    """
    return tuple(_finding(judge, live, now, blind, rests_on) for judge in live.judges)


class Rests:
    """The measurements and the line to see it again, by objective.

    Args:
        measurements: by the objective's name.
        again: by the objective's name.
    """

    def __init__(
        self, measurements: dict[str, tuple[Measurement, ...]], again: dict[str, str]
    ) -> None:
        self.measurements = measurements
        self.again = again


def _finding(
    judge: Judge, live: Live, now: float, blind: tuple[Measured, str], rests_on: Rests
) -> Finding:
    objective = judge.objective
    breach = judge.stopped.outcome if judge.stopped else Outcome.NO_GO
    measured, problem = blind
    if judge.stopped is not None:
        verdict, sentence = Verdict.FAIL, _stop(judge, judge.stopped, live)
        measured = Measured.OK
    elif measured is not Measured.OK:
        verdict, sentence = Verdict.INCONCLUSIVE, f"cannot see {objective.reads}: {problem}"
    else:
        verdict, sentence = _judged(judge, live, now)
    return Finding(
        objective=objective.name,
        guide=objective.guide,
        measured=measured,
        verdict=verdict,
        sentence=sentence,
        next_step="" if verdict is Verdict.PASS else rests_on.again.get(objective.name, ""),
        measurements=rests_on.measurements.get(objective.name, ()),
        breach=breach,
    )


def _stop(judge: Judge, stop: Stopped, live: Live) -> str:
    """Why the release was stopped, and when."""
    at = moment(stop.at)
    since = f", {stop.at - live.moves[0].at:.0f} s after the ramp began" if live.moves else ""
    match judge:
        case Compared():
            why = f"{judge.objective.reads} on green, more than blue's allow"
            return f"{why}: in the minute before {at} {stop.seen}; in the step {stop.step}{since}"
        case ThroughputJudge():
            wanted = f"the minimum is {100 * judge.objective.least_ratio:g} % of blue's rate"
            return (
                f"too few {judge.objective.reads} on green; {wanted}: from the start of the step "
                f"to {at} {stop.step}{since}"
            )
        case Triggered():
            asked = judge.objective
            lasting = asked.lasting.total_seconds()
            how_long = f" for {lasting:.0f} s" if lasting else ""
            return (
                f"rollback trigger: over {100 * asked.over:g} % {asked.reads}{how_long}; "
                f"in the {asked.window.total_seconds():.0f} s before {at} {stop.seen}{since}"
            )
        case Restarted():
            return f"{stop.seen}, more than {judge.objective.at_most}{since}"
        case Seen():
            return "traffic does not stop a release"
        case _:
            assert_never(judge)


def moment(at: float) -> str:
    """A moment for a person: the time of the day, or the second of a recording."""
    if abs(at) < EPOCH_LATER:
        return f"second {at:.0f}"
    return datetime.fromtimestamp(at, UTC).strftime("%H:%M:%S UTC")


def _judged(judge: Judge, live: Live, now: float) -> tuple[Verdict, str]:
    match judge:
        case Compared():
            return _compared(judge, live.moves, now)
        case ThroughputJudge():
            return _throughput(judge, now - live.moves[-1].at if live.moves else 0.0)
        case Triggered():
            return _triggered(judge)
        case Seen():
            return _seen(judge)
        case Restarted():
            most = judge.objective.at_most
            return (
                Verdict.PASS,
                f"green restarted {judge.most} times in this step; at most {most} of one instance",
            )
        case _:
            assert_never(judge)


def _compared(judge: Compared, moves: Sequence[Move], now: float) -> tuple[Verdict, str]:
    asked, green = judge.objective, judge.green
    seconds = now - moves[-1].at
    seen = (
        f"{asked.reads}: green {green}, blue {judge.blue}; must stay "
        f"{'' if asked.relative else f'under {100 * asked.terms.limit:g} % and '}near blue's; "
        f"{seconds:.0f} s of this step"
    )
    if judge.comparison.capital > asked.terms.worry_at:
        doubt = "green looks worse than blue, not yet surely; decided in minutes"
        return Verdict.INCONCLUSIVE, f"{doubt}. {seen}"
    if asked.relative:
        return _relative(judge, seen)
    missing = (asked.at_least or ceil(RULE_OF_THREE / asked.terms.limit)) - green.whole
    few = missing > 0 or (
        green.part < asked.terms.limit * green.whole
        and chance_of_at_most(round(green.part), round(green.whole), asked.terms.limit) > LUCK
    )
    if few and not asked.at_least:
        return Verdict.PASS, f"not judged, too few. {seen}"
    if missing > 0:
        how_long = pace(green.whole, missing, seconds)
        return Verdict.INCONCLUSIVE, f"{missing:,.0f} more needed to judge. {seen}{how_long}"
    if green.ratio is None or green.ratio >= asked.terms.limit:
        doubt = "over the limit, and not more than blue's allow"
    elif few:
        doubt = "under the limit, perhaps by luck: more is needed"
    elif _blue_is_over(judge):
        doubt = "blue is over the limit, and green not surely better"
    else:
        return Verdict.PASS, seen
    return Verdict.INCONCLUSIVE, f"{doubt}. {seen}"


def _relative(judge: Compared, seen: str) -> tuple[Verdict, str]:
    """A comparison without a limit passes unless green looks worse than blue."""
    if not judge.green.whole or not judge.blue.whole:
        return Verdict.PASS, f"not judged, one colour has no such requests. {seen}"
    return Verdict.PASS, seen


def _throughput(judge: ThroughputJudge, seconds: float) -> tuple[Verdict, str]:
    """Green goes on when it has had an event, and not far fewer than blue."""
    asked, green, blue = judge.objective, judge.green, judge.blue
    counts = (
        f"{asked.reads}: green {_per_request(green)}, blue {_per_request(blue)}; at least "
        f"{100 * asked.least_ratio:g} % of blue's rate; {seconds:.0f} s of this step"
    )
    if judge.ramp_blue.part and not judge.ramp_green.part:
        return Verdict.INCONCLUSIVE, f"green has had no {asked.reads} in this ramp. {counts}"
    if judge.test.capital > asked.terms.worry_at:
        doubt = f"green may have fewer {asked.reads} per request than blue; more data is needed"
        return Verdict.INCONCLUSIVE, f"{doubt}. {counts}"
    chance = judge.test.chance(green, blue, asked.hold_ratio)
    if chance is None:
        return Verdict.PASS, f"not judged, no {asked.reads} to compare with. {counts}"
    if chance < FEW:
        doubt = (
            f"a green with {100 * asked.hold_ratio:g} % of blue's rate would have so few "
            f"{asked.reads} in only {100 * chance:.2g} % of such steps"
        )
        return Verdict.INCONCLUSIVE, f"{doubt}. {counts}"
    return Verdict.PASS, counts


def _per_request(tally: Tally) -> str:
    if not tally.whole:
        return "none, it had no requests"
    per_thousand = 1000 * tally.part / tally.whole
    return f"{tally.part:,.0f} in {tally.whole:,.0f} requests ({per_thousand:.3g} per 1,000)"


def _blue_is_over(judge: Compared) -> bool:
    """Whether blue breaks the limit, and few events let green look better by chance.

    Source: as ``Comparison.stops``, the conditional test of two rates, the other way round.
    """
    green, blue = judge.green, judge.blue
    limit = judge.objective.terms.limit
    if blue.ratio is None or blue.ratio < limit:
        return False
    if chance_of_at_least(round(blue.part), round(blue.whole), limit) > LUCK:
        return False
    share = green.whole / (green.whole + blue.whole)
    both = round(green.part + blue.part)
    return chance_of_at_most(round(green.part), both, share) > SURELY


def pace(seen: float, missing: float, seconds: float) -> str:
    """About how long the missing events will take at the present rate."""
    if seen <= 0 or seconds <= 0:
        return "; at this rate: never, there is no traffic"
    left = seconds / seen * missing
    return (
        f"; about {left:.0f} s at this rate"
        if left < LONG_SECONDS
        else f"; about {left / 60:.0f} min at this rate"
    )


def _triggered(judge: Triggered) -> tuple[Verdict, str]:
    asked, tally = judge.objective, judge.green.tally
    lasting = asked.lasting.total_seconds()
    seen = (
        f"{asked.reads}: green {tally}, blue {judge.blue.tally} in the last "
        f"{asked.window.total_seconds():.0f} s; rollback over {100 * asked.over:g} %"
        + (f" for {lasting:.0f} s" if lasting else "")
    )
    if judge.over_for > 0:
        return Verdict.INCONCLUSIVE, f"over it for {judge.over_for:.0f} s. {seen}"
    return Verdict.PASS, seen


def _seen(judge: Seen) -> tuple[Verdict, str]:
    asked, both = judge.objective, judge.green + judge.blue
    intended = judge.share
    seen = (
        f"green answered {judge.green:,.0f} of {both:,.0f} {asked.reads} of this step; "
        f"intended {100 * intended:g} %"
    )
    if both < asked.at_least:
        return Verdict.INCONCLUSIVE, f"{asked.at_least - both:,.0f} more needed to judge. {seen}"
    smaller = max(min(intended, 1 - intended), 0.04)
    chance = DEVIATIONS * sqrt(intended * (1 - intended) / both)
    if abs(judge.green / both - intended) > asked.tolerance * smaller + chance:
        return Verdict.INCONCLUSIVE, f"not the intended share. {seen}"
    return Verdict.PASS, seen
