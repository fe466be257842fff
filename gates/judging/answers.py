"""Reads sample sets: whether an answer exists and is fresh, and the measurement of an answer."""

from collections.abc import Sequence

from gates.model import Evidence, Measured, Measurement, SampleSet, Series, Target
from gates.model.selector import of_colour
from gates.statistics import by_instance, newest_sample_time


def sample_set(evidence: Evidence, selector: str, window_seconds: float) -> SampleSet:
    """The answer to a selector; the evidence must have the answer."""
    return evidence.samples[key(selector, window_seconds)]


def key(selector: str, window_seconds: float) -> str:
    """Names one answer among the evidence's samples."""
    return f"{selector}[{window_seconds:.3f}s]"


def for_slot(selector: str, target: Target, *, baseline: bool = False) -> str:
    """The selector of the target's series, or of the series of the target's baseline."""
    slot = target.baseline_slot if baseline else target.slot
    return of_colour(selector, slot, target.colour_label)


def age_seconds(answer: SampleSet) -> float | None:
    """The age of the newest sample at the moment of the query."""
    newest = newest_sample_time(answer.series)
    return None if newest is None else answer.evaluated_at - newest


def blindness(
    answers: Sequence[SampleSet],
    max_age_seconds: float,
    *,
    covering: Sequence[SampleSet],
    gone: frozenset[str] = frozenset(),
    instance_label: str = "instance",
) -> tuple[Measured, str]:
    """Why some answers cannot be judged: a status and a sentence.

    Args:
        answers: the answers; each needs a fresh sample of every instance that it knows.
        max_age_seconds: the maximum age of a fresh sample.
        covering: the answers that also need samples from the beginning of their window. A counter
            may appear late, with its first event. A series that an instance always exports may not.
        gone: instances that left the discovery of Prometheus, of which no fresh sample is due.
        instance_label: the label that names the instance.

    Returns:
        ``(OK, "")`` where the answers can be judged.
    """
    for answer in answers:
        measured, problem = _blindness(answer, max_age_seconds, gone, instance_label)
        if measured is not Measured.OK:
            return measured, f"{answer.query}: {problem}"
    for answer in covering:
        covered = answer.evaluated_at - min(counter.samples[0].at for counter in answer.series)
        window = answer.window.total_seconds()
        if covered < window - max_age_seconds:
            problem = f"its samples cover {covered:.0f} s of {window:.0f} s"
            return Measured.NO_DATA, f"{answer.query}: {problem}"
    return Measured.OK, ""


def _blindness(
    answer: SampleSet, max_age_seconds: float, gone: frozenset[str], instance_label: str
) -> tuple[Measured, str]:
    if answer.measured is not Measured.OK:
        return answer.measured, answer.problem
    try:
        instances = by_instance(answer.series, instance_label)
        present = {name: group for name, group in instances.items() if name not in gone}
        if instances and not present:
            return Measured.STALE, "every instance left the discovery of Prometheus"
        return _freshness(answer, present, max_age_seconds)
    except ValueError as error:
        return Measured.ERROR, str(error)


def _freshness(
    answer: SampleSet, instances: dict[str, list[Series]], max_age_seconds: float
) -> tuple[Measured, str]:
    if not instances or any(not counter.samples for counter in answer.series):
        return Measured.NO_DATA, "series without samples"
    ages = {
        instance: answer.evaluated_at - max(counter.samples[-1].at for counter in group)
        for instance, group in instances.items()
    }
    oldest = max(ages, key=lambda instance: ages[instance])
    if ages[oldest] > max_age_seconds:
        sentence = f"the newest sample of {oldest} is {ages[oldest]:.0f} s old"
        return Measured.STALE, f"{sentence}, limit {max_age_seconds:.0f} s"
    if min(ages.values()) < -max_age_seconds:
        ahead = f"{-min(ages.values()):.0f} s in the future"
        return Measured.ERROR, f"the newest sample of an instance is {ahead}; compare the clocks"
    return Measured.OK, ""


def measurement(answer: SampleSet, value: str) -> Measurement:
    """The measurement of one answer, for a finding."""
    return Measurement(
        source=answer.source,
        query=answer.query,
        window_seconds=answer.window.total_seconds(),
        samples=sum(len(counter.samples) for counter in answer.series),
        age_seconds=age_seconds(answer),
        value=value,
    )


def command(answer: SampleSet) -> str:
    """The command line that shows the same answer."""
    options = answer.curl_options
    return f"curl -sG {options}{answer.source}/api/v1/query --data-urlencode 'query={answer.query}'"


def spelled_twice(series: Sequence[Series]) -> tuple[str, ...]:
    """Two spellings of one bucket boundary; empty where every boundary has one spelling.

    The gate would take a series with another spelling for a new series, and would count all its
    events in this window.
    """
    spelled: dict[frozenset[tuple[str, str]], set[str]] = {}
    for counter in series:
        rest = frozenset((name, value) for name, value in counter.labels.items() if name != "le")
        spelled.setdefault(rest, set()).add(counter.labels.get("le", ""))
    return next(
        (tuple(sorted(spellings)) for spellings in spelled.values() if len(spellings) > 1), ()
    )
