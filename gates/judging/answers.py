"""Reads query results of Prometheus: finds missing or old samples, and creates measurements."""

from collections.abc import Sequence

from gates.model import Measured, Measurement, SampleSet, Series, Target
from gates.model.selector import of_colour
from gates.statistics import by_instance, newest_sample_time


def key(selector: str, window_seconds: float) -> str:
    """Return the key of a query result in the samples of the evidence.

    Args:
        selector: the selector, with the colour's label value in place of ``$slot``.
        window_seconds: the length of the window of the query.
    """
    return f"{selector}[{window_seconds:.3f}s]"


def for_slot(selector: str, target: Target, *, baseline: bool = False) -> str:
    """Return a selector with the colour of the target, or of the target's baseline.

    Args:
        selector: the selector, with ``$slot`` in place of the colour's label value.
        target: the target, which names both colours.
        baseline: whether the selector gets the colour of the baseline.
    """
    slot = target.baseline_slot if baseline else target.slot
    return of_colour(selector, slot, target.colour_label)


def age_seconds(answer: SampleSet) -> float | None:
    """Return the newest sample's age in seconds at the window's end; None without samples."""
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
    """Find the first reason why query results cannot be judged.

    Args:
        answers: the query results. Each of them needs a fresh sample of every instance that has a
            time series in the query result.
        max_age_seconds: the maximum age of a fresh sample.
        covering: the query results that also need samples from the beginning of their windows. A
            counter may appear late, with its first event, so it is not in this list.
        gone: the instances that are no longer in the service discovery of Prometheus. They need no
            fresh sample.
        instance_label: the name of the label whose value is the instance.

    Returns:
        A status and a sentence with the reason; ``(OK, "")`` where the query results can be judged.
    """
    for answer in answers:
        measured, problem = _blindness(answer, max_age_seconds, gone, instance_label)
        if measured is not Measured.OK:
            return measured, f"{answer.query}: {problem}"
    for answer in covering:
        covered = answer.evaluated_at - min(counter.samples[0].at for counter in answer.series)
        window = answer.window.total_seconds()
        if covered < window - max_age_seconds:
            problem = f"the samples cover only {covered:.0f} s of the window of {window:.0f} s"
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
            problem = (
                "no instance is scraped: all instances of the query result are no longer in the "
                "service discovery of Prometheus"
            )
            return Measured.STALE, problem
        return _freshness(answer, present, max_age_seconds)
    except ValueError as error:
        return Measured.ERROR, str(error)


def _freshness(
    answer: SampleSet, instances: dict[str, list[Series]], max_age_seconds: float
) -> tuple[Measured, str]:
    if not instances or any(not counter.samples for counter in answer.series):
        return Measured.NO_DATA, "a time series of the query result has no samples"
    ages = {
        instance: answer.evaluated_at - max(counter.samples[-1].at for counter in group)
        for instance, group in instances.items()
    }
    oldest = max(ages, key=lambda instance: ages[instance])
    if ages[oldest] > max_age_seconds:
        sentence = f"the newest sample of {oldest} is {ages[oldest]:.0f} s old"
        return Measured.STALE, f"{sentence}, limit {max_age_seconds:.0f} s"
    if min(ages.values()) < -max_age_seconds:
        ahead = f"the newest sample of an instance is {-min(ages.values()):.0f} s in the future"
        return Measured.ERROR, f"{ahead}; compare the clocks of Prometheus and of the gate"
    return Measured.OK, ""


def measurement(answer: SampleSet, value: str) -> Measurement:
    """Create the measurement of one query result, for a finding.

    Args:
        answer: the query result.
        value: the measured value, as a text.
    """
    return Measurement(
        source=answer.source,
        query=answer.query,
        window_seconds=answer.window.total_seconds(),
        samples=sum(len(counter.samples) for counter in answer.series),
        age_seconds=age_seconds(answer),
        value=value,
    )


def command(answer: SampleSet) -> str:
    """Return the command line with which a person sends the same query to Prometheus."""
    options = answer.curl_options
    return f"curl -sG {options}{answer.source}/api/v1/query --data-urlencode 'query={answer.query}'"


def spelled_twice(series: Sequence[Series]) -> tuple[str, ...]:
    """Return the different spellings of a bucket boundary; empty where each has one spelling.

    For example, the label ``le`` of one bucket can have the values ``1`` and ``1.0``. The gate
    would treat the second spelling as a new time series, and would count all its events as new.
    """
    spelled: dict[frozenset[tuple[str, str]], set[str]] = {}
    for counter in series:
        rest = frozenset((name, value) for name, value in counter.labels.items() if name != "le")
        spelled.setdefault(rest, set()).add(counter.labels.get("le", ""))
    return next(
        (tuple(sorted(spellings)) for spellings in spelled.values() if len(spellings) > 1), ()
    )
