"""Prometheus as a source: raw samples by range selector, nothing computed over there."""

import json
from datetime import timedelta
from itertools import pairwise
from math import isfinite
from typing import Any
from urllib.parse import quote

from gates.model import Measured, Sample, SampleSet, Series
from gates.sources import strict_json
from gates.sources.http import get

SECONDS = 2.0
MOST_BYTES = 32_000_000
MOST_SERIES = 5_000
PAIR = 2
MOST_CLOCK_DIFFERENCE = 10.0
NOTHING: tuple[Series, ...] = ()


class Prometheus:
    """A Prometheus server, or anything that speaks its query API.

    Args:
        url: its address, without a trailing slash.
    """

    def __init__(self, url: str) -> None:
        self._url = url

    def samples(self, selector: str, window: timedelta, at: float) -> SampleSet:
        """The raw samples of a selector in the window before a moment.

        Source: Prometheus HTTP API, instant query of a range vector selector.
        """
        query = f"{selector}[{duration(window.total_seconds())}]"
        address = f"{self._url}/api/v1/query?query={quote(query)}&time={at:.3f}"
        answer = get(address, seconds=SECONDS, most_bytes=MOST_BYTES)
        problem, series = (answer.problem, NOTHING)
        if answer.server_time and abs(answer.server_time - at) > MOST_CLOCK_DIFFERENCE:
            difference = abs(answer.server_time - at)
            problem = f"its clock and the gate's differ by {difference:.0f} s"
        if not problem:
            problem, series = parse(answer.status, answer.body)
        measured = Measured.ERROR if problem else Measured.OK
        if not problem and not series:
            measured, problem = Measured.NO_DATA, "no series matches"
        return SampleSet(
            query=query,
            source=self._url,
            window=window,
            evaluated_at=at,
            measured=measured,
            problem=problem,
            series=series,
        )


def instant(url: str, query: str) -> list[tuple[dict[str, str], float]]:
    """What a query comes to now, for showing only: labels and values; nothing where it fails."""
    answer = get(f"{url}/api/v1/query?query={quote(query)}", seconds=SECONDS, most_bytes=MOST_BYTES)
    try:
        result = json.loads(answer.body)["data"]["result"]
        return [
            ({str(k): str(v) for k, v in one["metric"].items()}, float(one["value"][1]))
            for one in result
        ]
    except (
        ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError,
        ArithmeticError,
    ):  # fmt: skip
        return []


def duration(seconds: float) -> str:
    """A duration as PromQL writes it."""
    return f"{seconds:.0f}s" if seconds == int(seconds) else f"{seconds * 1000:.0f}ms"


def parse(status: int, body: bytes) -> tuple[str, tuple[Series, ...]]:
    """The problem with an answer, or its series.

    Args:
        status: HTTP status.
        body: the body as received; untrusted.

    Returns:
        A problem and no series, or an empty problem and the series.
    """
    try:
        content = strict_json.loads(body)
    except (ValueError, RecursionError) as error:
        return f"status {status} and no JSON ({str(error)[:100]})", ()
    if status != 200 or not isinstance(content, dict) or content.get("status") != "success":  # noqa: PLR2004
        said = content.get("error") if isinstance(content, dict) else None
        return f"status {status}: {str(said)[:200]}", ()
    if content.get("warnings") or content.get("isPartial"):
        return f"an incomplete answer: {str(content.get('warnings'))[:200]}", ()
    try:
        return _matrix(content["data"])
    except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        return f"an answer of another shape ({type(error).__name__})", ()


def _matrix(data: dict[str, Any]) -> tuple[str, tuple[Series, ...]]:
    if data["resultType"] != "matrix":
        return f"a {str(data['resultType'])[:20]} where a matrix was expected", ()
    if len(data["result"]) > MOST_SERIES:
        return f"{len(data['result'])} series, more than {MOST_SERIES}", ()
    series = tuple(_series(one) for one in data["result"])
    if len({tuple(sorted(one.labels.items())) for one in series}) != len(series):
        return "the same series twice", ()
    return "", series


def _series(one: dict[str, Any]) -> Series:
    labels = {str(name)[:200]: str(value)[:500] for name, value in one["metric"].items()}
    samples = []
    for pair in one["values"]:
        if len(pair) != PAIR or type(pair[0]) not in (int, float) or type(pair[1]) is not str:
            raise ValueError
        at = float(pair[0])
        if not isfinite(at):
            raise ValueError
        samples.append(Sample(at, float(pair[1])))
    if any(later[0] <= earlier[0] for earlier, later in pairwise(samples)):
        raise ValueError
    return Series(labels=labels, samples=tuple(samples))
