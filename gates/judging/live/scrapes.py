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
        optional: answers with counters that appear with their first event; they are added to the
            scrapes that the others have, and neither make nor end one.

    Raises:
        ValueError: a series without an instance, an instance scraped by several jobs, or a start
            time that is no number.
    """
    found: dict[tuple[str, str], Moments] = {}
    until: dict[tuple[str, str], float] = {}
    for answer in counters:
        for instance, group in by_instance(answer).items():
            newest = max(one.samples[-1].at for one in group)
            key = (group[0].labels.get("slot", ""), instance)
            until[key] = min(until.get(key, newest), newest)
            moments = found.setdefault(key, {})
            for one in group:
                identity = identity_of(one.labels, ADDED)
                for at, value in one.samples:
                    if at in moments:
                        moments[at][identity] = value
                    else:
                        moments[at] = {identity: value}
    for answer in optional:
        _add(answer, found)
    starts = list(starts)
    if any(not isfinite(value) for one in starts for _, value in one.samples):
        raise ValueError("a process start time is not a number")
    begun = {
        (one.labels.get("slot", ""), one.labels.get("instance", "")): dict(one.samples)
        for one in starts
    }
    made = [
        Scrape(at, slot, instance, begun.get((slot, instance), {}).get(at), values)
        for (slot, instance), moments in found.items()
        for at, values in moments.items()
        if at <= until[slot, instance]
    ]
    made.sort(key=lambda one: one.at)
    return made


def _add(answer: Iterable[Series], found: dict[tuple[str, str], Moments]) -> None:
    """Add the counters of an answer to the scrapes that are known already."""
    for instance, group in by_instance(answer).items():
        known = found.get((group[0].labels.get("slot", ""), instance), {})
        for one in group:
            identity = identity_of(one.labels, ADDED)
            for at, value in one.samples:
                if at in known:
                    known[at][identity] = value
