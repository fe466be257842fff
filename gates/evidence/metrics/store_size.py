"""Counts the time series of a store's counters, and gives advice if there are too many."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from math import ceil, isfinite

from gates.model import Measured
from gates.model.selector import is_within, label_text
from gates.sources import Source

# The label in the response that names the count to which a value belongs.
QUESTION = "question"
SCRAPES, SUMS = "scrapes", "sums"
# The interval is derived from the number of scrapes in this time.
INTERVAL_WINDOW_SECONDS = 1800
USUAL_INTERVAL_SECONDS = 15.0
# Words in the problem of a query that is too large; a smaller query has no such problem.
SIZE_PROBLEMS = ("no response within", "bytes", "too many samples", "exceeded", " series; at most")
# The largest number of raw samples of one query; a larger query asks for sums where possible.
MAX_RAW_SAMPLES = 30_000
# The largest number of time series of one query; a larger query asks for sums, because the
# response to a query of raw samples names each series.
MAX_RAW_SERIES = 500
# The largest number of slices of one query; a query with more slices is not sent.
MAX_SLICES = 20
# The largest number of samples that Prometheus adds up in one query. The default limit of
# Prometheus itself is 50 million.
MAX_SUMMED_SAMPLES = 10_000_000
# The sums keep a label if they are few, or much fewer than the time series and not too many.
MAX_SUMS, MIN_SERIES_OF_A_SUM, MAX_SUMS_OF_LARGE_STORES = 200, 10, 5_000
ADVICE = (
    "record the sums of each instance with a recording rule and name the metric of this rule in "
    "the policy, or export fewer labels"
)


@dataclass(frozen=True, slots=True)
class Split:
    """A label that sums keep: Prometheus returns a sum for each instance and value of the label.

    Args:
        selector: the selector of the time series that are added up.
        by: the labels that tell instances apart.
        label: the name of the further label that the sums keep, such as ``status``.
    """

    selector: str
    by: tuple[str, ...]
    label: str


@dataclass(frozen=True, slots=True)
class StoreSize:
    """The number of time series and of sums that the counters of a store have.

    Args:
        series: the number of time series, by selector; empty where unknown.
        interval_seconds: the time between two scrapes.
        sums: the number of sums, by the label that the sums keep.
    """

    series: dict[str, int]
    interval_seconds: float = USUAL_INTERVAL_SECONDS
    sums: dict[Split, int] = field(default_factory=dict)

    def with_more(self, other: "StoreSize") -> "StoreSize":
        """Return this size together with the size of further counters.

        Args:
            other: the size of the further counters; empty where the query for it failed.
        """
        series, sums = {**self.series, **other.series}, {**self.sums, **other.sums}
        is_answered = other.series or other.sums
        interval = other.interval_seconds if is_answered else self.interval_seconds
        return StoreSize(series, interval, sums)

    def is_known(self, selector: str) -> bool:
        """Return whether the number of series is known for this selector or a wider selector."""
        return any(is_within(selector, wide) for wide in self.series)

    def is_few(self, split: Split) -> bool:
        """Return whether a query of sums by this label returns few sums; False where unknown."""
        if split not in self.sums:
            return False
        known = [count for wide, count in self.series.items() if is_within(split.selector, wide)]
        series = min(known, default=0)
        limit = min(series / MIN_SERIES_OF_A_SUM, MAX_SUMS_OF_LARGE_STORES)
        return self.sums[split] <= max(MAX_SUMS, limit)

    def is_large(self, window_seconds: float) -> bool:
        """Return whether the largest counter has too many series, or too many raw samples."""
        return self._largest > MAX_RAW_SERIES or self.has_many_samples(window_seconds)

    def has_many_samples(self, window_seconds: float) -> bool:
        """Return whether the largest counter has too many raw samples in a window."""
        return self._largest * window_seconds / self.interval_seconds > MAX_RAW_SAMPLES

    @property
    def _largest(self) -> int:
        return max(self.series.values(), default=0)

    def samples(self, selector: str, window_seconds: float) -> float:
        """Return the largest possible number of raw samples of a selector in a window.

        The number is 0 where the number of time series is unknown.

        Args:
            selector: an instant vector selector.
            window_seconds: the length of the window.
        """
        known = [count for wide, count in self.series.items() if is_within(selector, wide)]
        return min(known, default=0) * window_seconds / self.interval_seconds

    def slices(self, selector: str, window_seconds: float, *, summed: bool = False) -> int:
        """Return into how many shorter windows to divide a query, so that each has few samples.

        Args:
            selector: an instant vector selector.
            window_seconds: the length of the window of the whole query.
            summed: whether Prometheus adds the samples up and returns only sums.
        """
        limit = MAX_SUMMED_SAMPLES if summed else MAX_RAW_SAMPLES
        return max(1, ceil(self.samples(selector, window_seconds) / limit))

    def sentence(self, selector: str, window_seconds: float) -> str:
        """Return a sentence about the size of a query that is too large, with advice.

        Args:
            selector: the selector of the query.
            window_seconds: the length of the window.
        """
        samples = self.samples(selector, window_seconds)
        if not samples:
            return f"if the store has very many time series, {ADVICE}"
        series = samples * self.interval_seconds / window_seconds
        return (
            f"the query reads up to {series:,.0f} time series over {window_seconds:.0f} s, about "
            f"{samples:,.0f} samples; {ADVICE}"
        )


def store_size(
    source: Source,
    selectors: Sequence[str],
    clocks: Sequence[str],
    at: float,
    splits: Sequence[Split] = (),
) -> StoreSize:
    """Count the time series of several selectors with one query.

    Where this query fails, a second query counts only the time series, and not the sums.

    Args:
        source: the source to which the query is sent.
        selectors: the selectors; a selector is not counted if the list has a wider selector, too.
        clocks: the selectors of time series that have a sample at each scrape.
        at: the moment at which the time series are counted, in seconds since the epoch.
        splits: the labels that sums may keep, so that the sums are counted too.

    Returns:
        The size of the counters; an empty size where both queries fail.
    """
    wide = [
        selector
        for selector in dict.fromkeys(selectors)
        if not any(other != selector and is_within(selector, other) for other in selectors)
    ]
    questions = {str(number): f"count({selector})" for number, selector in enumerate(wide)}
    for number, split in enumerate(splits):
        labels = ", ".join(label_text(name) for name in (*split.by, split.label))
        questions[f"{SUMS} {number}"] = f"count(count by ({labels}) ({split.selector}))"
    for number, clock in enumerate(clocks):
        scrapes = f"max(count_over_time({clock}[{INTERVAL_WINDOW_SECONDS}s]))"
        questions[f"{SCRAPES} {number}"] = scrapes
    expression = " or ".join(
        f'label_replace({question}, "{QUESTION}", "{name}", "", "")'
        for name, question in questions.items()
    )
    answer = source.values(expression, timedelta(0), 1.0, at)
    if answer.measured is Measured.ERROR and selectors and splits:
        return store_size(source, selectors, clocks, at)
    values = {
        line.labels.get(QUESTION, ""): sample.value
        for line in answer.series
        for sample in line.samples
    }
    if answer.measured is not Measured.OK or not all(map(isfinite, values.values())):
        return StoreSize({})
    scrapes_known = [value for name, value in values.items() if name.startswith(SCRAPES)]
    largest = max(scrapes_known, default=0)
    return StoreSize(
        {selector: int(values.get(str(number), 0)) for number, selector in enumerate(wide)},
        INTERVAL_WINDOW_SECONDS / largest if largest > 1 else USUAL_INTERVAL_SECONDS,
        {item: int(values.get(f"{SUMS} {number}", 0)) for number, item in enumerate(splits)},
    )
