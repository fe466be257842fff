"""Queries Prometheus: raw samples, values of an expression, and names of labels."""

from collections.abc import Mapping
from datetime import timedelta
from urllib.parse import quote

from gates.model import Access, Measured, Sample, SampleSet, Series
from gates.sources import json_values
from gates.sources.http import Answer, get
from gates.sources.missing_buckets import NATIVE

# The time limit of a query whose result is only displayed.
MAX_DISPLAY_SECONDS = 2.0
MAX_BYTES = 32_000_000
MAX_SERIES = 20_000
MAX_LABEL_NAME, MAX_LABEL_VALUE = 200, 500
MAX_CLOCK_DIFFERENCE_SECONDS = 10.0
OK = 200
NO_SERIES: tuple[Series, ...] = ()


class Prometheus:
    """A Prometheus server, or another server with the same query API.

    Args:
        url: the address, without a trailing slash.
        access: log-in, certificates and the time limit of one query.
    """

    def __init__(self, url: str, access: Access) -> None:
        self.url = url
        self._access = access

    def samples(self, selector: str, window: timedelta, at: float) -> SampleSet:
        """Return the raw samples of a selector in a window.

        Args:
            selector: an instant vector selector.
            window: the length of the window that ends at ``at``.
            at: the end of the window, in seconds since the epoch.

        Returns:
            The samples, or the problem of a failed query.

        Source: Prometheus HTTP API, instant query of a range vector selector.
        """
        query = f"{selector}[{duration(window.total_seconds())}]"
        path = f"query?query={quote(query)}&time={at:.3f}"
        return self._sample_set(query, path, window, at)

    def values(self, expression: str, window: timedelta, step: float, at: float) -> SampleSet:
        """Return the values of an expression every ``step`` seconds in a window up to ``at``.

        Args:
            expression: a PromQL expression whose result is an instant vector.
            window: the length of the window that ends at ``at``.
            step: the time between two moments, in seconds.
            at: the last moment, in seconds since the epoch.

        Returns:
            The values, or the problem of a failed query.

        Source: Prometheus HTTP API, range query.
        """
        start = at - step * int(window.total_seconds() / step)
        path = (
            f"query_range?query={quote(expression)}&start={start:.3f}&end={at:.3f}&step={step:.3f}"
        )
        return self._sample_set(expression, path, window, at)

    def label_names(self, selector: str, window: timedelta, at: float) -> frozenset[str] | None:
        """Return the label names of the time series that a selector matches in a window.

        Args:
            selector: an instant vector selector.
            window: the length of the window that ends at ``at``.
            at: the end of the window, in seconds since the epoch.

        Returns:
            The label names, with ``__name__``; None where the label names are not known.

        Source: Prometheus HTTP API, getting label names.
        """
        start = at - window.total_seconds()
        path = f"labels?match[]={quote(selector)}&start={start:.3f}&end={at:.3f}"
        answer = self._get(path)
        try:
            content = json_values.object_of(json_values.loads(answer.body))
            names = [json_values.text(name) for name in json_values.list_of(content["data"])]
        except json_values.MALFORMED:
            return None
        is_answer = answer.status == OK and content.get("status") == "success"
        is_cut = content.get("warnings") or content.get("isPartial")
        return frozenset(names) if is_answer and not is_cut else None

    def _get(self, path: str) -> Answer:
        address = f"{self.url}/api/v1/{path}"
        return get(address, self._access, max_bytes=MAX_BYTES)

    def _sample_set(self, query: str, path: str, window: timedelta, at: float) -> SampleSet:
        """Send a query, and return the time series or the problem."""
        answer = self._get(path)
        problem, series = answer.problem, NO_SERIES
        if answer.clock_difference > MAX_CLOCK_DIFFERENCE_SECONDS:
            problem = (
                "the clocks of Prometheus and of the gate differ by "
                f"{answer.clock_difference:.0f} s"
            )
        if not problem:
            problem, series = parse(answer.status, answer.body)
        measured = Measured.ERROR if problem else Measured.OK
        if not problem and not series:
            measured, problem = Measured.NO_DATA, "no series matches"
        return SampleSet(
            query=query,
            source=self.url,
            window=window,
            evaluated_at=at,
            measured=measured,
            problem=problem,
            series=series,
            curl_options=self._access.curl_options(),
        )


def instant(url: str, query: str, access: Access) -> list[tuple[dict[str, str], float]]:
    """Return the current result of a query, for display only.

    Args:
        url: the URL of Prometheus, without a trailing slash.
        query: a PromQL expression whose result is an instant vector.
        access: log-in and certificates; the time limit is at most 2 seconds.

    Returns:
        A pair of labels and value for each time series; an empty list where the query fails.
    """
    address = f"{url}/api/v1/query?query={quote(query)}"
    answer = get(address, access.at_most(MAX_DISPLAY_SECONDS), max_bytes=MAX_BYTES)
    try:
        result = json_values.loads(answer.body)["data"]["result"]
        return [
            (
                {str(label): str(value) for label, value in series["metric"].items()},
                float(series["value"][1]),
            )
            for series in result
        ]
    except json_values.MALFORMED:
        return []


def duration(seconds: float) -> str:
    """Return a duration in the notation of PromQL, such as ``60s`` or ``1500ms``."""
    return f"{seconds:.0f}s" if seconds == int(seconds) else f"{seconds * 1000:.0f}ms"


def parse(status: int, body: bytes) -> tuple[str, tuple[Series, ...]]:
    """Parse a response of the query API of Prometheus.

    Args:
        status: the HTTP status of the response.
        body: the body as received; untrusted.

    Returns:
        A problem and no series, or an empty problem and the series.
    """
    try:
        content = json_values.loads(body)
    except (ValueError, RecursionError) as error:
        return f"the response has status {status} and is not JSON ({str(error)[:100]})", ()
    if status != OK or not isinstance(content, dict) or content.get("status") != "success":
        error_text = content.get("error") if isinstance(content, dict) else None
        return f"status {status}: {str(error_text)[:200]}", ()
    if content.get("warnings") or content.get("isPartial"):
        return f"the response is incomplete: {str(content.get('warnings'))[:200]}", ()
    try:
        return _matrix(json_values.object_of(content["data"]))
    except json_values.MALFORMED as error:
        return (
            f"the response does not have the format of the Prometheus API ({type(error).__name__})",
            (),
        )


def _matrix(data: Mapping[str, object]) -> tuple[str, tuple[Series, ...]]:
    if data["resultType"] != "matrix":
        return f"expected a result of type matrix, got {str(data['resultType'])[:20]}", ()
    result = json_values.list_of(data["result"])
    if len(result) > MAX_SERIES:
        return f"the result has {len(result)} series; at most {MAX_SERIES} are accepted", ()
    if any("histograms" in json_values.object_of(line) for line in result):
        return NATIVE, ()
    series = tuple(_series(json_values.object_of(line)) for line in result)
    if len({tuple(sorted(line.labels.items())) for line in series}) != len(series):
        return "the result has the same series twice", ()
    return "", series


def _series(content: Mapping[str, object]) -> Series:
    """One time series of the result.

    Raises:
        ValueError, LookupError, TypeError, ArithmeticError: a sample is malformed, or the samples
            do not ascend in time.
    """
    metric = json_values.object_of(content["metric"])
    labels = {name[:MAX_LABEL_NAME]: str(value)[:MAX_LABEL_VALUE] for name, value in metric.items()}
    return Series(labels, tuple(map(Sample, *json_values.sample_columns(content["values"]))))
