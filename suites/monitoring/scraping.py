"""Check that Prometheus scrapes every target, as often as stated, and with correct times."""

from collections.abc import Iterable
from itertools import pairwise
from statistics import median

from suites.monitoring.prometheus_api import PrometheusApi, ScrapeTarget

# Metrics that every kind of exporter has; Prometheus itself writes ``up``.
OF_EXPORTERS = (
    '{__name__=~"process_start_time_seconds|haproxy_process_uptime_seconds|.+_build_info"}'
)
MIN_WINDOW_SECONDS = 60
WINDOW_SCRAPES = 20
MIN_SAMPLES = 3
# The newest sample may be older than an interval while a scrape is under way.
MAX_AGE_INTERVALS = 3
SPARE_SECONDS = 2.0


def target_flaws(targets: Iterable[ScrapeTarget]) -> list[str]:
    """Find scrape targets that are down, were never scraped, or whose last scrape failed.

    Args:
        targets: the scrape targets of Prometheus.

    Returns:
        A sentence for each such target.
    """
    return [
        f"{target.job} {target.instance}: the scrape target is {target.health}, last error: "
        f"{target.last_error or 'no error'} ({target.url})"
        for target in targets
        if target.health != "up" or target.last_error
    ]


def slot_flaws(prometheus: PrometheusApi, slots: Iterable[str]) -> list[str]:
    """Find slots without a scrape target; the gate gets no metrics of the stores in these slots.

    Args:
        prometheus: the client of the Prometheus server.
        slots: the slots of the target and of its baseline; an empty name is ignored.

    Returns:
        A sentence for each slot without a scrape target.

    Raises:
        MonitoringError: Prometheus does not answer.
    """
    return [
        f"slot {slot}: Prometheus has no scrape target with this slot"
        for slot in slots
        if slot and not prometheus.query(f'up{{slot="{slot}"}}')
    ]


def interval_flaws(
    prometheus: PrometheusApi,
    targets: Iterable[ScrapeTarget],
    *,
    longest_seconds: float,
    tolerance: float,
    now: float,
) -> list[str]:
    """Find scrape targets that Prometheus scrapes less often than configured or allowed.

    Args:
        prometheus: the client of the Prometheus server.
        targets: the scrape targets of Prometheus.
        longest_seconds: the longest allowed scrape interval, in seconds; 0 allows any interval.
        tolerance: how much longer than the interval the median time between scrapes may be, as a
            fraction of the interval.
        now: the time of this machine, in seconds since the epoch.

    Returns:
        A sentence for each flaw.

    Raises:
        MonitoringError: Prometheus does not answer.
    """
    flaws = []
    for target in targets:
        name, interval = f"{target.job} {target.instance}", target.interval_seconds
        if 0 < longest_seconds < interval:
            flaws.append(
                f"{name}: the configured scrape interval is {interval:g} s, expected at most "
                f"{longest_seconds:g} s"
            )
        window = max(MIN_WINDOW_SECONDS, round(WINDOW_SCRAPES * interval))
        selector = f'up{{job="{target.job}",instance="{target.instance}"}}'
        series = prometheus.samples(selector, window)
        times = sorted(at for samples in series for at, _ in samples.samples)
        flaws += [f"{name}: {text}" for text in _late(times, interval, tolerance, now)]
    return flaws


def _late(times: list[float], interval: float, tolerance: float, now: float) -> list[str]:
    """Return the problems of the scrape times; the median of the gaps ignores a single outage."""
    if len(times) < MIN_SAMPLES:
        return [
            f"only {len(times)} scrapes in the last minutes, expected a scrape every {interval:g} s"
        ]
    age = now - times[-1]
    if age > MAX_AGE_INTERVALS * interval + SPARE_SECONDS:
        return [f"was last scraped {age:.0f} s ago, expected a scrape every {interval:g} s"]
    gaps = [later - earlier for earlier, later in pairwise(times)]
    if median(gaps) <= interval * (1 + tolerance):
        return []
    frequency = (
        f"was scraped every {median(gaps):.1f} s (median), the longest gap was {max(gaps):.1f} s"
    )
    return [f"{frequency}; expected a scrape every {interval:g} s"]


def clock_flaws(
    prometheus: PrometheusApi, targets: Iterable[ScrapeTarget], *, now: float, limit_seconds: float
) -> list[str]:
    """Compare Prometheus' clock and the times of the newest samples with this machine's clock.

    Args:
        prometheus: the client of the Prometheus server.
        targets: the scrape targets of Prometheus, with their scrape intervals.
        now: the time of this machine, in seconds since the epoch.
        limit_seconds: the largest allowed difference, in seconds.

    Returns:
        A sentence for each clock that differs too much.

    Raises:
        MonitoringError: Prometheus does not answer.
    """
    difference = prometheus.clock_difference()
    flaws = []
    if abs(difference) > limit_seconds:
        flaws.append(
            f"the clock of Prometheus differs by {difference:+.1f} s from the clock of this "
            f"machine; the limit is {limit_seconds:g} s"
        )
    intervals = {(target.job, target.instance): target.interval_seconds for target in targets}
    newest = prometheus.query(f"max by (job, instance) (timestamp({OF_EXPORTERS}))")
    for row in newest:
        place = row.labels.get("job", ""), row.labels.get("instance", "")
        age = now - row.value
        oldest = MAX_AGE_INTERVALS * intervals.get(place, 0.0) + limit_seconds
        if place in intervals and not -limit_seconds <= age <= oldest:
            flaws.append(
                f"{' '.join(place)}: the newest sample is {age:.1f} s old, "
                f"expected an age from {-limit_seconds:g} s (in the future) to {oldest:g} s"
            )
    if not newest:
        flaws.append(f"Prometheus has no time series that matches {OF_EXPORTERS}")
    return flaws
