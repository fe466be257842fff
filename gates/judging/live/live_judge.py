"""The live judge: counts the events of a ramp scrape by scrape, and may stop the ramp.

Every command uses the same judge. ``gates check`` and ``gates watch`` give the judge the scrapes of
Prometheus. ``gates backtest`` gives the judge the scrapes of a recording. ``make bench-judge``
gives the judge the scrapes of a simulation.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import TYPE_CHECKING

from gates.judging.live.objective_judges import (
    BadEventComparison,
    Judge,
    RestartCount,
    Stop,
    ThroughputComparison,
    judge_of,
)
from gates.model import LiveObjective, Measured, Move, Outcome, Scrape, Target, TriggerObjective
from gates.statistics import CounterIncreases, parse_selector

if TYPE_CHECKING:
    from gates.statistics import Selector

# An instance that was not seen for so many times the freshness limit is gone for good.
MAX_AGES_UNSEEN = 5
COMPARISONS = (BadEventComparison, ThroughputComparison)


@dataclass(slots=True)
class Colour:
    """The instances of a colour, and the part of the step for which there are samples.

    Args:
        rises: the increases of the counters, by instance.
        last_samples: the time of the newest sample, by instance.
        last_sample: the time of the newest sample of any instance; None without samples.
        covered: the seconds of this step for which at least one instance has samples.
        gone: the instances that are no longer in the service discovery of Prometheus.
    """

    rises: dict[str, CounterIncreases] = field(default_factory=dict)
    last_samples: dict[str, float] = field(default_factory=dict)
    last_sample: float | None = None
    covered: float = 0.0
    gone: frozenset[str] = frozenset()


def _may_be_absent(judge: Judge) -> bool:
    """Whether the objective passes without events, because too few events do not block the ramp."""
    if isinstance(judge, ThroughputComparison):
        return True
    return isinstance(judge, BadEventComparison) and not judge.objective.minimum_events


class LiveJudge:
    """Judges several live objectives of a stage, scrape by scrape.

    Args:
        objectives: the live objectives, such as comparisons and rollback triggers.
        slots: the names of green and of blue in the metrics.
        max_age: the maximum age of a sample, in seconds. A longer time between two samples is a
            gap.
    """

    def __init__(
        self, objectives: Sequence[LiveObjective], slots: tuple[str, str], max_age: float
    ) -> None:
        triggers = all(isinstance(member, TriggerObjective) for member in objectives)
        # A rollback trigger does not depend on blue, so the judge needs no samples of blue.
        self.needs = slots[:1] if triggers else slots
        self.judges = [judge_of(member) for member in objectives]
        indicators = [judge.objective.indicator for judge in self.judges]
        texts = list(
            dict.fromkeys(
                text for indicator in indicators for text in (indicator.selected, indicator.total)
            )
        )
        self._selectors: list[Selector] = [parse_selector(text, any_colour=True) for text in texts]
        self._roles = [
            (judge, texts.index(indicator.selected), texts.index(indicator.total))
            for judge, indicator in zip(self.judges, indicators, strict=True)
        ]
        self._needed = {
            role
            for judge, selected, total in self._roles
            if not _may_be_absent(judge)
            for role in ((selected, total) if judge.counts_good else (total,))
        }
        self._fall_is_restart = objectives[0].processes.fall_is_restart
        self.slots, self.max_age = slots, max_age
        self.colours = {slot: Colour() for slot in slots}
        self.began_at: float | None = None
        self.moves: list[Move] = []
        # No scrape before this moment was queried.
        self.scrapes_since = -inf

    @classmethod
    def of(cls, objectives: Sequence[LiveObjective], target: Target) -> "LiveJudge":
        """Create the judge of some live objectives for a target.

        Args:
            objectives: the live objectives. The smallest of their maximum sample ages is used.
            target: green, whose target file names both colours.
        """
        ages = [member.max_sample_age.total_seconds() for member in objectives]
        return cls(objectives, (target.slot, target.baseline_slot), min(ages))

    def move(self, move: Move) -> None:
        """Begin a new ramp step.

        Args:
            move: the moment, and green's new share of the traffic.
        """
        self.moves.append(move)
        for colour in self.colours.values():
            colour.covered = 0.0
            for rises in colour.rises.values():
                rises.begin_step()
        for member in self.judges:
            member.move(move.at, move.share)

    def left(self, slot: str, instances: Iterable[str]) -> None:
        """Set the instances that need no fresh sample, because Prometheus no longer knows them.

        Args:
            slot: the name of the colour.
            instances: all instances of the colour that are no longer in the service discovery of
                Prometheus.
        """
        self.colours[slot].gone = frozenset(instances)

    def add_scrape(self, scrape: Scrape) -> None:
        """Count the events of the next scrape, and stop the ramp if an objective requires it.

        Args:
            scrape: the scrape, which must not be earlier than the previous scrape.

        Raises:
            ValueError: a counter is negative or not finite, or the selected events rose by more
                than the total events.
        """
        colour = self.colours.get(scrape.slot)
        if colour is None or not scrape.values:
            return
        known = colour.rises.get(scrape.instance)
        if known is not None and known.lacks(scrape.values, self._needed):
            return  # half a scrape: as if it had not come
        if self.began_at is None:
            self.began_at = scrape.at
        rises = self._counters_of(colour, scrape)
        young = scrape.started is not None and scrape.started > self.began_at
        sums = rises.add_scrape(scrape, counts_from_zero=young)
        if sums is None:
            return
        green = scrape.slot == self.slots[0]
        if green and rises.restarted:
            self._restarted(scrape)
        comparable = not (green and self._is_blue_unknown())
        for judge, selected_role, total_role in self._roles:
            if not comparable and isinstance(judge, COMPARISONS):
                continue  # without blue's counts, nothing stops green
            selected, total = sums[selected_role], sums[total_role]
            if selected > total and not isinstance(judge, ThroughputComparison):
                raise ValueError(
                    f"{scrape.instance} counted {selected:,.0f} selected events, but only "
                    f"{total:,.0f} total events of {judge.objective.name}; correct the selectors "
                    "of the indicator"
                )
            events = total - selected if judge.counts_good else selected
            judge.count(scrape.at, events, total, green=green)

    def _is_blue_unknown(self) -> bool:
        """Whether the events of an instance of blue are unknown in this step."""
        return any(rises.problem for rises in self.colours[self.slots[1]].rises.values())

    def _counters_of(self, colour: Colour, scrape: Scrape) -> CounterIncreases:
        """Note the time of an instance's sample, and return the counters of the instance."""
        before = colour.last_sample
        if before is not None and scrape.at - before <= self.max_age:
            colour.covered += scrape.at - before
        colour.last_sample = colour.last_samples[scrape.instance] = scrape.at
        if scrape.instance not in colour.rises:
            colour.rises[scrape.instance] = CounterIncreases(
                self._selectors, fall_is_restart=self._fall_is_restart
            )
        return colour.rises[scrape.instance]

    def _restarted(self, scrape: Scrape) -> None:
        for judge in self.judges:
            if isinstance(judge, RestartCount):
                judge.add_restart(scrape.at, scrape.instance)

    @property
    def stopped(self) -> Stop | None:
        """The first stop with a rollback, else the first stop with a no-go; None without a stop."""
        stops = [member.stopped for member in self.judges if member.stopped is not None]
        rollbacks = [member for member in stops if member.outcome is Outcome.ROLLBACK]
        return min(rollbacks or stops, key=lambda member: member.at, default=None)

    def blindness(self, now: float) -> tuple[Measured, str]:
        """Find the reason why the objectives cannot be judged, such as missing or old samples.

        Args:
            now: the moment of the decision, in seconds on the clock of the scrapes.

        Returns:
            A status and a sentence with the reason; ``(OK, "")`` where the objectives can be
            judged.
        """
        for slot in self.needs:
            colour = self.colours[slot]
            last_samples = colour.last_samples
            known = {
                member: at
                for member, at in last_samples.items()
                if now - at <= MAX_AGES_UNSEEN * self.max_age and member not in colour.gone
            }
            if not known:
                last = max(last_samples.values(), default=None)
                ago = "" if last is None else f" from the last {now - last:.0f} s"
                return Measured.NO_DATA, f"Prometheus has no sample of {slot}{ago}"
            oldest = min(known, key=lambda member: known[member])
            if now - known[oldest] > self.max_age:
                age = now - known[oldest]
                sentence = f"the newest sample of {oldest} ({slot}) is {age:.0f} s old"
                return Measured.STALE, f"{sentence}, limit {self.max_age:.0f} s"
            if known[oldest] - now > self.max_age:
                ahead = f"the newest sample of {oldest} ({slot}) is {known[oldest] - now:.0f} s"
                return (
                    Measured.ERROR,
                    f"{ahead} in the future; compare the clocks of Prometheus and of the gate",
                )
        if problem := self._miscounted():
            return Measured.ERROR, problem
        if problem := self._unmatched():
            return Measured.NO_DATA, problem
        return self._coverage(now)

    def _miscounted(self) -> str:
        """Why the events of a colour in this step are unknown; empty where they are known."""
        for slot in self.needs:
            for instance, rises in self.colours[slot].rises.items():
                if problem := rises.problem or rises.unlabelled:
                    return problem
                if not (self._fall_is_restart or rises.has_start_time):
                    start_time = self.judges[0].objective.processes.start_time
                    return (
                        f"{instance} has no start time: the policy names {start_time} as the sign "
                        "of a restart; export this series, or declare fall_is_restart = true"
                    )
        return ""

    def _unmatched(self) -> str:
        """A sentence about a colour without time series of an indicator; empty without a problem.

        A label value without a time series means 0 events. This is known only where the instance
        has a series of the total, and other series of the same metric with that label.
        """
        for judge, selected_role, total_role in self._roles:
            if _may_be_absent(judge):
                continue  # too few events do not block there, and so may none
            for slot in self.needs:
                counting = [
                    rises
                    for rises in self.colours[slot].rises.values()
                    if total_role in rises.matched_roles
                ]
                is_missing = not counting or any(
                    selected_role not in rises.matched_roles
                    and (judge.counts_good or not rises.counts_zero(selected_role))
                    for rises in counting
                )
                if is_missing:
                    name = judge.objective.indicator.name
                    return f"no time series of {slot} matches the indicator {name!r}"
        return ""

    def _coverage(self, now: float) -> tuple[Measured, str]:
        """Whether green was seen for at least half of the step."""
        if not self.moves:
            return Measured.NO_DATA, "no ramp is under way"
        passed = now - max(self.moves[-1].at, self.scrapes_since)
        covered = self.colours[self.slots[0]].covered
        if passed > self.max_age and covered < passed / 2:
            sentence = (
                f"{self.slots[0]} has samples for only {covered:.0f} s of the last {passed:.0f} s "
                "of the step; at least half is needed"
            )
            return Measured.NO_DATA, sentence
        return Measured.OK, ""
