"""The arithmetic of evidence: counters, bounds, bets and trends; pure."""

from gates.model.selector import Selector, extra_matchers, identity_of, is_within, labels_of
from gates.model.selector import parse as parse_selector
from gates.statistics.betting import Capital
from gates.statistics.binomial import chance_of_at_least, chance_of_at_most
from gates.statistics.comparison import Comparison
from gates.statistics.counters import by_instance, increments, newest_sample
from gates.statistics.fewer import FewerEvents, share_of_events
from gates.statistics.quantile import quantile_lower_bound, quantile_ranks, quantile_upper_bound
from gates.statistics.rises import Rises
from gates.statistics.tally import Recent, Tally
from gates.statistics.trend import Trend, rising

__all__ = [
    "Capital",
    "Comparison",
    "FewerEvents",
    "Recent",
    "Rises",
    "Selector",
    "Tally",
    "Trend",
    "by_instance",
    "chance_of_at_least",
    "chance_of_at_most",
    "extra_matchers",
    "identity_of",
    "increments",
    "is_within",
    "labels_of",
    "newest_sample",
    "parse_selector",
    "quantile_lower_bound",
    "quantile_ranks",
    "quantile_upper_bound",
    "rising",
    "share_of_events",
]
