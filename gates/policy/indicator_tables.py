"""Reads the indicators of a policy: which series count which events."""

import re
from collections.abc import Mapping

from gates.model import (
    SLOT,
    BuildIndicator,
    EventIndicator,
    Indicator,
    Part,
    ProcessIndicator,
    WeightIndicator,
)
from gates.model.selector import colour_label
from gates.model.selector import parse as parse_selector
from gates.policy.toml_table import Table

MAX_SELECTOR_CHARACTERS = 1000
# Query texts that look like a number of events and are not.
MISTAKES: dict[str, str] = {
    r'\bquantile="': (
        "a summary's quantiles cannot be aggregated over instances; expected the buckets of a "
        "histogram"
    ),
    r"\bhistogram_quantile\s*\(\s*[^,]*,\s*(?!sum by \(le\))": (
        "histogram_quantile without sum by (le) mixes series; expected a plain selector of the "
        "bucket that ends at the limit"
    ),
    r"\b(rate|irate|increase|delta)\s*\(": (
        "a rate is per second and no ratio; expected a plain selector of counters, whose "
        "increments the gate counts itself"
    ),
}
SELECTED = {Part.BAD: "bad", Part.GOOD: "good", Part.EVENTS: "events"}


def indicators(table: Table) -> dict[str, Indicator]:
    """Read the table ``[indicators]``.

    The keys of an indicator determine its kind: ``total`` (with ``bad``, ``good`` or ``events``),
    ``weights``, ``build``, or ``up`` and ``start_time``.

    Raises:
        ConfigurationError: an indicator is wrong, or not exactly one indicator has ``up``.
    """
    found: dict[str, Indicator] = {}
    for name in table.left():
        content = table.table(name)
        found[name] = _indicator(name, content)
        content.end()
    processes = [name for name, kind in found.items() if isinstance(kind, ProcessIndicator)]
    if len(processes) != 1:
        raise table.error(
            "", f"expected one indicator with up and start_time, got {len(processes)}"
        )
    return found


def processes_of(known: Mapping[str, Indicator]) -> ProcessIndicator:
    """The indicator that lists the instances."""
    return next(kind for kind in known.values() if isinstance(kind, ProcessIndicator))


def _indicator(name: str, table: Table) -> Indicator:
    keys = table.left()
    if "weights" in keys:
        return WeightIndicator(name, table.text("weights"), table.name("server_label"))
    if "build" in keys:
        return BuildIndicator(name, selector(table, "build"))
    if "up" in keys:
        return ProcessIndicator(name, selector(table, "up"), selector(table, "start_time"))
    return _events(name, table)


def _events(name: str, table: Table) -> EventIndicator:
    parts = [part for part, key in SELECTED.items() if key in table.left()]
    if len(parts) > 1:
        raise table.error(
            SELECTED[parts[1]], f"expected only one of {', '.join(SELECTED.values())}"
        )
    total = selector(table, "total")
    part = parts[0] if parts else Part.ALL
    selected = selector(table, SELECTED[part]) if parts else total
    if parts and selected == total:
        raise table.error("total", f"the same as {SELECTED[part]}: the ratio would always be 1")
    return EventIndicator(
        name=name,
        reads=table.text("reads"),
        good_reads=table.text("good_reads") if "good_reads" in table.left() else "",
        selected=selected,
        total=total,
        part=part,
    )


def selector(table: Table, key: str) -> str:
    """Read a plain vector selector that names the colour by ``$slot``: no function, no range.

    Raises:
        ConfigurationError: the text is not such a selector.
    """
    text = table.text(key)
    if len(text) > MAX_SELECTOR_CHARACTERS:
        raise table.error(key, f"over {MAX_SELECTOR_CHARACTERS} characters")
    for mistake, why in MISTAKES.items():
        if re.search(mistake, text):
            raise table.error(key, why)
    if SLOT not in text:
        problem = f"expected {SLOT} in the selector; without {SLOT} it reads both colours"
        raise table.error(key, problem)
    try:
        parse_selector(text)
    except ValueError as error:
        problem = f'expected a plain selector like name{{slot="{SLOT}"}}, no function'
        raise table.error(key, problem) from error
    except re.error as error:
        raise table.error(key, f"not a selector: {error}"[:200]) from error
    if not colour_label(text):
        problem = f'expected a matcher of the colour such as slot="{SLOT}", with = or =~'
        raise table.error(key, problem)
    return text
