"""Condition: green's instances were up in the step, and Prometheus scraped all instances."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import inf

from gates.judging import answers
from gates.judging.conclusion import Conclusion, cannot_measure, finding_of
from gates.model import (
    AvailabilityObjective,
    Finding,
    Measured,
    Move,
    Sample,
    SampleSet,
    Target,
    Verdict,
)
from gates.statistics import CLOCK_NOISE_SECONDS, by_instance

UP = 1.0


@dataclass(frozen=True, slots=True)
class InstanceSamples:
    """The query results about green's instances in this ramp step.

    Args:
        moves: the changes of green's share of the traffic in the ramp that is under way.
        up: the query result of ``up``, which shows whether Prometheus reached each instance.
        starts: the query result with the start times of the processes; None where the system has
            no start times.
        now: the moment of the decision, in seconds since the epoch.
        instance_label: the name of the label whose value is the instance.
    """

    moves: Sequence[Move]
    up: SampleSet
    starts: SampleSet | None
    now: float
    instance_label: str = "instance"


@dataclass(frozen=True, slots=True)
class Absence:
    """A period in which Prometheus did not reach an instance; moments in seconds since the epoch.

    Args:
        instance: the name of the instance.
        begin: the last moment at which Prometheus reached the instance before the absence. Where
            Prometheus never reached the instance, this is the first scrape. A moment before the
            start of the step is replaced by the start of the step.
        end: the first moment at which Prometheus reached the instance again. Where Prometheus has
            not reached the instance again, this is the newest scrape.
        restarted: whether another process of the instance responded at the end.
    """

    instance: str
    begin: float
    end: float
    restarted: bool

    @property
    def seconds(self) -> float:
        """The length of the absence, in seconds."""
        return self.end - self.begin


def conclude(
    objective: AvailabilityObjective,
    target: Target,
    samples: InstanceSamples | None,
    weights: SampleSet,
) -> Finding:
    """Judge for how long Prometheus did not reach green's instances in this step.

    An absence after which another process responds is an outage. All outages of the step count
    against the objective. An absence after which the same process responds is a gap of the scrapes.
    A long gap that ended within the last bake time leads to a hold, because no samples show the
    events in the gap.

    Args:
        objective: the objective.
        target: green; the target file may list the instances that must exist.
        samples: the query results about green's instances; None where no ramp is under way.
        weights: the query result with the traffic weights; the finding has this result where no
            ramp is under way.
    """
    if samples is None:
        conclusion = cannot_measure(Measured.NO_DATA, objective.reads, "no ramp is under way")
        answer = weights
    else:
        samples = replace(samples, instance_label=objective.processes.instance_label)
        conclusion = Conclusion(*_judged(objective, target, samples))
        answer = samples.up
    measurement = answers.measurement(answer, f"{len(answer.series)} series")
    return finding_of(objective, conclusion, [measurement], answers.command(answer))


def _judged(
    objective: AvailabilityObjective, target: Target, samples: InstanceSamples
) -> tuple[Measured, Verdict, str]:
    for answer in (samples.up, *(() if samples.starts is None else (samples.starts,))):
        if answer.measured is not Measured.OK:
            problem = f"{answer.query}: {answer.problem}"
            sentence = f"the gate cannot measure this: {objective.reads}: {problem}"
            return answer.measured, Verdict.INCONCLUSIVE, sentence
    try:
        instances = by_instance(samples.up.series, samples.instance_label)
        absences = [item for name in instances for item in _absences(name, samples)]
    except ValueError as error:
        sentence = f"the gate cannot measure this: {objective.reads}: {error}"
        return Measured.ERROR, Verdict.INCONCLUSIVE, sentence
    since, max_age = samples.moves[-1].at, objective.max_sample_age.total_seconds()
    fresh = {
        name
        for name, series in instances.items()
        if samples.now - max(item.samples[-1].at for item in series) <= max_age
    }
    if missing := sorted(set(target.instances) - fresh):
        known = ", ".join(sorted(fresh)) or "none"
        sentence = (
            f"Prometheus has no fresh samples of {', '.join(missing)}; the target file lists "
            f"these instances of {target.slot}; instances with fresh samples: {known}"
        )
        return Measured.NO_DATA, Verdict.INCONCLUSIVE, sentence
    step = samples.now - since
    outages = [item for item in absences if item.restarted]
    down = sum(item.seconds for item in outages)
    whole = max(step, objective.bake.total_seconds()) * max(1, len(fresh))
    counted = (
        f"{target.slot} was down for {down:.0f} s in total, in {len(outages)} outages of this "
        f"step (length of the step: {step:.0f} s, instances: {len(fresh)}); "
        f"the limit is {(1 - objective.least) * whole:.0f} s"
    )
    if down > (1 - objective.least) * whole:
        return Measured.OK, Verdict.FAIL, counted
    recent = samples.now - objective.bake.total_seconds()
    holes = [
        item
        for item in absences
        if not item.restarted and item.seconds > max_age and item.end > recent
    ]
    if holes:
        hole = holes[-1]
        sentence = (
            f"Prometheus did not reach {hole.instance} for {hole.seconds:.0f} s "
            f"(limit {max_age:.0f} s); the gap ended {samples.now - hole.end:.0f} s ago; "
            f"wait for {hole.end - recent:.0f} s more; after another gap, the wait begins again"
        )
        return Measured.NO_DATA, Verdict.INCONCLUSIVE, sentence
    return Measured.OK, Verdict.PASS, counted


def _absences(instance: str, samples: InstanceSamples) -> Iterator[Absence]:
    """The absences of an instance since the step began."""
    since = samples.moves[-1].at
    by_name = by_instance(samples.up.series, samples.instance_label)
    looks = sorted(sample for item in by_name[instance] for sample in item.samples)
    others = sorted(
        sample.at
        for name, series in by_name.items()
        if name != instance
        for item in series
        for sample in item.samples
    )
    starts = _start_times(instance, samples)
    good = [item.at for item in looks if item.value == UP]
    if not good:
        yield Absence(instance, max(since, looks[0].at), looks[-1].at, restarted=False)
        return
    bad = [item.at for item in looks if item.value != UP]
    for begin, end in pairwise(good):
        if end <= since:
            continue
        failed = bisect_left(bad, end) > bisect_right(bad, begin)
        if not failed and _was_away(starts, others, begin, end):
            continue
        restarted = failed and _restarted(starts, begin, end)
        yield Absence(instance, max(begin, since), end, restarted=restarted)
    if looks[-1].at > good[-1]:
        # It is not known yet whether the process is down, or only its metrics.
        yield Absence(instance, max(good[-1], since), looks[-1].at, restarted=False)


def _start_times(instance: str, samples: InstanceSamples) -> list[Sample] | None:
    """The start times of an instance's processes; None where the system has no start time."""
    if samples.starts is None:
        return None
    known = by_instance(samples.starts.series, samples.instance_label).get(instance, [])
    return sorted(sample for item in known for sample in item.samples)


def _was_away(
    starts: Sequence[Sample] | None, others: Sequence[float], begin: float, end: float
) -> bool:
    """Whether the instance left the service discovery, and another process began later.

    Prometheus scraped other instances in the meantime, so Prometheus itself was not down.
    """
    scraped = bisect_left(others, end) > bisect_right(others, begin)
    return scraped and starts is not None and _is_another(starts, begin, end)


def _is_another(starts: Sequence[Sample], begin: float, end: float) -> bool:
    """Whether the process after a gap started later than the process before the gap."""
    after, before = bisect_left(starts, (end, -inf)), bisect_right(starts, (begin, inf)) - 1
    if before < 0 or after == len(starts):
        return False
    return starts[after].value - starts[before].value > CLOCK_NOISE_SECONDS


def _restarted(starts: Sequence[Sample] | None, begin: float, end: float) -> bool:
    """Whether another process answered after the absence."""
    if starts is None:
        return False  # without a start time, the absence is a gap
    before = [item.value for item in starts if item.at <= begin]
    after = [item.value for item in starts if item.at >= end]
    if not before or not after:
        return True  # nothing proves that the process is the same
    return abs(after[0] - before[-1]) > CLOCK_NOISE_SECONDS
