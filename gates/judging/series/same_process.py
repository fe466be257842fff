"""Finds a process that Prometheus scrapes under two instance names, so that events count twice.

Possible causes are samples that were copied from another Prometheus, two jobs that scrape the
process, or a host name and an IP address of the process.
"""

from collections.abc import Sequence
from ipaddress import ip_address
from itertools import combinations, pairwise

from gates.judging.series.series_labels import SeriesLabels
from gates.model import Sample, SampleSet, Series
from gates.statistics import by_instance, overlap

# The instance of a series that one Prometheus read from another.
EXPORTED = "exported_instance"
# Labels that name the pod of a process.
POD_LABELS = ("pod", "pod_name", "kubernetes_pod_name")
# The number of equal rises from which two names count as one process.
MIN_RISES = 3
SAME_START_SECONDS = 0.0005


def problem(
    starts: SampleSet | None,
    counters: Sequence[SampleSet],
    labels: SeriesLabels,
    instance_label: str = "instance",
) -> str:
    """Find two instances that are names of one process.

    Args:
        starts: the query result with the start times of a colour's processes; None where the
            system has no start times.
        counters: the query results with counters of the same instances.
        labels: the labels in which the time series of one instance may differ.
        instance_label: the name of the label whose value is the instance.

    Returns:
        A sentence about the two instances; empty where every process has one name.

    Raises:
        ValueError: a time series names no instance, or several jobs scrape an instance at once.
    """
    known = starts if starts is not None else next(iter(counters), None)
    if known is None:
        return ""
    instances = by_instance(known.series, instance_label)
    for left_name, right_name in combinations(sorted(instances), 2):
        left, right = _newest(instances[left_name]), _newest(instances[right_name])
        if _is_copy(left, right, left_name, right_name):
            sign = f"the label {EXPORTED!r} of one instance names the other instance"
            return _sentence(left_name, right_name, sign)
        if starts is not None and not _is_one_start(left, right):
            continue
        if _may_be_one_process(left, right, left_name, right_name) and _count_alike(
            (left_name, right_name), counters, labels, instance_label
        ):
            same = "equal start times and equal counters" if starts else "equal counters"
            return _sentence(left_name, right_name, same)
    return ""


def _newest(series: Sequence[Series]) -> Series:
    """The series with the newest sample; an instance may have several series, one after another."""
    return max(series, key=lambda member: member.samples[-1].at)


def _sentence(left_name: str, right_name: str, sign: str) -> str:
    return (
        f"{left_name} and {right_name} are two names of one process: {sign}; every event would "
        "count twice; scrape the process by one name only"
    )


def _is_copy(left: Series, right: Series, left_name: str, right_name: str) -> bool:
    """Whether one instance is a copy of the other instance, from another Prometheus."""
    return (left.labels.get(EXPORTED) == right_name and overlap(left, right)) or (
        right.labels.get(EXPORTED) == left_name and overlap(left, right)
    )


def _is_one_start(left: Series, right: Series) -> bool:
    """Whether the newest start times are equal to the millisecond."""
    return abs(left.samples[-1].value - right.samples[-1].value) <= SAME_START_SECONDS


def _may_be_one_process(left: Series, right: Series, left_name: str, right_name: str) -> bool:
    """Whether the labels allow that two instances are one process.

    Two pods of a deployment have the same label names with different values. Two instances may be
    one process where they have different jobs or label names, or the name of the same pod.
    """
    labels, others = left.labels, right.labels
    same_pod = any(labels.get(name) and labels.get(name) == others.get(name) for name in POD_LABELS)
    return (
        labels.get("job", "") != others.get("job", "")
        or labels.keys() != others.keys()
        or same_pod
        or _may_be_one_address(left_name, right_name)
    )


def _may_be_one_address(left_name: str, right_name: str) -> bool:
    """Whether two instances may name one address: a short and a full name, or a name and an IP.

    Two pods with different names are two processes, even with equal start times and equal counts.
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


def _count_alike(
    names: tuple[str, str],
    counters: Sequence[SampleSet],
    labels: SeriesLabels,
    instance_label: str,
) -> bool:
    """Whether the samples under both names look like the samples of one counter.

    In order of time, they never fall, and rise several times. The samples of two processes would
    rise and fall in turn. Equal start times alone may be chance.
    """
    rises = 0
    for answer in counters:
        known = by_instance(answer.series, instance_label)
        left, right = (
            {labels.identity(series.labels): series for series in known.get(name, [])}
            for name in names
        )
        for identity in left.keys() & right.keys():
            merged = sorted((*left[identity].samples, *right[identity].samples))
            if any(_contradict(earlier, later) for earlier, later in pairwise(merged)):
                return False
            rises += sum(later.value > earlier.value for earlier, later in pairwise(merged))
    return rises >= MIN_RISES


def _contradict(earlier: Sample, later: Sample) -> bool:
    """Whether two series cannot be one counter: a value fell, or one moment has two values."""
    at_once = earlier.at == later.at and earlier.value != later.value
    return later.value < earlier.value or at_once
