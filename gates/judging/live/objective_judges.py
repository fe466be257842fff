"""What each kind of live objective keeps in mind between scrapes, and when it stops the release."""

from dataclasses import dataclass
from typing import assert_never

from gates.model import (
    ComparisonObjective,
    LiveObjective,
    Outcome,
    RestartsObjective,
    ThroughputObjective,
    TrafficObjective,
    TriggerObjective,
)
from gates.statistics import Comparison, FewerEvents, Recent, Tally


@dataclass(frozen=True, slots=True)
class Stopped:
    """An objective stopped the release.

    Args:
        at: when, seconds.
        outcome: no_go or rollback.
        seen: the last minute then, both colours.
        step: the same since the step began.
    """

    at: float
    outcome: Outcome
    seen: str
    step: str


class Compared:
    """What one comparison has seen."""

    def __init__(self, objective: ComparisonObjective) -> None:
        self.objective = objective
        self.part_is_good = objective.part_is_good
        self.part = objective.part
        self.comparison = Comparison(objective.terms)
        self.green, self.blue = Tally(), Tally()  # of this step
        self.minute_green, self.minute_blue = (Recent(objective.terms.slow) for _ in range(2))
        self.stopped: Stopped | None = None
        self._share = 0.0
        self._blue_known = False

    def move(self, at: float, share: float) -> None:
        """Another share begins: so does another step."""
        self._share = share
        self.green, self.blue = Tally(), Tally()
        if share > 0:
            self.comparison.step(at)

    def count(self, at: float, part: float, whole: float, *, green: bool) -> None:
        """What a scrape added."""
        if not green:
            self._blue_known = self._blue_known or whole > 0
            self.blue.add(part, whole)
            self.minute_blue.count(at, part, whole)
            self.comparison.baseline(at, part, whole)
            return
        self.green.add(part, whole)
        self.minute_green.count(at, part, whole)
        self.comparison.canary(at, part, whole)
        if self.objective.relative and not self._blue_known:
            return  # blue does not export it: there is nothing to compare with
        if self.stopped is None and self.comparison.stops(at, alone=self._share >= 1):
            seen = f"green {self.minute_green.tally}, blue {self.minute_blue.tally}"
            step = f"green {self.green}, blue {self.blue}"
            self.stopped = Stopped(at, self._how(), seen, step)

    def _how(self) -> Outcome:
        """A stop is a rollback where the last minute also breaks a rollback limit."""
        over, ratio = self.objective.rollback_over, self.minute_green.tally.ratio
        breaks = over is not None and ratio is not None and ratio > over
        return Outcome.ROLLBACK if breaks else Outcome.NO_GO


class ThroughputJudge:
    """What one comparison of events per request has counted."""

    def __init__(self, objective: ThroughputObjective) -> None:
        self.objective = objective
        self.part_is_good = False
        self.part = objective.events
        self.test = FewerEvents(objective.terms, objective.least_ratio)
        self.green, self.blue = Tally(), Tally()  # of this step
        self.ramp_green, self.ramp_blue = Tally(), Tally()
        self.stopped: Stopped | None = None
        self._begun = False

    def move(self, at: float, share: float) -> None:
        """Another share begins: so does another step."""
        self.green, self.blue = Tally(), Tally()
        if share > 0:
            self._begun = True
            self.test.step(at)

    def count(self, at: float, part: float, whole: float, *, green: bool) -> None:
        """What a scrape added."""
        of_step, of_ramp = (self.green, self.ramp_green) if green else (self.blue, self.ramp_blue)
        of_step.add(part, whole)
        if self._begun:
            of_ramp.add(part, whole)
        if not green:
            self.test.baseline(at, part, whole)
            return
        self.test.canary(at, part, whole)
        if self.stopped is None and self.test.stops():
            counts = f"green {_rate(self.green)}, blue {_rate(self.blue)}"
            self.stopped = Stopped(at, Outcome.NO_GO, counts, counts)


def _rate(tally: Tally) -> str:
    return f"{tally.part:,.0f} in {tally.whole:,.0f} requests"


class Triggered:
    """What one rollback trigger has seen."""

    def __init__(self, objective: TriggerObjective) -> None:
        self.objective = objective
        self.part_is_good = objective.part_is_good
        self.part = objective.part
        self.green, self.blue = (Recent(objective.window.total_seconds()) for _ in range(2))
        self.over_for = 0.0
        self._began_at: float | None = None
        self._looked: float | None = None
        self.stopped: Stopped | None = None

    def move(self, at: float, share: float) -> None:
        """The ramp begins with the first move; what was before it, a ramp that failed, is over."""
        if self._began_at is None and share > 0:
            self._began_at = at

    def count(self, at: float, part: float, whole: float, *, green: bool) -> None:
        """What a scrape added, and a look at the window; gaps neither reset nor count."""
        if self._began_at is None:
            return
        (self.green if green else self.blue).count(at, part, whole)
        if not green:
            return
        asked, tally = self.objective, self.green.tally
        before, self._looked = self._looked, at
        if tally.ratio is None or tally.whole < asked.at_least:
            return
        if tally.ratio <= asked.over:
            self.over_for = 0.0
            return
        passed = 0.0 if before is None else at - before
        if passed <= asked.max_sample_age.total_seconds():
            self.over_for += passed
        if self.stopped is None and self.over_for >= asked.lasting.total_seconds():
            seen = f"green {tally}, blue {self.blue.tally}"
            self.stopped = Stopped(at, Outcome.ROLLBACK, seen, seen)


class Seen:
    """How much traffic each colour answered in this step."""

    def __init__(self, objective: TrafficObjective) -> None:
        self.objective = objective
        self.part_is_good = False
        self.part = objective.whole
        self.green = self.blue = 0.0
        self.share = 0.0
        self.stopped: Stopped | None = None

    def move(self, at: float, share: float) -> None:
        """Another share begins."""
        del at
        self.share, self.green, self.blue = share, 0.0, 0.0

    def count(self, at: float, part: float, whole: float, *, green: bool) -> None:
        """What a scrape added."""
        del at, part
        if green:
            self.green += whole
        else:
            self.blue += whole


class Restarted:
    """How often green's processes started anew in this step."""

    def __init__(self, objective: RestartsObjective) -> None:
        self.objective = objective
        self.part_is_good = False
        self.part = objective.whole
        self.restarts: dict[str, int] = {}
        self.stopped: Stopped | None = None
        self._begun = False

    def move(self, at: float, share: float) -> None:
        """Another share begins; what was before the first is none of the ramp's."""
        del at
        self._begun = self._begun or share > 0
        self.restarts = {}

    @property
    def most(self) -> int:
        """How often the instance that did so most often started anew."""
        return max(self.restarts.values(), default=0)

    def count(self, at: float, part: float, whole: float, *, green: bool) -> None:
        """Restarts are seen by who reads the counters."""

    def restarted(self, at: float, instance: str) -> None:
        """A process of green started anew."""
        if not self._begun:
            return
        self.restarts[instance] = self.restarts.get(instance, 0) + 1
        if self.stopped is None and self.most > self.objective.at_most:
            seen = f"{instance} of green started anew {self.most} times in the step"
            self.stopped = Stopped(at, Outcome.NO_GO, seen, seen)


Judge = Compared | ThroughputJudge | Triggered | Seen | Restarted


def judge_of(objective: LiveObjective) -> Judge:
    """The judge of an objective."""
    match objective:
        case ComparisonObjective():
            return Compared(objective)
        case ThroughputObjective():
            return ThroughputJudge(objective)
        case TriggerObjective():
            return Triggered(objective)
        case TrafficObjective():
            return Seen(objective)
        case RestartsObjective():
            return Restarted(objective)
        case _:
            assert_never(objective)
