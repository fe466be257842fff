"""Finds mistakes of indicators that read the buckets of a histogram.

The mistakes are a wrong boundary, a wrong unit of the boundary, and a missing bucket.
"""

import re
from collections.abc import Iterator, Mapping

from gates.model import EventIndicator
from gates.model.indicators import UNITS
from gates.model.selector import matchers_of
from gates.statistics import metric_name

BUCKETS = "_bucket"
LABEL = "le"
# A duration in the words of an indicator: ``requests took over 1 s``.
DURATION = re.compile(r"\b(\d+(?:[.]\d+)?) ?(ms|milliseconds|s|seconds)\b")
IN_SECONDS = {"ms": 0.001, "milliseconds": 0.001, "s": 1.0, "seconds": 1.0}
TOLERANCE = 1e-6
# The words and the boundary may differ; a factor as large as this is a confusion of units.
MIN_CONFUSION = 100


def problems(indicator: EventIndicator) -> Iterator[str]:
    """Yield a sentence for each mistake that is visible in the indicator alone.

    Args:
        indicator: the indicator. If its selector ``selected`` reads no buckets of a histogram, the
            function yields nothing.
    """
    if not metric_name(indicator.selected).endswith(BUCKETS):
        return
    matchers = [matcher for matcher in matchers_of(indicator.selected) if matcher.label == LABEL]
    if not matchers:
        yield (
            "the buckets of a histogram without le count every event many times; add a matcher of "
            "the label le"
        )
        return
    ends = boundaries(indicator)
    if ends is None:
        yield (
            f"le: {matchers[0].value!r} names no boundary; write the boundary as a number, or both "
            'spellings of it, such as le=~"1|1[.]0"'
        )
        return
    if max(ends) - min(ends) > TOLERANCE:
        yield (
            f"le: {matchers[0].value!r} names several boundaries, so an event counts several "
            "times; name one boundary"
        )
        return
    yield from _unit(indicator, min(ends))


def boundaries(indicator: EventIndicator) -> tuple[float, ...] | None:
    """Return the bucket boundaries in a selector; None if a boundary in it is not a number."""
    try:
        return tuple(float(text) for text in _spellings(indicator))
    except ValueError:
        return None


def missing(indicator: EventIndicator, edges: Mapping[str, frozenset[str]]) -> str:
    """Return a problem if no time series has the boundary of the indicator; else an empty text.

    Args:
        indicator: the indicator.
        edges: the known values of the label ``le`` of each metric, keyed by the name of the metric.
    """
    name = metric_name(indicator.selected)
    if not name.endswith(BUCKETS) or name not in edges:
        return ""
    tests_of_le = [
        matcher.test() for matcher in matchers_of(indicator.selected) if matcher.label == LABEL
    ]
    known = edges[name]
    if any(all(accepts(edge) for accepts in tests_of_le) for edge in known):
        return ""
    shown = ", ".join(sorted(known, key=_as_number))
    texts = " or ".join(_spellings(indicator))
    return f"le: no bucket of {name} ends at {texts}; its buckets end at {shown}"


def _spellings(indicator: EventIndicator) -> list[str]:
    """Return each text for the boundary in the selector, such as ``1`` and ``1.0``."""
    return [
        text
        for matcher in matchers_of(indicator.selected)
        if matcher.label == LABEL
        for text in matcher.value.replace("[.]", ".").replace("\\.", ".").split("|")
    ]


def _as_number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def _unit(indicator: EventIndicator, boundary: float) -> Iterator[str]:
    """Yield a problem if the unit contradicts the metric's name or the text ``reads``."""
    name = metric_name(indicator.selected).removesuffix(BUCKETS)
    in_name = next((unit for unit in UNITS if name.endswith(f"_{unit}")), "")
    if in_name and indicator.unit and in_name != indicator.unit:
        yield (
            f"unit: {indicator.unit}, but the name of the metric says {in_name}; correct the unit "
            "of the indicator"
        )
    words = DURATION.search(indicator.reads)
    if not indicator.unit or words is None:
        return
    stated = float(words[1]) * IN_SECONDS[words[2]]
    end = boundary * UNITS[indicator.unit]
    if end > 0 and stated > 0 and max(stated / end, end / stated) >= MIN_CONFUSION:
        yield (
            f"unit: the words of the indicator say {words[0]}, and the bucket ends at {boundary:g} "
            f"{indicator.unit}; state the unit of the boundaries"
        )
