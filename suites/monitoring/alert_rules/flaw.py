"""A flaw of a rule: its kind, and a sentence for the person who repairs it."""

from dataclasses import dataclass
from enum import Enum


class FlawKind(Enum):
    """The kinds of flaws that an alert rule or a recording rule can have."""

    UNREADABLE = "the expression is not PromQL"
    MISSING_SERIES = "the expression reads time series that do not exist"
    RATE_AGAINST_RATIO = "the expression compares a number of events with a ratio"
    RAW_COUNTER = "the expression compares a counter without rate or increase"
    QUANTILE_WITHOUT_RATE = "histogram_quantile reads buckets without rate"
    QUANTILE_WITHOUT_LE = "histogram_quantile reads buckets without sum by (le)"
    QUANTILE_OUTSIDE = "the quantile is not between 0 and 1"
    QUANTILE_ADDED = "the expression adds quantiles, or takes their average"
    RATE_OF_SUM = "the expression takes the rate of a sum"
    DIVIDED_BY_ITSELF = "the expression divides time series by themselves"
    BUCKETS_ADDED = "the expression adds the cumulative buckets of a histogram"
    WRONG_UNIT = "the expression compares an amount with a limit of another unit"
    RATE_OF_GAUGE = "the expression takes the rate of a gauge"
    RANGE_TOO_SHORT = "the range has fewer than two scrapes"
    RANGE_TOO_LONG = "the range is longer than the time for which Prometheus stores samples"
    FOR_TOO_LONG = "`for` is longer than the time for which the condition can be true"
    NEVER_FIRES = "the condition can never be true"
    ALWAYS_FIRES = "the condition is always true"
    NO_MATCH = "the two sides of an operator never have the same labels"


@dataclass(frozen=True, slots=True)
class RuleFlaw:
    """A flaw of an alert rule or a recording rule.

    Args:
        rule: the name of the rule.
        kind: the kind of the flaw.
        sentence: the flaw and its repair, in one sentence.
    """

    rule: str
    kind: FlawKind
    sentence: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.sentence}"
