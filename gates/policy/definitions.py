"""The definitions that objectives refer to: check sets, limits, indicators, defaults."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TypeVar

from gates.errors import UnknownNameError
from gates.model import EventIndicator, Indicator, Part, ProcessIndicator, Terms
from gates.policy.indicators.indicator_tables import processes_of
from gates.policy.toml_table import Table

Kind = TypeVar("Kind")
# The number of comparisons with a limit, and of those with a margin.
Metrics = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Defaults:
    """The settings of an objective that does not state its own settings.

    Args:
        max_age: how old a run may be.
        max_sample_age: how old the newest sample may be.
        window: how far back an objective over one window reaches.
    """

    max_age: timedelta
    max_sample_age: timedelta
    window: timedelta

    @classmethod
    def of(cls, table: Table) -> "Defaults":
        """Read the table ``[defaults]``."""
        defaults = cls(
            table.seconds("max_age_seconds"),
            table.seconds("max_sample_age_seconds"),
            table.seconds("window_seconds"),
        )
        table.end()
        return defaults


@dataclass(frozen=True, slots=True)
class LoadProfile:
    """The limits of a load profile, which every load run of the profile must meet.

    Args:
        limits: the limits that apply, by name.
        p95: the limit of the P95 of each operation, seconds by operation.
        finds_knee: whether the finding names the number of users that breaks a limit.
    """

    limits: Mapping[str, float]
    p95: Mapping[str, float]
    finds_knee: bool


@dataclass(frozen=True, slots=True)
class ComparisonTerms:
    """The parameters of all comparisons.

    Args:
        guide: the terms of objectives with a limit of the guide; each objective has its own limit
            and warm-up.
        customers: the terms of the comparisons of customers' events, which share another error
            budget.
        least_ratio: the part of blue's events per request under which green is stopped.
        hold_ratio: the part of blue's events per request under which a step does not go on.
    """

    guide: Terms
    customers: Terms
    least_ratio: float
    hold_ratio: float

    def shared_by_more(self, before: Metrics, after: Metrics) -> "ComparisonTerms":
        """The terms where other numbers of comparisons share the error budgets.

        Args:
            before: the numbers that these terms are for.
            after: the other numbers.
        """
        factors = [max(1, now) / max(1, then) for then, now in zip(before, after, strict=True)]
        return replace(
            self,
            guide=replace(self.guide, stop_at=self.guide.stop_at * factors[0]),
            customers=replace(self.customers, stop_at=self.customers.stop_at * factors[1]),
        )


@dataclass(frozen=True, slots=True)
class Definitions:
    """The definitions that objectives may refer to.

    Args:
        check_sets: ids of checks, by the name of the set.
        limits_digest: SHA-256 of the tables of limits.
        profiles: load profiles by name.
        indicators: the indicators, by name.
        defaults: the settings of an objective that does not state its own settings.
        bake: the bake time of a step of the ramp.
        terms: the parameters of all comparisons.
    """

    check_sets: Mapping[str, tuple[str, ...]]
    limits_digest: str
    profiles: Mapping[str, LoadProfile]
    indicators: Mapping[str, Indicator]
    defaults: Defaults
    bake: timedelta
    terms: ComparisonTerms

    @property
    def processes(self) -> ProcessIndicator:
        """The indicator that lists the instances."""
        return processes_of(self.indicators)

    def indicator(self, table: Table, kind: type[Kind]) -> Kind:
        """The indicator that an objective names, which must be of a kind.

        Raises:
            ConfigurationError: no indicator has this name, or the indicator is of another kind.
        """
        name = table.text("indicator")
        if name not in self.indicators:
            unknown = UnknownNameError("indicator", name, self.indicators, "[indicators]")
            raise table.error("indicator", str(unknown))
        indicator = self.indicators[name]
        if not isinstance(indicator, kind):
            problem = f"{name} does not have the keys that this kind of objective needs"
            raise table.error("indicator", problem)
        return indicator

    def events(self, table: Table, *parts: Part) -> EventIndicator:
        """The indicator of events that an objective names; its part must be one of these parts."""
        indicator = self.indicator(table, EventIndicator)
        if indicator.part not in parts:
            needed = " or ".join(part.value for part in parts)
            problem = f"{indicator.name}: expected an indicator with {needed}"
            raise table.error("indicator", problem)
        return indicator

    def max_age(self, table: Table) -> timedelta:
        """How old a run may be."""
        return _seconds(table, "max_age_seconds", self.defaults.max_age)

    def max_sample_age(self, table: Table) -> timedelta:
        """How old the newest sample may be."""
        return _seconds(table, "max_sample_age_seconds", self.defaults.max_sample_age)

    def window(self, table: Table) -> timedelta:
        """How far back an objective over one window reaches."""
        return _seconds(table, "window_seconds", self.defaults.window)


def _seconds(table: Table, key: str, default: timedelta) -> timedelta:
    return table.seconds(key) if key in table.left() else default
