"""Reads the live objectives of a policy: comparison, trigger, traffic, restarts, and selectors."""

import re
from dataclasses import replace
from datetime import timedelta

from gates.model import (
    ComparisonObjective,
    RestartsObjective,
    Terms,
    TrafficObjective,
    TriggerObjective,
)
from gates.statistics import parse_selector
from gates.table import Table

SLOT = "$slot"
LANES = 2
SELECTOR = re.compile(r'[a-zA-Z_:]*\{[^{}#]*\bslot="\$slot"[^{}#]*\}\Z')
MOST_SELECTOR = 1000
# What looks like a figure and is another one.
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


def terms_of(table: Table) -> Terms:
    """The terms all comparisons share; limit and warm-up are an objective's own.

    The chance of a false stop is shared by the lanes of all metrics: 2k/alpha (Ville's inequality).
    """
    chance, metrics = table.number("false_stop", 0.0001, 0.1), table.whole("metrics", 1, 20)
    fast, slow = table.number("batch_seconds", 1, 600), table.number("slow_batch_seconds", 1, 3600)
    terms = Terms(
        limit=0.5,
        fast=fast,
        slow=slow,
        history=table.number("history_seconds", 60, 86_400),
        recent=(slow, table.number("incident_seconds", 1, 3600)),
        ramp=table.number("ramp_seconds", 60, 86_400),
        steps=table.whole("steps", 1, 1000),
        warm_up=0.0,
        patience=table.number("patience_seconds", 0, 3600),
        stop_at=LANES * metrics / chance,
        worry_at=table.number("worry_at", 1, 1000),
    )
    table.end()
    if not fast < slow < terms.history:
        raise table.error("slow_batch_seconds", "expected over batch_seconds, under the history")
    return terms


def _bad_events(table: Table) -> tuple[str, str, bool]:
    """The selectors of the bad (or the good) events and of all, and whether it is the good."""
    part_is_good = "good" in table.left()
    if part_is_good == ("bad" in table.left()):
        raise table.error("bad", "expected either bad or good")
    part = selector(table, "good" if part_is_good else "bad")
    whole = selector(table, "whole")
    if part == whole:
        raise table.error("whole", "the same as the part: the ratio would always be the same")
    return part, whole, part_is_good


def comparison(name: str, table: Table, terms: Terms) -> ComparisonObjective:
    """A comparison of green with blue, by the terms all comparisons share."""
    part, whole, part_is_good = _bad_events(table)
    limit = table.number("below", 0.0001, 0.5)
    over = table.number("rollback_over", 0.0001, 1) if "rollback_over" in table.left() else None
    if over is not None and over < limit:
        raise table.error("rollback_over", f"under the limit to advance, {limit:g}")
    return ComparisonObjective(
        name=name,
        guide=table.text("guide"),
        reads=table.text("reads"),
        part=part,
        whole=whole,
        part_is_good=part_is_good,
        terms=replace(terms, limit=limit, warm_up=table.number("warm_up_seconds", 0, 3600)),
        rollback_over=over,
        at_least=table.whole("at_least", 0, 10_000_000),
        max_sample_age=table.seconds("max_sample_age_seconds"),
    )


def trigger(name: str, table: Table) -> TriggerObjective:
    """A rollback trigger."""
    part, whole, part_is_good = _bad_events(table)
    return TriggerObjective(
        name=name,
        guide=table.text("guide"),
        reads=table.text("reads"),
        part=part,
        whole=whole,
        part_is_good=part_is_good,
        over=table.number("over", 0.0001, 0.9999),
        window=table.seconds("window_seconds"),
        lasting=timedelta(seconds=table.number("lasting_seconds", 0, 86_400)),
        at_least=table.whole("at_least", 1, 10_000_000),
        max_sample_age=table.seconds("max_sample_age_seconds"),
    )


def restarts(name: str, table: Table) -> RestartsObjective:
    """How often a process of green may start anew."""
    return RestartsObjective(
        name=name,
        guide=table.text("guide"),
        reads=table.text("reads"),
        whole=selector(table, "whole"),
        at_most=table.whole("at_most", 0, 1000),
        max_sample_age=table.seconds("max_sample_age_seconds"),
    )


def traffic(name: str, table: Table) -> TrafficObjective:
    """The traffic each colour should have answered."""
    return TrafficObjective(
        name=name,
        guide=table.text("guide"),
        reads=table.text("reads"),
        whole=selector(table, "whole"),
        tolerance=table.number("tolerance", 0.01, 0.9),
        at_least=table.whole("at_least", 1, 10_000_000),
        max_sample_age=table.seconds("max_sample_age_seconds"),
    )


def selector(table: Table, key: str) -> str:
    """A plain vector selector that names the slot: no function, no range."""
    text = table.text(key)
    if len(text) > MOST_SELECTOR:
        raise table.error(key, f"over {MOST_SELECTOR} characters")
    for mistake, why in MISTAKES.items():
        if re.search(mistake, text):
            raise table.error(key, why)
    if SLOT not in text:
        raise table.error(key, f"expected {SLOT} in it, or it reads every colour at once")
    if not SELECTOR.match(text):
        raise table.error(key, f'expected a plain selector like name{{slot="{SLOT}"}}, no function')
    try:
        parse_selector(text)
    except (ValueError, re.error) as error:
        raise table.error(key, f"not a selector: {error}"[:200]) from error
    return text
