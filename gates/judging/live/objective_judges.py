"""What each kind of live objective counts between scrapes, and when it stops the release."""

from dataclasses import dataclass
from typing import assert_never

from gates.model import (
    ComparisonObjective,
    LiveObjective,
    Outcome,
    Part,
    RestartsObjective,
    ThroughputObjective,
    TrafficObjective,
    TriggerObjective,
)
from gates.statistics import Comparison, FewerEvents, SlidingWindow, Tally


@dataclass(frozen=True, slots=True)
class Stop:
    """An objective stopped the release.

    Args:
        at: when the objective stopped the release, seconds on the clock of the scrapes.
        outcome: no_go or rollback.
        minute: the events of the minute before, both colours.
        step: the events since the step began.
    """

    at: float
    outcome: Outcome
    minute: str
    step: str


class BadEventComparison:
    """Green's bad events of one indicator, compared with blue's."""

    def __init__(self, objective: ComparisonObjective) -> None:
        self.objective = objective
        self.counts_good = objective.indicator.part is Part.GOOD
        self.comparison = Comparison(objective.terms)
        self.green, self.blue = Tally(), Tally()  # of this step
        self.minute_green, self.minute_blue = (
            SlidingWindow(objective.terms.slow) for _ in range(2)
        )
        self.stopped: Stop | None = None
        self._share = 0.0
        self._blue_known = False

    def move(self, at: float, share: float) -> None:
        """Begin the counts of a new step."""
        self._share = share
        self.green, self.blue = Tally(), Tally()
        if share > 0:
            self.comparison.begin_step(at)

    def count(self, at: float, events: float, total: float, *, green: bool) -> None:
        """Count the events that a scrape added."""
        if not green:
            self._blue_known = self._blue_known or total > 0
            self.blue.add(events, total)
            self.minute_blue.count(at, events, total)
            self.comparison.count_baseline(at, events, total)
            return
        self.green.add(events, total)
        self.minute_green.count(at, events, total)
        self.comparison.count_canary(at, events, total)
        if self.objective.relative and not self._blue_known:
            return  # blue does not export it: there is nothing to compare with
        if self.stopped is None and self.comparison.should_stop(at, alone=self._share >= 1):
            minute = f"green {self.minute_green.tally}, blue {self.minute_blue.tally}"
            step = f"green {self.green}, blue {self.blue}"
            self.stopped = Stop(at, self._outcome(), minute, step)

    def _outcome(self) -> Outcome:
        """A stop is a rollback where the last minute also breaks a rollback limit."""
        over, ratio = self.objective.rollback_over, self.minute_green.tally.ratio
        breaks = over is not None and ratio is not None and ratio > over
        return Outcome.ROLLBACK if breaks else Outcome.NO_GO


class ThroughputComparison:
    """Green's events per request of one indicator, compared with blue's."""

    def __init__(self, objective: ThroughputObjective) -> None:
        self.objective = objective
        self.counts_good = False
        self.test = FewerEvents(objective.terms, objective.least_ratio)
        self.green, self.blue = Tally(), Tally()  # of this step
        self.ramp_green, self.ramp_blue = Tally(), Tally()
        self.stopped: Stop | None = None
        self._begun = False

    def move(self, at: float, share: float) -> None:
        """Begin the counts of a new step."""
        self.green, self.blue = Tally(), Tally()
        if share > 0:
            self._begun = True
            self.test.begin_step(at)

    def count(self, at: float, events: float, total: float, *, green: bool) -> None:
        """Count the events that a scrape added."""
        of_step, of_ramp = (self.green, self.ramp_green) if green else (self.blue, self.ramp_blue)
        of_step.add(events, total)
        if self._begun:
            of_ramp.add(events, total)
        if not green:
            self.test.count_baseline(at, events, total)
            return
        self.test.count_canary(at, events, total)
        if self.stopped is None and self.test.should_stop():
            counts = f"green {_rate(self.green)}, blue {_rate(self.blue)}"
            self.stopped = Stop(at, Outcome.NO_GO, counts, counts)


def _rate(tally: Tally) -> str:
    return f"{tally.part:,.0f} in {tally.whole:,.0f} requests"


class RollbackTrigger:
    """The sliding window of one rollback trigger."""

    def __init__(self, objective: TriggerObjective) -> None:
        self.objective = objective
        self.counts_good = objective.indicator.part is Part.GOOD
        self.green, self.blue = (SlidingWindow(objective.window.total_seconds()) for _ in range(2))
        self.over_for = 0.0
        self._began_at: float | None = None
        self._looked: float | None = None
        self.stopped: Stop | None = None

    def move(self, at: float, share: float) -> None:
        """Begin the ramp at the first move to green; earlier events are not counted."""
        if self._began_at is None and share > 0:
            self._began_at = at

    def count(self, at: float, events: float, total: float, *, green: bool) -> None:
        """Count the events of a scrape, and judge the window; a gap does not add to the time."""
        if self._began_at is None:
            return
        (self.green if green else self.blue).count(at, events, total)
        if not green:
            return
        objective, tally = self.objective, self.green.tally
        before, self._looked = self._looked, at
        if tally.ratio is None or tally.whole < objective.minimum_events:
            return
        if tally.ratio <= objective.over:
            self.over_for = 0.0
            return
        passed = 0.0 if before is None else at - before
        if passed <= objective.max_sample_age.total_seconds():
            self.over_for += passed
        if self.stopped is None and self.over_for >= objective.lasting.total_seconds():
            window = f"green {tally}, blue {self.blue.tally}"
            self.stopped = Stop(at, Outcome.ROLLBACK, window, window)


class TrafficCount:
    """How much traffic each colour answered in this step."""

    def __init__(self, objective: TrafficObjective) -> None:
        self.objective = objective
        self.counts_good = False
        self.green = self.blue = 0.0
        self.share = 0.0
        self.stopped: Stop | None = None

    def move(self, at: float, share: float) -> None:
        """Begin the counts of a new step."""
        del at
        self.share, self.green, self.blue = share, 0.0, 0.0

    def count(self, at: float, events: float, total: float, *, green: bool) -> None:
        """Count the events that a scrape added."""
        del at, events
        if green:
            self.green += total
        else:
            self.blue += total


class RestartCount:
    """How often green's processes restarted in this step."""

    def __init__(self, objective: RestartsObjective) -> None:
        self.objective = objective
        self.counts_good = False
        self.restarts: dict[str, int] = {}
        self.stopped: Stop | None = None
        self._begun = False

    def move(self, at: float, share: float) -> None:
        """Begin a new step; restarts before the first step are not counted."""
        del at
        self._begun = self._begun or share > 0
        self.restarts = {}

    @property
    def most(self) -> int:
        """The number of restarts of the instance with the most restarts."""
        return max(self.restarts.values(), default=0)

    def count(self, at: float, events: float, total: float, *, green: bool) -> None:
        """Do nothing: the live judge reports restarts by the method ``restarted``."""

    def restarted(self, at: float, instance: str) -> None:
        """Count a restart of a process of green."""
        if not self._begun:
            return
        self.restarts[instance] = self.restarts.get(instance, 0) + 1
        if self.stopped is None and self.most > self.objective.max_restarts:
            restarts = f"{instance} of green restarted {self.most} times in the step"
            self.stopped = Stop(at, Outcome.NO_GO, restarts, restarts)


Judge = BadEventComparison | ThroughputComparison | RollbackTrigger | TrafficCount | RestartCount


def judge_of(objective: LiveObjective) -> Judge:
    """Create the judge of an objective."""
    match objective:
        case ComparisonObjective():
            return BadEventComparison(objective)
        case ThroughputObjective():
            return ThroughputComparison(objective)
        case TriggerObjective():
            return RollbackTrigger(objective)
        case TrafficObjective():
            return TrafficCount(objective)
        case RestartsObjective():
            return RestartCount(objective)
        case _:
            assert_never(objective)
