"""The definitions of a policy that its objectives use: check sets, limits, indicators, defaults."""

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
    """The settings that apply to an objective that does not state its own settings.

    Args:
        max_age: the maximum age of a run.
        max_sample_age: the maximum age of the newest sample.
        window: the length of the window of an objective that reads one window.
    """

    max_age: timedelta
    max_sample_age: timedelta
    window: timedelta

    @classmethod
    def of(cls, table: Table) -> "Defaults":
        """Read the table ``[defaults]``, and return its settings."""
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
        limits: the limits that apply, keyed by name.
        p95: the limit of the P95 latency of each operation, in seconds, keyed by operation.
        finds_knee: whether the finding names the number of users at which a limit is exceeded.
    """

    limits: Mapping[str, float]
    p95: Mapping[str, float]
    finds_knee: bool


@dataclass(frozen=True, slots=True)
class ComparisonTerms:
    """The parameters of all comparisons of green with blue.

    Args:
        guide: the parameters of the comparisons that have a limit of the deployment guide. Each of
            these comparisons states its limit and its burn-in (``warm_up_seconds``).
        customers: the parameters of the comparisons of customers' events. These comparisons have
            an error budget of their own.
        least_ratio: green's events per request, divided by blue's, must not be under this ratio;
            under this ratio the gate stops green.
        hold_ratio: where green's events per request, divided by blue's, are under this ratio, the
            ramp does not take the next step.
    """

    guide: Terms
    customers: Terms
    least_ratio: float
    hold_ratio: float

    def shared_by_more(self, before: Metrics, after: Metrics) -> "ComparisonTerms":
        """Return the terms for another number of comparisons that share each error budget.

        Args:
            before: the number of comparisons with a limit, and the number with a margin, in the
                present terms.
            after: the same two numbers in the new terms.
        """
        factors = [max(1, now) / max(1, then) for then, now in zip(before, after, strict=True)]
        return replace(
            self,
            guide=replace(self.guide, stop_at=self.guide.stop_at * factors[0]),
            customers=replace(self.customers, stop_at=self.customers.stop_at * factors[1]),
        )


@dataclass(frozen=True, slots=True)
class Definitions:
    """The definitions of a policy that its objectives may use.

    Args:
        check_sets: the ids of the checks of each check set, keyed by the name of the set.
        limits_digest: SHA-256 of the tables of limits.
        profiles: the limits of each load profile, keyed by the name of the profile.
        indicators: the indicators, keyed by name.
        defaults: the settings that apply to an objective that does not state its own settings.
        bake: the bake time of a ramp step.
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
        """Return the indicator that lists the instances that Prometheus scrapes."""
        return processes_of(self.indicators)

    def indicator(self, table: Table, kind: type[Kind]) -> Kind:
        """Return the indicator that an objective names; the indicator's class must be ``kind``.

        Raises:
            ConfigurationError: no indicator has this name, or the indicator has another class.
        """
        name = table.text("indicator")
        if name not in self.indicators:
            unknown = UnknownNameError("indicator", name, self.indicators, "[indicators]")
            raise table.error("indicator", str(unknown))
        indicator = self.indicators[name]
        if not isinstance(indicator, kind):
            problem = f"the indicator {name} does not have the keys that this objective needs"
            raise table.error("indicator", problem)
        return indicator

    def events(self, table: Table, *parts: Part) -> EventIndicator:
        """Return the indicator of events that an objective names, and require one of ``parts``."""
        indicator = self.indicator(table, EventIndicator)
        if indicator.part not in parts:
            needed = " or ".join(part.value for part in parts)
            problem = f"{indicator.name}: expected an indicator with the key {needed}"
            raise table.error("indicator", problem)
        return indicator

    def max_age(self, table: Table) -> timedelta:
        """Return the maximum age of a run: from the table of the objective, else the default."""
        return _seconds(table, "max_age_seconds", self.defaults.max_age)

    def max_sample_age(self, table: Table) -> timedelta:
        """Return the maximum age of the newest sample: from the objective, else the default."""
        return _seconds(table, "max_sample_age_seconds", self.defaults.max_sample_age)

    def window(self, table: Table) -> timedelta:
        """Return the length of the window: from the table of the objective, else the default."""
        return _seconds(table, "window_seconds", self.defaults.window)


def _seconds(table: Table, key: str, default: timedelta) -> timedelta:
    return table.seconds(key) if key in table.left() else default
