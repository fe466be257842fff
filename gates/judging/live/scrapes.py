"""Turns answers of Prometheus into scrapes: what each instance showed at each moment."""

from collections.abc import Iterable
from math import isfinite

from gates.model import Scrape, Series
from gates.statistics import by_instance, identity_of

# What Prometheus adds to a series, and what tells colours apart.
ADDED = frozenset({"instance", "job", "slot"})
Moments = dict[float, dict[str, float]]


def scrapes(
    counters: Iterable[Iterable[Series]],
    starts: Iterable[Series],
    *,
    optional: Iterable[Iterable[Series]] = (),
) -> list[Scrape]:
    """Every scrape of every instance, in order of time, up to where every answer reaches.

    A scrape that came between two queries is in one answer only, and would count as half a scrape.

    Args:
        counters: answers with counters; a series may be in several.
        starts: ``process_start_time_seconds`` of the same instances.
        optional: answers with counters that appear with their first event; these counters are
            added to the scrapes of the other counters, and neither begin nor end a scrape.

    Raises:
        ValueError: a series without an instance, an instance scraped by several jobs, or a start
            time that is no number.
    """
    moments_of: dict[tuple[str, str], Moments] = {}
    until: dict[tuple[str, str], float] = {}
    for answer in counters:
        for instance, group in by_instance(answer).items():
            newest = max(counter.samples[-1].at for counter in group)
            key = (group[0].labels.get("slot", ""), instance)
            until[key] = min(until.get(key, newest), newest)
            moments = moments_of.setdefault(key, {})
            for counter in group:
                identity = identity_of(counter.labels, ADDED)
                for at, value in counter.samples:
                    if at in moments:
                        moments[at][identity] = value
                    else:
                        moments[at] = {identity: value}
    for answer in optional:
        _add(answer, moments_of)
    starts = list(starts)
    if any(not isfinite(value) for counter in starts for _, value in counter.samples):
        raise ValueError("a process start time is not a number")
    begun = {
        (counter.labels.get("slot", ""), counter.labels.get("instance", "")): dict(counter.samples)
        for counter in starts
    }
    every_scrape = [
        Scrape(at, slot, instance, begun.get((slot, instance), {}).get(at), values)
        for (slot, instance), moments in moments_of.items()
        for at, values in moments.items()
        if at <= until[slot, instance]
    ]
    every_scrape.sort(key=lambda counter: counter.at)
    return every_scrape


def _add(answer: Iterable[Series], moments_of: dict[tuple[str, str], Moments]) -> None:
    """Add the counters of an answer to the known scrapes."""
    for instance, group in by_instance(answer).items():
        known = moments_of.get((group[0].labels.get("slot", ""), instance), {})
        for counter in group:
            identity = identity_of(counter.labels, ADDED)
            for at, value in counter.samples:
                if at in known:
                    known[at][identity] = value
