"""Reads the live objectives of a policy: comparison, trigger, traffic, restarts, and selectors."""

import re
from dataclasses import dataclass, replace
from datetime import timedelta

from gates.model import (
    AvailabilityObjective,
    ComparisonObjective,
    RestartsObjective,
    Terms,
    ThroughputObjective,
    TrafficObjective,
    TriggerObjective,
)
from gates.policy.toml_table import Table
from gates.statistics import is_within, parse_selector

SLOT = "$slot"
LANES = 2
# That green is no worse than blue must be so unlikely before it is stopped; what customers meet is
# counted in few events, and is asked for more.
ALIKE, ALIKE_OF_CUSTOMERS = 0.05, 0.01
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


@dataclass(frozen=True, slots=True)
class ComparisonTerms:
    """What green is compared with blue by.

    Args:
        guide: for objectives with a limit of the guide; limit and warm-up are an objective's own.
        customers: for what customers meet, with an error budget of its own.
        least_ratio: the part of blue's events per request under which green is stopped.
        hold_ratio: the part of it under which a step does not go on.
    """

    guide: Terms
    customers: Terms
    least_ratio: float
    hold_ratio: float


def terms_of(table: Table) -> ComparisonTerms:
    """The terms all comparisons share.

    The chance of a false stop is shared by the lanes of all metrics: 2k/alpha (Ville's inequality).
    """
    fast, slow = table.number("batch_seconds", 1, 600), table.number("slow_batch_seconds", 1, 3600)
    customers, throughput = table.table("customers"), table.table("throughput")
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
        alike=ALIKE,
        stop_at=_stop_at(table),
        worry_at=table.number("worry_at", 1, 1000),
    )
    chosen = ComparisonTerms(
        guide=terms,
        # So few events: blue is waited for until it tells.
        customers=replace(
            terms, alike=ALIKE_OF_CUSTOMERS, patience=terms.ramp, stop_at=_stop_at(customers)
        ),
        least_ratio=throughput.number("least_ratio", 0.5, 1),
        hold_ratio=throughput.number("hold_ratio", 0.1, 1),
    )
    table.end_of(customers, throughput)
    if not fast < slow < terms.history:
        raise table.error("slow_batch_seconds", "expected over batch_seconds, under the history")
    if chosen.hold_ratio >= chosen.least_ratio:
        raise throughput.error("hold_ratio", "expected less than least_ratio")
    return chosen


def _stop_at(table: Table) -> float:
    """The capital at which green is stopped, from the error budget of some metrics."""
    chance, metrics = table.number("false_stop", 0.0001, 0.1), table.whole("metrics", 1, 20)
    return LANES * metrics / chance


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


def comparison(name: str, table: Table, terms: ComparisonTerms) -> ComparisonObjective:
    """A comparison of green with blue: under a limit (``below``), or near blue (``margin``)."""
    part, whole, part_is_good = _bad_events(table)
    relative = "margin" in table.left()
    if relative == ("below" in table.left()):
        raise table.error("below", "expected either below or margin")
    if relative and not is_within(part, whole):
        raise table.error("bad", "it does not have every matcher of whole, which it is a part of")
    # Green may have the larger of half the limit and half of blue's level more than blue.
    margin = table.number("margin", 0.001, 0.5) if relative else 0.0
    limit = 2 * margin if relative else table.number("below", 0.0001, 0.5)
    over = table.number("rollback_over", 0.0001, 1) if "rollback_over" in table.left() else None
    if over is not None and over < limit:
        raise table.error("rollback_over", f"under the limit to advance, {limit:g}")
    warm_up = 0.0 if relative else table.number("warm_up_seconds", 0, 3600)
    return ComparisonObjective(
        name=name,
        guide=table.text("guide"),
        reads=table.text("reads"),
        part=part,
        whole=whole,
        part_is_good=part_is_good,
        relative=relative,
        terms=replace(terms.customers if relative else terms.guide, limit=limit, warm_up=warm_up),
        rollback_over=over,
        at_least=0 if relative else table.whole("at_least", 0, 10_000_000),
        max_sample_age=table.seconds("max_sample_age_seconds"),
    )


def throughput(name: str, table: Table, terms: ComparisonTerms) -> ThroughputObjective:
    """Events per request, as many as blue's."""
    return ThroughputObjective(
        name=name,
        guide=table.text("guide"),
        reads=table.text("reads"),
        events=selector(table, "events"),
        whole=selector(table, "whole"),
        terms=replace(terms.guide, stop_at=1 / table.number("false_stop", 0.0001, 0.1)),
        least_ratio=terms.least_ratio,
        hold_ratio=terms.hold_ratio,
        max_sample_age=table.seconds("max_sample_age_seconds"),
    )


def availability(name: str, table: Table) -> AvailabilityObjective:
    """How long green's instances must be up."""
    return AvailabilityObjective(
        name=name,
        guide=table.text("guide"),
        reads=table.text("reads"),
        least=table.number("at_least", 0.5, 1),
        bake=table.seconds("bake_seconds"),
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
