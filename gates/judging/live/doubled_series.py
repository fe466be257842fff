"""Finds series that count the same events twice: replicas, and one process under two names."""

from collections.abc import Iterator, Sequence
from ipaddress import ip_address
from itertools import combinations, pairwise

from gates.model import Sample, SampleSet, Series
from gates.statistics import by_instance, identity_of

# Labels in which the series of two names of one process differ anyway.
TARGET_LABELS = frozenset({"instance", "job", "slot", "pod", "container"})
# So many rises must be alike before two names are taken for one process.
MIN_RISES = 3
SAME_START_SECONDS = 0.0005


def problem(starts: SampleSet, counters: Sequence[SampleSet]) -> str:
    """Why the events of a colour would count twice; empty where every event counts once.

    Args:
        starts: ``process_start_time_seconds`` of the colour: one series for each process.
        counters: answers with counters of the same instances.

    Raises:
        ValueError: a series without an instance, or an instance scraped by several jobs.
    """
    instances = by_instance(starts.series)
    for instance, series in instances.items():
        for first, second in combinations(series, 2):
            if _overlap(first, second):
                label, values = _difference(first, second)
                return (
                    f"{instance} has two series of {first.labels.get('__name__', 'a counter')} "
                    f"that differ in the label {label!r} ({values}): every event would count "
                    "twice; keep one of them in the scrape or query configuration"
                )
    for left_name, right_name in _pairs_of_one_start(instances):
        if _may_be_one_address(left_name, right_name) and _is_one_process(
            left_name, right_name, counters
        ):
            return (
                f"{left_name} and {right_name} are two names of one process: the same start time "
                "and the same counters; every event would count twice; scrape one of them"
            )
    return ""


def _overlap(first: Series, second: Series) -> bool:
    """Whether two series exist at the same time, so that neither series follows the other."""
    return (
        first.samples[0].at <= second.samples[-1].at
        and second.samples[0].at <= first.samples[-1].at
    )


def _difference(first: Series, second: Series) -> tuple[str, str]:
    """The first label in which two series differ, and both values."""
    names = sorted(first.labels.keys() | second.labels.keys())
    for name in names:
        values = first.labels.get(name, ""), second.labels.get(name, "")
        if values[0] != values[1]:
            return name[:80], " and ".join(repr(value[:80]) for value in values)
    return "none", "the same labels"


def _pairs_of_one_start(instances: dict[str, list[Series]]) -> Iterator[tuple[str, str]]:
    """Instances whose newest start times are equal to the millisecond."""
    newest = {name: series[-1].samples[-1].value for name, series in instances.items()}
    for left_name, right_name in combinations(sorted(newest), 2):
        if abs(newest[left_name] - newest[right_name]) <= SAME_START_SECONDS:
            yield left_name, right_name


def _may_be_one_address(left_name: str, right_name: str) -> bool:
    """Whether two instances may name one address: a short and a full name, or a name and an IP.

    Two pods of different names can have the same start time and, in a quiet hour, the same counts.
    """
    hosts, ports = zip(
        *(name.rpartition(":")[::2] for name in (left_name, right_name)), strict=True
    )
    if ports[0] != ports[1]:
        return False
    addresses = [_is_address(host) for host in hosts]
    if any(addresses):
        return not all(addresses)
    return bool(hosts[0].partition(".")[0] == hosts[1].partition(".")[0])


def _is_address(host: str) -> bool:
    try:
        ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


def _is_one_process(left_name: str, right_name: str, counters: Sequence[SampleSet]) -> bool:
    """Whether the counters under both names, put in order of time, never fall.

    The counters of two processes would go up and down. Equal start times alone may be chance.
    """
    rises = 0
    for answer in counters:
        known = by_instance(answer.series)
        by_identity = [
            {identity_of(series.labels, TARGET_LABELS): series for series in known.get(name, [])}
            for name in (left_name, right_name)
        ]
        if by_identity[0].keys() != by_identity[1].keys():
            return False
        for identity, series in by_identity[0].items():
            merged = sorted((*series.samples, *by_identity[1][identity].samples))
            if any(_contradict(earlier, later) for earlier, later in _steps(merged)):
                return False
            rises += sum(later.value > earlier.value for earlier, later in _steps(merged))
    return rises >= MIN_RISES


def _contradict(earlier: Sample, later: Sample) -> bool:
    """Whether two series cannot be one counter: a value fell, or one moment has two values."""
    at_once = earlier.at == later.at and earlier.value != later.value
    return later.value < earlier.value or at_once


def _steps(samples: Sequence[Sample]) -> Iterator[tuple[Sample, Sample]]:
    return pairwise(samples)
