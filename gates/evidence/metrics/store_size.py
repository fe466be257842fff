"""How many time series the counters of a store have, and what is said where these are too many."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from math import ceil, isfinite

from gates.model import Measured
from gates.model.selector import is_within, label_text
from gates.sources import Source

# In the answer, the label that says which question a value answers.
QUESTION = "question"
SCRAPES, SUMS = "scrapes", "sums"
# The scrapes of so many seconds show the interval.
INTERVAL_WINDOW_SECONDS = 1800
USUAL_INTERVAL_SECONDS = 15.0
# Problems of a query that a smaller query does not have.
SIZE_PROBLEMS = ("no answer within", "bytes", "too many samples", "exceeded", " series; at most")
# Raw samples of one query: beyond, sums are asked for where Prometheus can add up.
MAX_RAW_SAMPLES = 30_000
# Time series of one query: beyond, sums are asked for, because each series is named in each answer.
MAX_RAW_SERIES = 500
# Slices of one query: beyond, the query is not sent at all.
MAX_SLICES = 20
# So many samples may Prometheus add up in one query; its own limit is 50 million.
MAX_SUMMED_SAMPLES = 10_000_000
# A label is kept apart where the sums are few, or much fewer than the series and not too many.
MAX_SUMS, MIN_SERIES_OF_A_SUM, MAX_SUMS_OF_LARGE_STORES = 200, 10, 5_000
ADVICE = (
    "record the sums of each instance with a recording rule and name its metric in the policy, "
    "or export fewer labels"
)


@dataclass(frozen=True, slots=True)
class Split:
    """A label that sums may keep apart.

    Args:
        selector: the series that are added up.
        by: the labels that tell instances apart.
        label: the label.
    """

    selector: str
    by: tuple[str, ...]
    label: str


@dataclass(frozen=True, slots=True)
class StoreSize:
    """The size of the counters.

    Args:
        series: the number of time series, by selector; empty where unknown.
        interval_seconds: the time between two scrapes.
        sums: the number of sums that keep a label apart.
    """

    series: dict[str, int]
    interval_seconds: float = USUAL_INTERVAL_SECONDS
    sums: dict[Split, int] = field(default_factory=dict)

    def with_more(self, other: "StoreSize") -> "StoreSize":
        """The size of further counters, too.

        Args:
            other: the size of the further counters; empty where the source did not answer.
        """
        series, sums = {**self.series, **other.series}, {**self.sums, **other.sums}
        is_answered = other.series or other.sums
        interval = other.interval_seconds if is_answered else self.interval_seconds
        return StoreSize(series, interval, sums)

    def is_known(self, selector: str) -> bool:
        """Whether the number of series of a selector, or of a wider selector, is known."""
        return any(is_within(selector, wide) for wide in self.series)

    def is_few(self, split: Split) -> bool:
        """Whether few sums answer a query that keeps a label apart; not where unknown."""
        if split not in self.sums:
            return False
        known = [count for wide, count in self.series.items() if is_within(split.selector, wide)]
        series = min(known, default=0)
        limit = min(series / MIN_SERIES_OF_A_SUM, MAX_SUMS_OF_LARGE_STORES)
        return self.sums[split] <= max(MAX_SUMS, limit)

    def is_large(self, window_seconds: float) -> bool:
        """Whether the largest counter has too many series, or raw samples in a window."""
        return self._largest > MAX_RAW_SERIES or self.has_many_samples(window_seconds)

    def has_many_samples(self, window_seconds: float) -> bool:
        """Whether the largest counter has too many raw samples in a window."""
        return self._largest * window_seconds / self.interval_seconds > MAX_RAW_SAMPLES

    @property
    def _largest(self) -> int:
        return max(self.series.values(), default=0)

    def samples(self, selector: str, window_seconds: float) -> float:
        """The raw samples of a selector in a window, at most; 0 where unknown.

        Args:
            selector: the selector.
            window_seconds: the length of the window.
        """
        known = [count for wide, count in self.series.items() if is_within(selector, wide)]
        return min(known, default=0) * window_seconds / self.interval_seconds

    def slices(self, selector: str, window_seconds: float, *, summed: bool = False) -> int:
        """The number of slices of time in which a query is sent.

        Args:
            selector: the selector.
            window_seconds: the length of the window.
            summed: whether Prometheus adds the samples up.
        """
        limit = MAX_SUMMED_SAMPLES if summed else MAX_RAW_SAMPLES
        return max(1, ceil(self.samples(selector, window_seconds) / limit))

    def sentence(self, selector: str, window_seconds: float) -> str:
        """The size of a query, and what to do about it.

        Args:
            selector: the selector.
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
    """Ask how many series some selectors match, with one query.

    Where this query fails, a second query asks for the series only, and not for the sums.

    Args:
        source: answers the question.
        selectors: the selectors; a selector within another one is not asked about.
        clocks: the selectors of the series with a sample at each scrape.
        at: the moment, in seconds since the epoch.
        splits: the labels that sums may keep apart.

    Returns:
        The size; unknown where the source does not answer.
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
    most = max(scrapes_known, default=0)
    return StoreSize(
        {selector: int(values.get(str(number), 0)) for number, selector in enumerate(wide)},
        INTERVAL_WINDOW_SECONDS / most if most > 1 else USUAL_INTERVAL_SECONDS,
        {item: int(values.get(f"{SUMS} {number}", 0)) for number, item in enumerate(splits)},
    )
