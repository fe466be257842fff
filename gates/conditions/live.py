"""The live objectives of a ramp, fed scrape by scrape: what they have seen, and whether it stops.

``gates check`` and ``gates watch`` feed it what Prometheus kept since before the ramp began,
``gates backtest`` a recording, ``make bench-judge`` a simulation: the same judge.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from gates.model import (
    ComparisonObjective,
    LiveObjective,
    Move,
    Outcome,
    Scrape,
    Target,
    TriggerObjective,
)
from gates.statistics import Comparison, Rises, Selector, parse_selector

SLOT_LABEL = "slot"
MINUTE_SHARE = 4  # a minute is so many fast batches


@dataclass(slots=True)
class Tally:
    """Bad events, out of how many."""

    part: float = 0.0
    whole: float = 0.0

    def add(self, part: float, whole: float) -> None:
        """Count more."""
        self.part += part
        self.whole += whole

    @property
    def ratio(self) -> float | None:
        """The share that is bad; None without events."""
        return self.part / self.whole if self.whole > 0 else None

    def __str__(self) -> str:
        if self.ratio is None:
            return "0"
        return f"{self.part:,.0f} of {self.whole:,.0f} ({100 * self.ratio:.3g} %)"


class Recent:
    """The events of the last so many seconds."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.tally = Tally()
        self._counts: deque[tuple[float, float, float]] = deque()

    def count(self, at: float, part: float, whole: float) -> None:
        """What was counted up to a moment; moments ascend."""
        if whole:
            self._counts.append((at, part, whole))
            self.tally.add(part, whole)
        while self._counts and self._counts[0][0] <= at - self.seconds:
            _, old_part, old_whole = self._counts.popleft()
            self.tally.add(-old_part, -old_whole)


@dataclass(slots=True)
class Stopped:
    """An objective stopped the release: when, how, and what the last minute looked like."""

    at: float
    outcome: Outcome
    seen: str


class Compared:
    """What one comparison has seen."""

    def __init__(self, objective: ComparisonObjective) -> None:
        self.objective = objective
        self.comparison = Comparison(objective.terms)
        self.step = {True: Tally(), False: Tally()}
        self.minute = {True: Recent(MINUTE_SHARE * objective.terms.fast),
                       False: Recent(MINUTE_SHARE * objective.terms.fast)}  # fmt: skip
        self.stopped: Stopped | None = None
        self._share = 0.0

    def move(self, at: float, share: float) -> None:
        """Another share begins: so does another step."""
        self._share = share
        self.step = {True: Tally(), False: Tally()}
        if share > 0:
            self.comparison.step(at)

    def count(self, at: float, part: float, whole: float, *, green: bool) -> None:
        """What a scrape added."""
        self.step[green].add(part, whole)
        self.minute[green].count(at, part, whole)
        if not green:
            self.comparison.baseline(at, part, whole)
            return
        self.comparison.canary(at, part, whole)
        if self.stopped is None and self.comparison.stops(at, alone=self._share >= 1):
            self.stopped = Stopped(at, self._how(), self._both())

    def _how(self) -> Outcome:
        """A stop is a rollback where the last minute also breaks a rollback limit."""
        over, ratio = self.objective.rollback_over, self.minute[True].tally.ratio
        breaks = over is not None and ratio is not None and ratio > over
        return Outcome.ROLLBACK if breaks else Outcome.NO_GO

    def _both(self) -> str:
        return f"green {self.minute[True].tally}, blue {self.minute[False].tally}"


class Triggered:
    """What one rollback trigger has seen."""

    def __init__(self, objective: TriggerObjective) -> None:
        self.objective = objective
        self.recent = Recent(objective.window.total_seconds())
        self.over_for = 0.0
        self._looked: float | None = None
        self.stopped: Stopped | None = None

    def move(self, at: float, share: float) -> None:
        """A trigger takes no notice of steps."""

    def count(self, at: float, part: float, whole: float, *, green: bool) -> None:
        """What a scrape added, and a look at the window; gaps neither reset nor count."""
        if not green:
            return
        asked = self.objective
        before, self._looked = self._looked, at
        self.recent.count(at, part, whole)
        tally = self.recent.tally
        if tally.ratio is None or tally.whole < asked.at_least:
            return
        if tally.ratio <= asked.over:
            self.over_for = 0.0
            return
        passed = 0.0 if before is None else at - before
        if passed <= asked.max_sample_age.total_seconds():
            self.over_for += passed
        if self.stopped is None and self.over_for >= asked.lasting.total_seconds():
            self.stopped = Stopped(at, Outcome.ROLLBACK, f"green {tally}")


@dataclass(slots=True)
class Colour:
    """The instances of a colour, and when each was last seen."""

    rises: dict[str, Rises] = field(default_factory=dict)
    seen: dict[str, float] = field(default_factory=dict)


class Live:
    """Feeds every live objective of a stage.

    Args:
        objectives: the comparisons and triggers.
        slots: green's slot and blue's.
    """

    def __init__(self, objectives: Sequence[LiveObjective], slots: tuple[str, str]) -> None:
        texts = list(dict.fromkeys(text for one in objectives for text in (one.part, one.whole)))
        self._selectors: list[Selector] = [parse_selector(text, SLOT_LABEL) for text in texts]
        self._slots = slots
        self.judges: list[Compared | Triggered] = [
            Compared(one) if isinstance(one, ComparisonObjective) else Triggered(one)
            for one in objectives
        ]
        self._roles = [
            (one, texts.index(one.objective.part), texts.index(one.objective.whole),
             one.objective.part_is_good)
            for one in self.judges
        ]  # fmt: skip
        self.colours = {slot: Colour() for slot in slots}
        self.began_at: float | None = None
        self.moved_at: float | None = None
        self.share = 0.0

    @classmethod
    def of(cls, objectives: Sequence[LiveObjective], target: Target) -> "Live":
        """The judge of a target."""
        return cls(objectives, (target.slot, target.baseline_slot))

    def move(self, move: Move) -> None:
        """The balancer gives green another share."""
        self.moved_at, self.share = move.at, move.share
        for one in self.judges:
            one.move(move.at, move.share)

    def scraped(self, scrape: Scrape) -> None:
        """The next scrape; moments ascend.

        Raises:
            ValueError: a counter is not a count, or a part rose by more than its whole.
        """
        colour = self.colours.get(scrape.slot)
        if colour is None:
            return
        if self.began_at is None:
            self.began_at = scrape.at
        rises = colour.rises.get(scrape.instance)
        if rises is None:
            rises = colour.rises[scrape.instance] = Rises(self._selectors)
        young = scrape.started is not None and scrape.started > self.began_at
        sums = rises.feed(scrape, young=young)
        colour.seen[scrape.instance] = scrape.at
        if sums is None:
            return
        green = scrape.slot == self._slots[0]
        for judge, part_role, whole_role, part_is_good in self._roles:
            part, whole = sums[part_role], sums[whole_role]
            if part > whole:
                raise ValueError(
                    f"{scrape.instance} counted {part:,.0f} of {whole:,.0f} "
                    f"{judge.objective.reads}: the part is larger than the whole"
                )
            judge.count(scrape.at, whole - part if part_is_good else part, whole, green=green)

    @property
    def stopped(self) -> Stopped | None:
        """The worst stop so far; the first of several alike."""
        stops = [one.stopped for one in self.judges if one.stopped is not None]
        rollbacks = [one for one in stops if one.outcome is Outcome.ROLLBACK]
        return min(rollbacks or stops, key=lambda one: one.at, default=None)
