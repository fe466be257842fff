"""Plans the queries of sums, so that one query serves several selectors.

``sum by (instance, status) (requests)`` returns one sum for each status. From these sums the gate
adds up all requests, the failed requests and the refused requests. A count is a whole number, so
the order of the additions does not matter.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import inf

from gates.evidence.metrics import instance_sums
from gates.evidence.metrics.store_size import Split, StoreSize
from gates.judging.live.scrapes import AT, same_until
from gates.model import Sample, Series
from gates.model.selector import NAME, extra_matchers, is_within, matchers_of, metric_name, parse

BUCKET_LABEL = "le"
# Sums with fewer samples are not remembered: they are of rollback triggers, whose window begins
# at another moment in each decision.
MIN_REMEMBERED_SAMPLES = 100
Samples = tuple[Sample, ...]


@dataclass(frozen=True, slots=True)
class SumQuery:
    """One query that returns sums for each instance.

    Args:
        selector: the selector of the time series that Prometheus adds up.
        by: the labels that tell instances apart.
        split: a further label that the sums keep, with one sum for each value; empty for none.
    """

    selector: str
    by: tuple[str, ...]
    split: str = ""

    @property
    def text(self) -> str:
        """The PromQL expression of the query."""
        labels = (*self.by, self.split) if self.split else self.by
        return instance_sums.expression(self.selector, labels)

    def members(self, selector: str, sums: Iterable[Series]) -> list[Series]:
        """Return the sums that belong to a narrower selector.

        Args:
            selector: the selector of the query, or a narrower selector of the plan.
            sums: the sums that the query returned.
        """
        matches = extra_matchers(selector, self.selector).matches
        return [line for line in sums if matches(line.labels)]

    def part(
        self, selector: str, sums: Iterable[Series], memory: "AddedSums"
    ) -> tuple[Series, ...]:
        """Return one sum for each instance, for a selector that this query serves.

        Args:
            selector: the selector of the query, or a narrower selector of the plan.
            sums: the sums that the query returned.
            memory: the sums that the gate added up in earlier decisions.
        """
        if not self.split:
            return tuple(sums)
        groups: dict[tuple[str, ...], list[Series]] = {}
        for line in self.members(selector, sums):
            key = tuple(line.labels.get(name, "") for name in self.by)
            groups.setdefault(key, []).append(line)
        return tuple(
            Series(
                {name: value for name, value in group[0].labels.items() if name != self.split},
                memory.added((self.text, selector, *key), group),
            )
            for key, group in groups.items()
        )

    def is_spelled_once(self, sums: Iterable[Series]) -> bool:
        """Return whether each instance has at most one spelling of the selected bucket boundary."""
        matchers = [item for item in matchers_of(self.selector) if item.label == BUCKET_LABEL]
        if any(item.sign == "=" for item in matchers):
            return True
        if self.split != BUCKET_LABEL:
            return False
        keys = [tuple(line.labels.get(name, "") for name in self.by) for line in sums]
        return len(set(keys)) == len(keys)


class AddedSums:
    """Remembers sums that the gate added up, so that a later decision adds up only new samples."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, ...], tuple[list[Series], Samples]] = {}

    def added(self, name: tuple[str, ...], group: list[Series]) -> Samples:
        """Return the sum of several time series at each moment.

        Args:
            name: the name under which the sum is remembered.
            group: the time series; each has its oldest sample first.
        """
        if len(group) == 1:
            return group[0].samples
        if max(len(line.samples) for line in group) < MIN_REMEMBERED_SAMPLES:
            return tuple(_added(group, -inf))
        earlier, known = self._known.get(name, ([], ()))
        since = same_until(group, earlier)
        total = (*known[: bisect_right(known, since, key=AT)], *_added(group, since))
        self._known[name] = group, total
        return total


def _added(group: Iterable[Series], since: float) -> Iterator[Sample]:
    """Return the sum of several time series at each moment after ``since``."""
    totals: dict[float, float] = {}
    for line in group:
        for at, value in line.samples[bisect_right(line.samples, since, key=AT) :]:
            totals[at] = totals.get(at, 0.0) + value
    return map(Sample, *zip(*sorted(totals.items()), strict=True)) if totals else iter(())


class SumPlan:
    """The queries of sums that serve several selectors of the same instances.

    Args:
        selectors: the selectors whose time series are added up.
        by: the labels that tell instances apart.
        size: the size of the store; the sums keep a further label only if there are few such sums.
    """

    def __init__(self, selectors: Iterable[str], by: tuple[str, ...], size: StoreSize) -> None:
        self._queries: dict[str, SumQuery] = {}
        wide: dict[str, str] = {}
        answered_by: dict[str, str] = {}
        for selector in _widest_first(selectors):
            base = next((item for item in wide if _is_in(selector, item, wide, by, size)), "")
            if base:
                wide[base] = _extra_label(selector, base)
            else:
                wide[selector] = BUCKET_LABEL if _may_have_spellings(selector) else ""
            answered_by[selector] = base or selector
        queries = {base: SumQuery(base, by, split) for base, split in wide.items()}
        self._queries = {selector: queries[base] for selector, base in answered_by.items()}

    def query_of(self, selector: str) -> SumQuery:
        """Return the query that serves a selector of the plan."""
        return self._queries[selector]

    def widest(self, selector: str) -> str:
        """Return the widest selector of the plan that matches all time series of the selector."""
        return next((item for item in self._queries if is_within(selector, item)), selector)


def splits(selectors: Iterable[str], by: tuple[str, ...]) -> list[Split]:
    """Return the labels that sums could keep, so that one query serves several selectors.

    Args:
        selectors: the selectors whose time series are added up.
        by: the labels that tell instances apart.
    """
    known = _widest_first(selectors)
    label_splits = [
        Split(wide, by, label)
        for wide in known
        for narrow in known
        if (label := _extra_label(narrow, wide)) and label not in by
    ]
    return list(dict.fromkeys(label_splits))


def is_of_same_metric(part: str, whole: str) -> bool:
    """Return whether the selectors ``part`` and ``whole`` read the same metric.

    Args:
        part: the selector of a part of the events.
        whole: the selector of all events.
    """
    return _name_of(part) == _name_of(whole) or parse(part).matches_name(metric_name(whole))


def _is_in(
    selector: str, base: str, wide: Mapping[str, str], by: tuple[str, ...], size: StoreSize
) -> bool:
    """Return whether the query of the selector ``base`` can serve ``selector``, too."""
    label = _extra_label(selector, base)
    return bool(label) and wide[base] in ("", label) and size.is_few(Split(base, by, label))


def _widest_first(selectors: Iterable[str]) -> list[str]:
    """Return the selectors without repetition; each selector comes after all wider selectors."""
    return sorted(dict.fromkeys(selectors), key=lambda text: len(matchers_of(text)))


def _extra_label(narrow: str, wide: str) -> str:
    """Return the label that only the narrow selector tests; empty for none or for several."""
    if narrow == wide or not is_within(narrow, wide):
        return ""
    labels = {label for label, _ in extra_matchers(narrow, wide).matchers}
    is_of_name = _name_of(narrow) != _name_of(wide)
    return labels.pop() if len(labels) == 1 and not is_of_name else ""


def _name_of(selector: str) -> list[tuple[str, str, str]]:
    return [item.parts for item in matchers_of(selector) if item.label == NAME]


def _may_have_spellings(selector: str) -> bool:
    """Return whether a selector of a bucket may match two spellings of the boundary."""
    return any(item.label == BUCKET_LABEL and item.sign == "=~" for item in matchers_of(selector))
