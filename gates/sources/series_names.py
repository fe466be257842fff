"""Lists the metric names and the time series that Prometheus has, without samples."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from urllib.parse import urlencode

from gates.model import Access, Measured
from gates.sources import json_values
from gates.sources.http import get
from gates.sources.prometheus import Prometheus

MAX_BYTES = 16_000_000
MAX_NAMES = 20_000
MAX_SERIES = 5_000
MAX_TEXT = 500
RECENT_SECONDS = 600.0
# The window of raw samples, for servers that offer only queries and do not list series.
SAMPLES_SECONDS = 120
EVERY_SERIES = '{__name__=~".+"}'
OK, NO_SUCH_ADDRESS = 200, (404, 405)
Labels = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Listing:
    """The metric names or the time series that Prometheus listed, or why it listed nothing.

    Args:
        problem: why Prometheus listed nothing; empty where the request succeeded.
        names: the names of metrics.
        series: the labels of each time series.
        clock_difference: how far the clock of Prometheus differs from this machine's, in seconds.
    """

    problem: str = ""
    names: frozenset[str] = frozenset()
    series: tuple[Labels, ...] = ()
    clock_difference: float = 0.0


def metric_names(url: str, access: Access) -> Listing:
    """List the names of all metrics that had samples in the last 10 minutes.

    A server that offers only queries lists the names of the last 2 minutes.

    Args:
        url: the URL of Prometheus, without a trailing slash.
        access: log-in, certificates and the time limit of one request.

    Source: Prometheus HTTP API, querying label values.
    """
    values, listing, status = _data(url, "/api/v1/label/__name__/values", {}, access)
    if status in NO_SUCH_ADDRESS:
        answer = _of_query(url, EVERY_SERIES, access)
        names = frozenset(labels.get("__name__", "") for labels in answer.series)
        return replace(answer, names=names, series=())
    try:
        names = frozenset(json_values.text(value) for value in values[:MAX_NAMES])
    except json_values.MALFORMED as error:
        return Listing(
            f"the response does not have the format of the Prometheus API ({type(error).__name__})"
        )
    return Listing(listing.problem, names, (), listing.clock_difference)


def recent_series(url: str, access: Access, selector: str) -> Listing:
    """List the time series that match a selector and had samples in the last 10 minutes.

    A server that offers only queries lists the series of the last 2 minutes.

    Args:
        url: the URL of Prometheus, without a trailing slash.
        access: log-in, certificates and the time limit of one request.
        selector: an instant vector selector.

    Source: Prometheus HTTP API, finding series by label matchers.
    """
    values, listing, status = _data(url, "/api/v1/series", {"match[]": selector}, access)
    if status in NO_SUCH_ADDRESS:
        return _of_query(url, selector, access)
    if len(values) > MAX_SERIES:
        return Listing(
            f"{len(values)} time series match the selector; at most {MAX_SERIES} are read"
        )
    try:
        series = tuple(
            {
                str(name)[:MAX_TEXT]: json_values.text(value)[:MAX_TEXT]
                for name, value in json_values.object_of(labels).items()
            }
            for labels in values
        )
    except json_values.MALFORMED as error:
        return Listing(
            f"the response does not have the format of the Prometheus API ({type(error).__name__})"
        )
    return Listing(listing.problem, frozenset(), series, listing.clock_difference)


def _of_query(url: str, selector: str, access: Access) -> Listing:
    """Return the series of a selector, from a server that offers only queries."""
    window = timedelta(seconds=SAMPLES_SECONDS)
    answer = Prometheus(url, access).samples(selector, window, time.time())
    problem = answer.problem if answer.measured is Measured.ERROR else ""
    return Listing(problem, series=tuple(series.labels for series in answer.series))


def _data(
    url: str, path: str, parameters: Mapping[str, str], access: Access
) -> tuple[list[object], Listing, int]:
    """Send a request, and return the list in the response, the problem, and the status."""
    now = time.time()
    period = {"start": f"{now - RECENT_SECONDS:.0f}", "end": f"{now:.0f}"}
    address = f"{url}{path}?{urlencode({**parameters, **period})}"
    answer = get(address, access, max_bytes=MAX_BYTES)
    if answer.problem:
        return [], Listing(answer.problem), answer.status
    try:
        content = json_values.object_of(json_values.loads(answer.body))
        if answer.status != OK or content.get("status") != "success":
            problem = f"status {answer.status}: {str(content.get('error'))[:200]}"
            return [], Listing(problem), answer.status
        values = list(json_values.list_of(content["data"]))
    except json_values.MALFORMED as error:
        problem = (
            f"status {answer.status}, and the response does not have the format of the Prometheus"
        )
        return [], Listing(f"{problem} API ({type(error).__name__})"), answer.status
    return values, Listing(clock_difference=answer.clock_difference), answer.status
