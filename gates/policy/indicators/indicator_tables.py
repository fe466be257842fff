"""Reads the indicators of a policy; an indicator names the time series that count its events."""

import re
from collections.abc import Mapping
from dataclasses import replace

from gates.model import (
    SLOT,
    BuildIndicator,
    EventIndicator,
    Indicator,
    Part,
    ProcessIndicator,
    WeightIndicator,
)
from gates.model.indicators import UNITS
from gates.model.selector import colour_label, metric_name
from gates.model.selector import parse as parse_selector
from gates.policy.toml_table import Table, one_of

MAX_SELECTOR_CHARACTERS = 1000
# Query texts that do not count the events that they seem to count.
MISTAKES: dict[str, str] = {
    r'\bquantile="': (
        "the quantiles of a summary cannot be aggregated over instances; expected the buckets of "
        "a histogram"
    ),
    r"\bhistogram_quantile\s*\(\s*[^,]*,\s*(?!sum by \(le\))": (
        "histogram_quantile without sum by (le) mixes time series; expected a plain selector of "
        "the bucket that ends at the limit"
    ),
    r"\b(rate|irate|increase|delta)\s*\(": (
        "a rate is a number per second, not a ratio; expected a plain selector of counters: the "
        "gate calculates their increases itself"
    ),
    r"\[:\^?\w+:\]|\{,\d": (
        "the gate and Prometheus read this regular expression in different ways; expected a range "
        "such as [0-9], or a repetition such as {0,3}"
    ),
}
BUILD_LABELS = ("release_label", "version_label", "digest_label", "deployment_label")
INSTANCE = "instance"
SELECTED = {Part.BAD: "bad", Part.GOOD: "good", Part.EVENTS: "events"}


def indicators(*tables: Table) -> dict[str, Indicator]:
    """Read tables of indicators, and return the indicators, keyed by name.

    An indicator of a later table replaces the indicator of the same name of an earlier table.

    The keys of an indicator determine its kind: ``total`` (with ``bad``, ``good`` or ``events``),
    ``weights``, ``build``, or ``up`` and ``start_time``.

    Raises:
        ConfigurationError: an indicator is wrong, or the number of indicators with ``up`` is not 1.
    """
    by_name: dict[str, Indicator] = {}
    for table in tables:
        for name in table.left():
            content = table.table(name)
            by_name[name] = _indicator(name, content)
            content.end()
    by_name = _with_all_labels(by_name)
    processes = [name for name, kind in by_name.items() if isinstance(kind, ProcessIndicator)]
    if len(processes) != 1:
        raise tables[-1].error(
            "", f"expected exactly one indicator with the key up, got {len(processes)}"
        )
    return by_name


def processes_of(known: Mapping[str, Indicator]) -> ProcessIndicator:
    """Return the indicator that lists the instances that Prometheus scrapes."""
    return next(kind for kind in known.values() if isinstance(kind, ProcessIndicator))


def _indicator(name: str, table: Table) -> Indicator:
    keys = table.left()
    if "weights" in keys:
        weights = selector(table, "weights", of_colour=False)
        return WeightIndicator(name, weights, table.text("server_label"))
    if "build" in keys:
        return _build(name, table)
    if "up" in keys:
        return _processes(name, table)
    return _events(name, table)


def _build(name: str, table: Table) -> BuildIndicator:
    """Read the indicator of the build; if the policy names labels, only these are compared."""
    series = selector(table, "build")
    stated = {key: table.text(key) for key in BUILD_LABELS if key in table.left()}
    if not stated:
        return BuildIndicator(name, series)
    return BuildIndicator(name, series, **{key: stated.get(key, "") for key in BUILD_LABELS})


def _processes(name: str, table: Table) -> ProcessIndicator:
    """Read the indicator of the processes that count the events, and how a restart is recognised.

    Raises:
        ConfigurationError: the table has neither ``start_time`` nor ``fall_is_restart``, or both.
    """
    both = table.flag("of_both_colours") if "of_both_colours" in table.left() else False
    fall = table.flag("fall_is_restart") if "fall_is_restart" in table.left() else False
    if fall == ("start_time" in table.left()):
        raise table.error(
            "start_time",
            "expected either the time series of the start times, or fall_is_restart = true; write "
            "fall_is_restart = true where the processes export no start time",
        )
    return ProcessIndicator(
        name,
        selector(table, "up", of_colour=not both),
        "" if fall else selector(table, "start_time", of_colour=not both),
        of_both_colours=both,
        instance_label=table.text("instance_label")
        if "instance_label" in table.left()
        else INSTANCE,
    )


def _events(name: str, table: Table) -> EventIndicator:
    parts = [part for part, key in SELECTED.items() if key in table.left()]
    if len(parts) > 1:
        raise table.error(
            SELECTED[parts[1]], f"expected at most one of {', '.join(SELECTED.values())}"
        )
    total = selector(table, "total")
    part = parts[0] if parts else Part.ALL
    selected = selector(table, SELECTED[part]) if parts else total
    if parts and selected == total:
        raise table.error(
            "total", f"total and {SELECTED[part]} are the same, so the ratio would always be 1"
        )
    return EventIndicator(
        name=name,
        reads=table.text("reads"),
        good_reads=table.text("good_reads") if "good_reads" in table.left() else "",
        selected=selected,
        total=total,
        part=part,
        labels=frozenset(table.texts("labels") if "labels" in table.left() else ()),
        unit=_unit(table, selected),
    )


def _unit(table: Table, selected: str) -> str:
    """The unit of the bucket boundaries: the stated unit, or the unit in the metric's name.

    Source: Prometheus naming conventions: the name of a metric ends with its unit.
    """
    if "unit" in table.left():
        return one_of(table, "unit", UNITS)
    words = re.split(r"[_.]", metric_name(selected).removesuffix("_bucket"))
    return words[-1] if words[-1] in UNITS else ""


def _with_all_labels(known: Mapping[str, Indicator]) -> dict[str, Indicator]:
    """Return the indicators; add to each the labels of all selectors that read the same metrics."""
    events = [kind for kind in known.values() if isinstance(kind, EventIndicator)]
    every = [(text, kind.labels) for kind in events for text in (kind.selected, kind.total)]

    def labels_of(indicator: EventIndicator) -> frozenset[str]:
        return frozenset[str]().union(
            *(
                parse_selector(text, any_colour=True).label_names | declared
                for text, declared in every
                if _is_of_one_metric(text, indicator.selected)
                or _is_of_one_metric(text, indicator.total)
            )
        )

    return {
        name: replace(kind, labels=labels_of(kind)) if isinstance(kind, EventIndicator) else kind
        for name, kind in known.items()
    }


def _is_of_one_metric(left: str, right: str) -> bool:
    """Whether two selectors may read series of the same metric."""
    return (
        left == right
        or parse_selector(left).matches_name(metric_name(right))
        or parse_selector(right).matches_name(metric_name(left))
    )


def selector(table: Table, key: str, *, of_colour: bool = True) -> str:
    """Read a plain vector selector: a selector without a function and without a range.

    Args:
        table: the table of the indicator.
        key: the key of the selector.
        of_colour: whether the selector must contain ``$slot``, the colour. If false, the selector
            must not contain ``$slot``.

    Raises:
        ConfigurationError: the text is not a plain vector selector.
    """
    text = table.text(key)
    if len(text) > MAX_SELECTOR_CHARACTERS:
        raise table.error(
            key, f"expected at most {MAX_SELECTOR_CHARACTERS} characters, got {len(text)}"
        )
    for mistake, why in MISTAKES.items():
        if re.search(mistake, text):
            raise table.error(key, why)
    if of_colour and SLOT not in text:
        problem = f"expected {SLOT} in the selector; without {SLOT} the selector reads both colours"
        raise table.error(key, problem)
    if not of_colour and SLOT in text:
        raise table.error(
            key, f"expected a selector without {SLOT}, because it must select both colours"
        )
    try:
        parse_selector(text)
    except ValueError as error:
        problem = f'expected a plain selector like name{{slot="{SLOT}"}} without a function'
        raise table.error(key, problem) from error
    except re.error as error:
        raise table.error(key, f"not a selector: {error}"[:200]) from error
    if of_colour and not colour_label(text):
        problem = f'expected a matcher of the colour such as slot="{SLOT}", with = or =~'
        raise table.error(key, problem)
    return text
