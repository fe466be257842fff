"""The arithmetic of evidence: counter increments, binomial and quantile bounds. Pure functions."""

from gates.statistics.binomial import chance_of_at_least, chance_of_at_most
from gates.statistics.counters import by_instance, increments, newest_sample
from gates.statistics.quantile import (
    quantile_lower_bound,
    quantile_ranks,
    quantile_upper_bound,
)
from gates.statistics.trend import Trend, rising

__all__ = [
    "Trend",
    "by_instance",
    "chance_of_at_least",
    "chance_of_at_most",
    "increments",
    "newest_sample",
    "quantile_lower_bound",
    "quantile_ranks",
    "quantile_upper_bound",
    "rising",
]
