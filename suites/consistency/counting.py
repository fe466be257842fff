"""Compares the increases of a target's counters with the requests that a check has sent."""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Unpack

from suites.client import Answer, StoreClient
from suites.client.store import Parts
from suites.client.waiting import pause
from suites.inspection import Labels, series, total

Exposition = dict[tuple[str, Labels], float]
REQUESTS = "http_requests_total"
DURATIONS, DURATION_SUMS = (
    "http_request_duration_seconds_count",
    "http_request_duration_seconds_sum",
)
ERRORS = "http_errors_total"
# Counters of business events, and the labels that distinguish the time series of each counter.
BUSINESS: Mapping[str, tuple[str, ...]] = {
    "orders_total": ("status", "traffic"),
    "order_value_paise_total": ("traffic",),
    "payments_total": ("status", "traffic"),
    "points_awarded_total": (),
    "auth_failures_total": (),
}
REQUEST_LABELS = ("route", "method", "status", "traffic")
# Health checks and scrapes arrive all the time, so their routes are left out.
NOT_COUNTED_ROUTES = ("/api/health", "/metrics")
QUIET_SECONDS = 0.3
FIRST_ERROR = 500
# The store measures a part of the time that a client measures: on a busy machine a small part.
MIN_PART, MAX_PART = 0.05, 1.05
# The commands of a request to the database may run at the same time, and the store sends others.
QUERY_SUMS = "db_query_duration_seconds_sum"
MIN_QUERY_PART, MAX_QUERY_PART = 0.005, 10

Counts = Counter[str]
TOTAL = "total"


@dataclass(slots=True)
class ExpectedIncreases:
    """The increases of the counters that a check expects.

    Args:
        counts: the expected increase of each time series, keyed by ``key``.
        seconds: the time from each request to its response, summed by the path of the operation.
    """

    counts: Counts = field(default_factory=Counter)
    seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))

    def send(self, client: StoreClient, operation_id: str, **parts: Unpack[Parts]) -> Answer:
        """Send a request for an operation, and expect that the store counts the response."""
        answer = client.ask(operation_id, **parts)
        operation = client.contract.operation(operation_id)
        labels = (operation.path, operation.method, str(answer.status), "synthetic")
        self.counts[key(REQUESTS, labels)] += 1
        self.counts[key(DURATIONS, labels)] += 1
        self.seconds[operation.path] += answer.seconds
        if answer.status >= FIRST_ERROR:
            self.counts[key(ERRORS, labels)] += 1
        return answer

    def add(self, name: str, *labels: str, count: int = 1) -> None:
        """Expect an increase of a counter of business events.

        Args:
            name: the name of the counter.
            labels: the values of the counter's labels, in the order of ``BUSINESS``.
            count: the increase.
        """
        self.counts[key(name, labels)] += count


def key(name: str, labels: tuple[str, ...]) -> str:
    """Return the name of a counter and its label values as one text, for messages."""
    return f"{name}{{{', '.join(labels)}}}"


def counted(text: str) -> Counts:
    """Sum up the counters of a target over the labels that the comparison does not use.

    Args:
        text: the metrics of the target, in the text format of Prometheus.

    Returns:
        The value of each time series, keyed by ``key``.
    """
    totals: Counts = Counter()
    for (name, labels), value in series(text).items():
        by_name = dict(labels)
        if name in (REQUESTS, DURATIONS, ERRORS):
            if by_name.get("route") in NOT_COUNTED_ROUTES:
                continue
            totals[_key_of(name, REQUEST_LABELS, by_name)] += round(value)
        elif name in BUSINESS:
            totals[_key_of(name, BUSINESS[name], by_name)] += round(value)
    return totals


def _key_of(name: str, names: tuple[str, ...], labels: Mapping[str, str]) -> str:
    return key(name, tuple(labels.get(label, "") for label in names))


def quiet(read: Callable[[], str]) -> bool:
    """Return whether no counter of the target increases within QUIET_SECONDS.

    Args:
        read: a function that returns the present metrics of the target.
    """
    before = counted(read())
    pause(QUIET_SECONDS)
    return counted(read()) == before


def wrong_durations(before: str, after: str, expected: ExpectedIncreases) -> dict[str, str]:
    """Compare the durations that the target measured with the durations that the client measured.

    Args:
        before: the metrics before the requests.
        after: the metrics after the requests.
        expected: the requests.

    Returns:
        Sentences about durations of the target that are too long or too short, so that their unit
        cannot be the second. The key is the path of the operation, ``TOTAL`` for the sum of all
        operations, or the name of the metric about the database.
    """
    sentences: dict[str, str] = {}
    all_measured = 0.0
    for path, seconds in expected.seconds.items():
        labels = {"route": path, "traffic": "synthetic"}
        measured = (total(after, DURATION_SUMS, **labels) or 0) - (
            total(before, DURATION_SUMS, **labels) or 0
        )
        all_measured += measured
        if measured > MAX_PART * seconds:
            sentences[path] = (
                f"{DURATION_SUMS} of {path} increased by {measured:.3f}, although the client "
                f"measured only {seconds:.3f} s; is the unit the second?"
            )
    total_seconds = sum(expected.seconds.values())
    if all_measured < MIN_PART * total_seconds:
        sentences[TOTAL] = (
            f"{DURATION_SUMS} increased by only {all_measured:.3f} in total, although the client "
            f"measured {total_seconds:.3f} s; is the unit the second?"
        )
    in_queries = (total(after, QUERY_SUMS) or 0) - (total(before, QUERY_SUMS) or 0)
    if not MIN_QUERY_PART * total_seconds <= in_queries <= MAX_QUERY_PART * total_seconds:
        sentences[QUERY_SUMS] = (
            f"{QUERY_SUMS} increased by {in_queries:.6f}, although the client measured "
            f"{total_seconds:.3f} s of requests; is the unit the second?"
        )
    return sentences


def difference(before: Counts, after: Counts, expected: Counts) -> list[str]:
    """Compare the increases of the counters with the expected increases.

    Returns:
        One sentence for each counter with another increase, sorted; empty without a difference.
    """
    increases = {name: after[name] - before[name] for name in {*before, *after, *expected}}
    return sorted(
        f"{name} increased by {increase} instead of {expected[name]}"
        for name, increase in increases.items()
        if increase != expected[name]
    )
