"""Counts the events of each kind of live objective, and decides when to stop the release."""

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
    """The moment and the reason at which an objective stopped the release.

    Args:
        at: when the objective stopped the release, in seconds on the clock of the scrapes.
        outcome: NO_GO or ROLLBACK.
        minute: a text with the events of the last minute before the stop, or of the trigger's
            window. An objective that judges only the whole step has the text of ``step``.
        step: a text with the events since the step began, or of the trigger's window.
    """

    at: float
    outcome: Outcome
    minute: str
    step: str


class BadEventComparison:
    """Compares green's ratio of bad events with blue's ratio, for one indicator."""

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
        """Begin a new step: set the counts of the step to 0.

        Args:
            at: the moment of the move, in seconds.
            share: green's new share of the traffic, from 0 to 1.
        """
        self._share = share
        self.green, self.blue = Tally(), Tally()
        if share > 0:
            self.comparison.begin_step(at)

    def count(self, at: float, events: float, total: float, *, green: bool) -> None:
        """Count the new events of a scrape, and stop the release where green's ratio is too high.

        Args:
            at: the moment of the scrape, in seconds.
            events: the number of new bad events.
            total: the number of new total events.
            green: whether the scrape is of green.
        """
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
        """ROLLBACK where green's ratio in the last minute is over a rollback limit; else NO_GO."""
        over, ratio = self.objective.rollback_over, self.minute_green.tally.ratio
        breaks = over is not None and ratio is not None and ratio > over
        return Outcome.ROLLBACK if breaks else Outcome.NO_GO


class ThroughputComparison:
    """Compares green's events (such as orders) per request with blue's events per request."""

    def __init__(self, objective: ThroughputObjective) -> None:
        self.objective = objective
        self.counts_good = False
        self.test = FewerEvents(objective.terms, objective.least_ratio)
        self.green, self.blue = Tally(), Tally()  # of this step
        self.ramp_green, self.ramp_blue = Tally(), Tally()
        self.stopped: Stop | None = None
        self._begun = False

    def move(self, at: float, share: float) -> None:
        """Begin a new step: set the counts of the step to 0.

        Args:
            at: the moment of the move, in seconds.
            share: green's new share of the traffic, from 0 to 1.
        """
        self.green, self.blue = Tally(), Tally()
        if share > 0:
            self._begun = True
            self.test.begin_step(at)

    def count(self, at: float, events: float, total: float, *, green: bool) -> None:
        """Count the new events of a scrape, and stop the release where green has too few events.

        Args:
            at: the moment of the scrape, in seconds.
            events: the number of new events, such as orders.
            total: the number of new requests.
            green: whether the scrape is of green.
        """
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
    """Counts the events in a trigger's window; fires when green's ratio is over the limit."""

    def __init__(self, objective: TriggerObjective) -> None:
        self.objective = objective
        self.counts_good = objective.indicator.part is Part.GOOD
        self.green, self.blue = (SlidingWindow(objective.window.total_seconds()) for _ in range(2))
        self.over_for = 0.0
        self._began_at: float | None = None
        self._looked: float | None = None
        self.stopped: Stop | None = None

    def move(self, at: float, share: float) -> None:
        """Begin to count at the first move of traffic to green.

        Args:
            at: the moment of the move, in seconds.
            share: green's new share of the traffic, from 0 to 1.
        """
        if self._began_at is None and share > 0:
            self._began_at = at

    def count(self, at: float, events: float, total: float, *, green: bool) -> None:
        """Count the new events of a scrape, and fire where green is over the limit for too long.

        Args:
            at: the moment of the scrape, in seconds. A long time since the previous scrape (a gap)
                does not count as time over the limit.
            events: the number of new bad events.
            total: the number of new total events.
            green: whether the scrape is of green.
        """
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
    """Counts the requests that each colour answered in this step."""

    def __init__(self, objective: TrafficObjective) -> None:
        self.objective = objective
        self.counts_good = False
        self.green = self.blue = 0.0
        self.share = 0.0
        self.stopped: Stop | None = None

    def move(self, at: float, share: float) -> None:
        """Begin a new step: set the counts of the step to 0.

        Args:
            at: the moment of the move, in seconds.
            share: green's new share of the traffic, from 0 to 1.
        """
        del at
        self.share, self.green, self.blue = share, 0.0, 0.0

    def count(self, at: float, events: float, total: float, *, green: bool) -> None:
        """Add the new requests of a scrape to the requests of the colour.

        Args:
            at: the moment of the scrape, in seconds; not used.
            events: not used.
            total: the number of new requests.
            green: whether the scrape is of green.
        """
        del at, events
        if green:
            self.green += total
        else:
            self.blue += total


class RestartCount:
    """Counts the restarts of each instance of green in this step."""

    def __init__(self, objective: RestartsObjective) -> None:
        self.objective = objective
        self.counts_good = False
        self.restarts: dict[str, int] = {}
        self.stopped: Stop | None = None
        self._begun = False

    def move(self, at: float, share: float) -> None:
        """Begin a new step; restarts before the first step are not counted.

        Args:
            at: the moment of the move, in seconds.
            share: green's new share of the traffic, from 0 to 1.
        """
        del at
        self._begun = self._begun or share > 0
        self.restarts = {}

    @property
    def most(self) -> int:
        """The largest number of restarts of one instance in this step."""
        return max(self.restarts.values(), default=0)

    def count(self, at: float, events: float, total: float, *, green: bool) -> None:
        """Do nothing: the live judge calls the method ``add_restart`` for each restart."""

    def add_restart(self, at: float, instance: str) -> None:
        """Count a restart of a process of green, and stop the release after too many restarts.

        Args:
            at: the moment of the scrape that showed the restart, in seconds.
            instance: the instance of the process.
        """
        if not self._begun:
            return
        self.restarts[instance] = self.restarts.get(instance, 0) + 1
        if self.stopped is None and self.most > self.objective.max_restarts:
            restarts = f"{instance} of green restarted {self.most} times in the step"
            self.stopped = Stop(at, Outcome.NO_GO, restarts, restarts)


Judge = BadEventComparison | ThroughputComparison | RollbackTrigger | TrafficCount | RestartCount


def judge_of(objective: LiveObjective) -> Judge:
    """Create the judge for the kind of a live objective."""
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
