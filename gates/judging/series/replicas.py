"""Reads the samples of one replica of Prometheus at a time, so that no event counts twice.

The target file declares the labels of the replicas. Each replica scrapes every instance by itself,
so the samples of one replica are complete. Where a replica has a gap, the samples of another
replica fill the gap.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import inf, nextafter
from statistics import median

from gates.model import Evidence, SampleSet, Series

# A time without samples is a gap when it is longer than this number of scrape intervals.
GAP_INTERVALS = 2.5
INSTANCE = "instance"
Replica = tuple[str, ...]
Labels = frozenset[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Turn:
    """A period in which the samples of one replica are read.

    Args:
        replica: the values of the replica labels, in the order of the target file.
        first: the moment of the period's first sample, in seconds since the epoch.
        last: the moment of the period's last sample, in seconds since the epoch.
    """

    replica: Replica
    first: float
    last: float


def one_at_a_time(evidence: Evidence) -> Evidence:
    """Return the evidence with the samples of one replica at a time, without replica labels.

    At each moment, all query results use the same replica of an instance. So the selected events
    and the total events are of the same scrape. Time series without a replica label do not change.
    """
    names = evidence.target.replica_labels
    if not names:
        return evidence
    turns = _turns(evidence.samples.values(), names)
    samples = {
        name: replace(answer, series=tuple(_read(answer.series, names, turns)))
        for name, answer in evidence.samples.items()
    }
    return replace(evidence, samples=samples)


def _turns(answers: Iterable[SampleSet], names: Sequence[str]) -> Mapping[str, tuple[Turn, ...]]:
    """The periods in which each replica is read, by instance."""
    times: dict[str, dict[Replica, set[float]]] = {}
    for answer in answers:
        for group in _copies(answer.series, names).values():
            for replica, series in group:
                if any(replica) or len(group) > 1:
                    of_instance = times.setdefault(series.labels.get(INSTANCE, ""), {})
                    of_instance.setdefault(replica, set()).update(at for at, _ in series.samples)
    return {
        instance: tuple(schedule({name: sorted(known) for name, known in sets.items() if known}))
        for instance, sets in times.items()
    }


def _copies(
    series: Iterable[Series], names: Sequence[str]
) -> dict[Labels, list[tuple[Replica, Series]]]:
    """The series that differ only in the replica labels, keyed by their other labels."""
    copies: dict[Labels, list[tuple[Replica, Series]]] = {}
    for member in series:
        replica = tuple(member.labels.get(name, "") for name in names)
        others = frozenset(item for item in member.labels.items() if item[0] not in names)
        copies.setdefault(others, []).append((replica, member))
    return copies


def _read(
    series: Iterable[Series], names: Sequence[str], turns: Mapping[str, tuple[Turn, ...]]
) -> Iterator[Series]:
    """The time series of one query result, with the samples of one replica at a time."""
    for others, group in _copies(series, names).items():
        if len(group) == 1 and not any(group[0][0]):
            yield group[0][1]
            continue
        labels = dict(others)
        known = dict(group)
        samples = sorted(
            sample
            for turn in turns.get(labels.get(INSTANCE, ""), ())
            if turn.replica in known
            for sample in known[turn.replica].samples
            if turn.first <= sample.at <= turn.last
        )
        if samples:
            yield Series(labels, tuple(samples))


def schedule(times: Mapping[Replica, Sequence[float]]) -> Iterator[Turn]:
    """Choose the replica with the shortest gaps; fill its gaps with samples of the next replica.

    Args:
        times: the moments of the samples of each replica, in order of time.

    Yields:
        The periods in which the samples of one replica are read.
    """
    if not times:
        return
    steps = [median(_steps(known)) for known in times.values() if len(known) > 1]
    gap = GAP_INTERVALS * min(steps) if steps else inf
    begin = min(known[0] for known in times.values())
    end = max(known[-1] for known in times.values())
    order = sorted(times, key=lambda name: (_missing(times[name], gap, begin, end), name))
    # The bounds of a gap are not in the gap; so the whole time has bounds outside of it.
    yield from _fill(order, times, gap, (nextafter(begin, -inf), nextafter(end, inf)))


def _fill(
    order: Sequence[Replica],
    times: Mapping[Replica, Sequence[float]],
    gap: float,
    bounds: tuple[float, float],
) -> Iterator[Turn]:
    """The periods in which each replica is read, between two moments (exclusive)."""
    if not order:
        return
    known = [at for at in times[order[0]] if bounds[0] < at < bounds[1]]
    begin: float | None = None
    for earlier, later in pairwise((bounds[0], *known, bounds[1])):
        if later - earlier <= gap and later != bounds[1]:
            begin = later if begin is None else begin
            continue
        if begin is not None:
            yield Turn(order[0], begin, earlier)
            begin = None
        if later - earlier > gap or not known:
            yield from _fill(order[1:], times, gap, (earlier, later))
        if later != bounds[1]:
            begin = later


def _missing(known: Sequence[float], gap: float, begin: float, end: float) -> float:
    """The total length of a replica's gaps between two moments, in seconds."""
    return sum(step for step in _steps((begin, *known, end)) if step > gap)


def _steps(known: Sequence[float]) -> list[float]:
    return [later - earlier for earlier, later in pairwise(known)]
