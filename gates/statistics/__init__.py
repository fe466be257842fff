"""Statistics of counters: increases, confidence bounds, sequential tests and trends.

The package reads no file and sends no request.
"""

from gates.model.selector import (
    Selector,
    colour_label,
    extra_matchers,
    identity_of,
    is_within,
    labels_of,
    metric_name,
)
from gates.model.selector import parse as parse_selector
from gates.statistics.betting import Capital
from gates.statistics.binomial import RULE_OF_THREE, chance_of_at_least, chance_of_at_most
from gates.statistics.comparison import Comparison
from gates.statistics.counter_increases import CLOCK_NOISE_SECONDS, CounterIncreases
from gates.statistics.counters import (
    MAX_QUIET_AGES,
    by_instance,
    newest_sample_time,
    overlap,
    total_increase,
)
from gates.statistics.fewer_events import FewerEvents, share_of_events
from gates.statistics.quantile import quantile_lower_bound, quantile_ranks, quantile_upper_bound
from gates.statistics.tally import SlidingWindow, Tally
from gates.statistics.trend import Trend, trend_of

__all__ = [
    "CLOCK_NOISE_SECONDS",
    "MAX_QUIET_AGES",
    "RULE_OF_THREE",
    "Capital",
    "Comparison",
    "CounterIncreases",
    "FewerEvents",
    "Selector",
    "SlidingWindow",
    "Tally",
    "Trend",
    "by_instance",
    "chance_of_at_least",
    "chance_of_at_most",
    "colour_label",
    "extra_matchers",
    "identity_of",
    "is_within",
    "labels_of",
    "metric_name",
    "newest_sample_time",
    "overlap",
    "parse_selector",
    "quantile_lower_bound",
    "quantile_ranks",
    "quantile_upper_bound",
    "share_of_events",
    "total_increase",
    "trend_of",
]
