"""The arithmetic of evidence: counters, bounds, bets and trends; pure."""

from gates.statistics.betting import Capital
from gates.statistics.binomial import chance_of_at_least, chance_of_at_most
from gates.statistics.comparison import Comparison
from gates.statistics.counters import by_instance, increments, newest_sample
from gates.statistics.quantile import (
    quantile_lower_bound,
    quantile_ranks,
    quantile_upper_bound,
)
from gates.statistics.rises import Rises
from gates.statistics.selector import Selector, identity_of, labels_of
from gates.statistics.selector import parse as parse_selector
from gates.statistics.trend import Trend, rising

__all__ = [
    "Capital",
    "Comparison",
    "Rises",
    "Selector",
    "Trend",
    "by_instance",
    "chance_of_at_least",
    "chance_of_at_most",
    "identity_of",
    "increments",
    "labels_of",
    "newest_sample",
    "parse_selector",
    "quantile_lower_bound",
    "quantile_ranks",
    "quantile_upper_bound",
    "rising",
]
