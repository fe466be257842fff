"""Reads the objectives that are judged during a ramp.

The objectives are comparisons, throughput, availability, triggers, traffic and restarts.
"""

from dataclasses import dataclass, replace
from datetime import timedelta

from gates.model import (
    AvailabilityObjective,
    ComparisonObjective,
    Part,
    RestartsObjective,
    Terms,
    ThroughputObjective,
    TrafficObjective,
    TriggerObjective,
)
from gates.model.selector import is_within
from gates.policy.definitions import ComparisonTerms, Definitions, Metrics
from gates.policy.toml_table import Table

LANES = 2
# Green is stopped only where its result has a lower probability for a green as good as blue.
# Comparisons of customers' events have few events, so they need stronger evidence.
MIN_CHANCE, MIN_CHANCE_OF_CUSTOMERS = 0.05, 0.01
MAX_METRICS = 20


@dataclass(frozen=True, slots=True)
class RampPlan:
    """The number of ramp steps, and the bake time of each step.

    Args:
        steps: the number of ramp steps.
        bake: the bake time of each step.
    """

    steps: int
    bake: timedelta


def terms_of(table: Table, plan: RampPlan, metrics: Metrics) -> ComparisonTerms:
    """Read the terms of all comparisons.

    Each of the k comparisons runs two tests, a fast one and a slow one. All these tests share the
    accepted probability alpha of a false stop. So a test stops green when its capital, a test
    martingale, reaches 2k/alpha (Ville's inequality).

    Args:
        table: the table ``[comparison]``.
        plan: the number and the bake time of the ramp steps.
        metrics: the numbers of comparisons with a limit, and of comparisons with a margin. Each of
            the two kinds shares one error budget.
    """
    fast, slow = table.number("batch_seconds", 1, 600), table.number("slow_batch_seconds", 1, 3600)
    customers, throughput = table.table("customers"), table.table("throughput")
    terms = Terms(
        limit=0.5,
        fast=fast,
        slow=slow,
        history=table.number("history_seconds", 60, 86_400),
        recent=(slow, table.number("incident_seconds", 1, 3600)),
        ramp=plan.steps * plan.bake.total_seconds(),
        steps=plan.steps,
        warm_up=0.0,
        patience=table.number("patience_seconds", 0, 3600),
        alike=MIN_CHANCE,
        stop_at=_stop_at(table, metrics[0]),
        worry_at=table.number("worry_at", 1, 1000),
    )
    chosen = ComparisonTerms(
        guide=terms,
        # Customers' events are few: the test waits until blue's level is known.
        customers=replace(
            terms,
            alike=MIN_CHANCE_OF_CUSTOMERS,
            patience=terms.ramp,
            stop_at=_stop_at(customers, metrics[1]),
        ),
        least_ratio=throughput.number("least_ratio", 0.5, 1),
        hold_ratio=throughput.number("hold_ratio", 0.1, 1),
    )
    table.end_of(customers, throughput)
    if not fast < slow < terms.history:
        problem = "expected a value over batch_seconds and under history_seconds"
        raise table.error("slow_batch_seconds", problem)
    if terms.recent[1] > terms.history:
        problem = "expected at most history_seconds, because older counts are forgotten"
        raise table.error("incident_seconds", problem)
    if chosen.hold_ratio >= chosen.least_ratio:
        raise throughput.error("hold_ratio", "expected a value less than least_ratio")
    return chosen


def _stop_at(table: Table, metrics: int) -> float:
    """Return the capital at which a test stops green, calculated from the error budget."""
    chance = table.number("false_stop", 0.0001, 0.1)
    if metrics > MAX_METRICS:
        problem = f"{metrics} comparisons share this error budget; expected at most {MAX_METRICS}"
        raise table.error("false_stop", problem)
    return LANES * max(1, metrics) / chance


def comparison(name: str, table: Table, known: Definitions) -> ComparisonObjective:
    """Read a ``comparison`` objective: green's ratio of bad events must not be too high.

    The key ``below`` limits green's ratio. The key ``margin`` limits how much higher green's ratio
    may be than blue's ratio.
    """
    indicator = known.events(table, Part.BAD, Part.GOOD)
    relative = "margin" in table.left()
    if relative == ("below" in table.left()):
        raise table.error("below", "expected exactly one of the keys: below, margin")
    if relative and not is_within(indicator.selected, indicator.total):
        raise table.error(
            "indicator", f"{indicator.name}: bad must have every label matcher of total"
        )
    # Green's ratio may exceed blue's by half the limit, or by half of blue's if that is larger.
    margin = table.number("margin", 0.001, 0.5) if relative else 0.0
    limit = 2 * margin if relative else table.number("below", 0.0001, 0.5)
    over = table.number("rollback_over", 0.0001, 1) if "rollback_over" in table.left() else None
    if over is not None and over < limit:
        problem = f"{over:g} is under the limit to advance, {limit:g}; expected at least {limit:g}"
        raise table.error("rollback_over", problem)
    terms = known.terms.customers if relative else known.terms.guide
    warm_up = 0.0 if relative else table.number("warm_up_seconds", 0, 3600)
    return ComparisonObjective(
        name=name,
        guide=table.text("guide"),
        indicator=indicator,
        processes=known.processes,
        relative=relative,
        terms=replace(terms, limit=limit, warm_up=warm_up),
        rollback_over=over,
        minimum_events=0 if relative else table.whole("minimum_events", 0, 10_000_000),
        max_sample_age=known.max_sample_age(table),
    )


def throughput(name: str, table: Table, known: Definitions) -> ThroughputObjective:
    """Read a ``throughput`` objective: green has about as many events per request as blue."""
    return ThroughputObjective(
        name=name,
        guide=table.text("guide"),
        indicator=known.events(table, Part.EVENTS),
        processes=known.processes,
        terms=replace(known.terms.guide, stop_at=1 / table.number("false_stop", 0.0001, 0.1)),
        least_ratio=known.terms.least_ratio,
        hold_ratio=known.terms.hold_ratio,
        max_sample_age=known.max_sample_age(table),
    )


def availability(name: str, table: Table, known: Definitions) -> AvailabilityObjective:
    """Read an ``availability`` objective: green's instances are up for most of a ramp step."""
    return AvailabilityObjective(
        name=name,
        guide=table.text("guide"),
        reads=table.text("reads"),
        processes=known.processes,
        least=table.number("minimum_ratio", 0.5, 1),
        bake=known.bake,
        max_sample_age=known.max_sample_age(table),
    )


def trigger(name: str, table: Table, known: Definitions) -> TriggerObjective:
    """Read a ``trigger`` objective, a rollback trigger: if it fails, the gate rolls back."""
    return TriggerObjective(
        name=name,
        guide=table.text("guide"),
        indicator=known.events(table, Part.BAD, Part.GOOD),
        processes=known.processes,
        over=table.number("over", 0.0001, 0.9999),
        window=known.window(table),
        lasting=timedelta(seconds=table.number("lasting_seconds", 0, 86_400)),
        minimum_events=table.whole("minimum_events", 1, 10_000_000),
        max_sample_age=known.max_sample_age(table),
    )


def restarts(name: str, table: Table, known: Definitions) -> RestartsObjective:
    """Read a ``restarts`` objective: green's processes restart at most ``max_restarts`` times."""
    return RestartsObjective(
        name=name,
        guide=table.text("guide"),
        indicator=known.events(table, *Part),
        processes=known.processes,
        max_restarts=table.whole("max_restarts", 0, 1000),
        max_sample_age=known.max_sample_age(table),
    )


def traffic(name: str, table: Table, known: Definitions) -> TrafficObjective:
    """Read a ``traffic`` objective: green's part of all events is near its traffic share."""
    return TrafficObjective(
        name=name,
        guide=table.text("guide"),
        indicator=known.events(table, *Part),
        processes=known.processes,
        tolerance=table.number("tolerance", 0.01, 0.9),
        minimum_events=table.whole("minimum_events", 1, 10_000_000),
        max_sample_age=known.max_sample_age(table),
    )
