"""A client of Prometheus' HTTP API: scrape targets, rules, queries, metadata and settings."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from math import isfinite

from gates.model import Access
from gates.sources import json_values
from suites.monitoring.alert_rules.rule_files import Rule
from suites.monitoring.http_json import JsonApi, MonitoringError, other_shape
from suites.monitoring.promql.expressions import duration

Labels = Mapping[str, str]
RECENT = "10m"


@dataclass(frozen=True, slots=True)
class ScrapeTarget:
    """A scrape target of Prometheus.

    Args:
        job: the label ``job`` of the scrape target.
        instance: the label ``instance`` of the scrape target.
        url: the URL that Prometheus scrapes.
        health: ``up``, ``down`` or ``unknown``.
        last_error: the error of the last scrape; empty without an error.
        interval_seconds: the configured time between two scrapes, in seconds.
    """

    job: str
    instance: str
    url: str
    health: str
    last_error: str
    interval_seconds: float


@dataclass(frozen=True, slots=True)
class QueryValue:
    """The labels and the present value of one time series in the result of an instant query."""

    labels: Labels
    value: float


@dataclass(frozen=True, slots=True)
class RawSamples:
    """The labels and the raw samples of one time series.

    Args:
        labels: the labels of the time series.
        samples: pairs of a time, in seconds since the epoch, and a value.
    """

    labels: Labels
    samples: tuple[tuple[float, float], ...]


class PrometheusApi:
    """A client that only reads from a Prometheus server.

    Args:
        url: the address of Prometheus, without a trailing slash.
        access: the log-in, the certificates, and the longest time for one request.
    """

    def __init__(self, url: str, access: Access) -> None:
        self.api = JsonApi(url, access)

    def targets(self) -> tuple[ScrapeTarget, ...]:
        """Read the active scrape targets.

        Raises:
            MonitoringError: Prometheus does not answer, or its response is not as documented.
        """
        path, parameters = "/api/v1/targets", {"state": "active"}
        data = self._data(path, parameters)
        try:
            listed = json_values.list_of(json_values.object_of(data)["activeTargets"])
            return tuple(_target(json_values.object_of(content)) for content in listed)
        except json_values.MALFORMED as error:
            raise other_shape(error, self.api.curl(path, parameters)) from error

    def rules(self) -> tuple[Rule, ...]:
        """Read the loaded alert rules and recording rules, with the state of their evaluation.

        Raises:
            MonitoringError: Prometheus does not answer, or its response is not as documented.
        """
        path, now = "/api/v1/rules", time.time()
        data = self._data(path)
        try:
            groups = json_values.list_of(json_values.object_of(data)["groups"])
            return tuple(
                _rule(json_values.object_of(content), json_values.object_of(group), now)
                for group in groups
                for content in json_values.list_of(json_values.object_of(group)["rules"])
            )
        except json_values.MALFORMED as error:
            raise other_shape(error, self.api.curl(path)) from error

    def query(self, expression: str) -> tuple[QueryValue, ...]:
        """Run an instant query whose result is a vector, and return its elements.

        Raises:
            MonitoringError: Prometheus does not answer, or the query failed.
        """
        path, parameters = "/api/v1/query", {"query": expression}
        data = self._data(path, parameters)
        try:
            result = json_values.list_of(json_values.object_of(data)["result"])
            return tuple(_value(json_values.object_of(content)) for content in result)
        except json_values.MALFORMED as error:
            raise other_shape(error, self.api.curl(path, parameters)) from error

    def samples(self, selector: str, seconds: int) -> tuple[RawSamples, ...]:
        """Read the raw samples of all time series that match a selector.

        Args:
            selector: a PromQL selector without a range.
            seconds: the length of the window that ends now, in seconds.

        Raises:
            MonitoringError: Prometheus does not answer, or the query failed.
        """
        path, parameters = "/api/v1/query", {"query": f"{selector}[{seconds}s]"}
        data = self._data(path, parameters)
        try:
            result = json_values.list_of(json_values.object_of(data)["result"])
            return tuple(_samples(json_values.object_of(content)) for content in result)
        except json_values.MALFORMED as error:
            raise other_shape(error, self.api.curl(path, parameters)) from error

    def clock_difference(self) -> float:
        """Return the difference of Prometheus' clock from this machine's clock, in seconds.

        A positive difference means that the clock of Prometheus is ahead. The request takes some
        time, so only a range of differences is known. The result is the difference in this range
        that is nearest to 0.

        Raises:
            MonitoringError: Prometheus does not answer, or its response has no Date header.
        """
        path = "/api/v1/status/buildinfo"
        before = time.time()
        answer = self.api.answer(path)
        after = time.time()
        if answer.server_time is None:
            raise MonitoringError(f"the response has no Date header\nagain: {self.api.curl(path)}")
        # A Date header has no fraction of a second.
        earliest, latest = answer.server_time - after, answer.server_time + 1 - before
        return 0.0 if earliest <= 0 <= latest else min(earliest, latest, key=abs)

    def types(self) -> Mapping[str, str]:
        """Read the type of each metric, keyed by metric; a metric with several types is left out.

        Raises:
            MonitoringError: Prometheus does not answer, or its response is not as documented.
        """
        path = "/api/v1/metadata"
        data = self._data(path)
        try:
            stated = {
                name: {
                    json_values.text(json_values.object_of(entry)["type"])
                    for entry in json_values.list_of(entries)
                }
                for name, entries in json_values.object_of(data).items()
            }
        except json_values.MALFORMED as error:
            raise other_shape(error, self.api.curl(path)) from error
        return {name: next(iter(types)) for name, types in stated.items() if len(types) == 1}

    def retention_seconds(self) -> float:
        """Read how long Prometheus stores samples, in seconds; 0 if Prometheus states no time.

        Raises:
            MonitoringError: Prometheus does not answer, or its response is not as documented.
        """
        path = "/api/v1/status/runtimeinfo"
        data = self._data(path)
        try:
            stated = json_values.text(json_values.object_of(data)["storageRetention"])
        except json_values.MALFORMED as error:
            raise other_shape(error, self.api.curl(path)) from error
        try:
            return duration(stated.split(" ")[0]).total_seconds()
        except ValueError:
            return 0.0

    def alertmanagers(self) -> tuple[str, ...]:
        """Read the addresses of the Alertmanagers to which Prometheus sends alerts.

        Raises:
            MonitoringError: Prometheus does not answer, or its response is not as documented.
        """
        path = "/api/v1/alertmanagers"
        data = self._data(path)
        try:
            active = json_values.list_of(json_values.object_of(data)["activeAlertmanagers"])
            return tuple(json_values.text(json_values.object_of(entry)["url"]) for entry in active)
        except json_values.MALFORMED as error:
            raise other_shape(error, self.api.curl(path)) from error

    def configuration(self) -> str:
        """Read the loaded configuration of Prometheus as YAML; secrets are masked.

        Raises:
            MonitoringError: Prometheus does not answer, or its response is not as documented.
        """
        path = "/api/v1/status/config"
        data = self._data(path)
        try:
            return json_values.text(json_values.object_of(data)["yaml"])
        except json_values.MALFORMED as error:
            raise other_shape(error, self.api.curl(path)) from error

    def curl(self, expression: str) -> str:
        """Return the curl command that repeats an instant query."""
        return self.api.curl("/api/v1/query", {"query": expression})

    def _data(self, path: str, parameters: Mapping[str, str] | None = None) -> object:
        content = self.api.value(path, parameters)
        if not isinstance(content, dict) or content.get("status") != "success":
            raise MonitoringError(
                f"expected status success from Prometheus, got: {str(content)[:200]}"
                f"\nagain: {self.api.curl(path, parameters)}"
            )
        return content.get("data")


class PrometheusFacts:
    """Facts about time series, read from a Prometheus server.

    Args:
        prometheus: the client of the server; each query is sent only once.
    """

    knows_series = True

    def __init__(self, prometheus: PrometheusApi) -> None:
        self._prometheus = prometheus
        self._counts: dict[str, int] = {}
        self._values: dict[tuple[str, str], frozenset[str]] = {}

    def count(self, selector: str) -> int:
        """Return how many time series match a selector now.

        If none match now, return how many matched in the last ten minutes.
        """
        if selector not in self._counts:
            now = self._total(f"count({selector})")
            self._counts[selector] = now or self._total(
                f"count(last_over_time({selector}[{RECENT}]))"
            )
        return self._counts[selector]

    def label_values(self, metric: str, label: str) -> frozenset[str]:
        """Return all values that a label of a metric had in the last ten minutes."""
        if (metric, label) not in self._values:
            rows = self._prometheus.query(
                f"count by ({label}) (last_over_time({metric}[{RECENT}]))"
            )
            values = {row.labels[label] for row in rows if row.labels.get(label)}
            self._values[metric, label] = frozenset(values)
        return self._values[metric, label]

    def metric_type(self, metric: str) -> str:
        """Return the type of a metric, as its exporter states the type; empty if unknown."""
        return self._types.get(metric) or self._types.get(metric.removesuffix("_total"), "")

    @cached_property
    def scrape_interval_seconds(self) -> float:
        """The shortest configured scrape interval in seconds; 0 without a scrape target."""
        intervals = [target.interval_seconds for target in self._prometheus.targets()]
        return min(intervals, default=0.0)

    @cached_property
    def retention_seconds(self) -> float:
        """How long Prometheus stores samples, in seconds; 0 if Prometheus states no time."""
        return self._prometheus.retention_seconds()

    @cached_property
    def _types(self) -> Mapping[str, str]:
        return self._prometheus.types()

    def _total(self, expression: str) -> int:
        return round(sum(row.value for row in self._prometheus.query(expression)))


def _target(content: Mapping[str, object]) -> ScrapeTarget:
    labels = json_values.object_of(content["labels"])
    interval = json_values.text(content["scrapeInterval"])
    return ScrapeTarget(
        job=str(labels.get("job", "")),
        instance=str(labels.get("instance", "")),
        url=json_values.text(content["scrapeUrl"]),
        health=json_values.text(content["health"]),
        last_error=json_values.text(content["lastError"]),
        interval_seconds=duration(interval).total_seconds(),
    )


def _rule(content: Mapping[str, object], group: Mapping[str, object], now: float) -> Rule:
    is_alert = json_values.text(content["type"]) == "alerting"
    last = _moment(content["lastEvaluation"])
    return Rule(
        name=json_values.text(content["name"]),
        expression=json_values.text(content["query"]),
        is_alert=is_alert,
        for_seconds=json_values.number(content["duration"]) if is_alert else 0.0,
        labels=_texts(content.get("labels") or {}),
        annotations=_texts(content.get("annotations") or {}),
        group=json_values.text(group["name"]),
        health=json_values.text(content["health"]),
        error=json_values.text(content.get("lastError", "")),
        seconds_since_evaluation=None if last is None else now - last,
        interval_seconds=json_values.number(group["interval"]),
    )


def _moment(value: object) -> float | None:
    """Convert a time of Prometheus' API, with up to nine decimals, to seconds since the epoch.

    Returns:
        The seconds; None for the year 1, with which Prometheus says that there was no such moment.
    """
    content = json_values.text(value)
    return datetime.fromisoformat(content).timestamp() if content[:4] != "0001" else None


def _texts(content: object) -> dict[str, str]:
    return {name: json_values.text(text) for name, text in json_values.object_of(content).items()}


def _value(content: Mapping[str, object]) -> QueryValue:
    moment, text = json_values.list_of(content["value"])
    if not isfinite(json_values.number(moment)):
        raise ValueError("the time of the sample is not a finite number")
    return QueryValue(_texts(content["metric"]), float(json_values.text(text)))


def _samples(content: Mapping[str, object]) -> RawSamples:
    return RawSamples(_texts(content["metric"]), tuple(json_values.samples(content["values"])))
