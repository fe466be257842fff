"""Calculates how many customer requests each colour counted before and after a move."""

from dataclasses import dataclass
from itertools import pairwise

from gates.model import Measured, SampleSet, Series

# Requests that were under way when the traffic moved are answered within this time.
DRAIN_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class ConfirmedMove:
    """A move of traffic that the control endpoint has confirmed.

    Args:
        share: green's intended share of the traffic after the move, from 0 to 1.
        at: the time at which the control endpoint confirmed the move, in seconds since the epoch.
        before: green's share before the move, as the control endpoint reported it; None where
            unknown.
    """

    share: float
    at: float
    before: float | None = None


@dataclass(frozen=True, slots=True)
class RequestCount:
    """The customer requests that a colour counted before and after a move.

    Args:
        total: the number of requests after the move, without the first 3 seconds, in which
            requests from before the move still end.
        latest: the number of requests between the last two scrapes; None before the second scrape
            after the move.
        before: the number of requests in the minute before the move.
        is_counted: whether ``total`` covers at least one whole scrape interval of each time series
            that had samples before the move. Instances are scraped at different moments, and the
            first scraped instance alone does not show the share of its colour.
    """

    total: float
    latest: float | None
    before: float
    is_counted: bool = True


@dataclass(frozen=True, slots=True)
class RequestCounts:
    """The customer requests of both colours before and after a move."""

    green: RequestCount
    blue: RequestCount


def requests_since(move: ConfirmedMove, green: SampleSet, blue: SampleSet) -> RequestCounts | str:
    """Return the requests of green and of blue; if they are unknown, a sentence with the reason.

    Args:
        move: the last move.
        green: the samples of the counters of green's requests.
        blue: the samples of the counters of blue's requests.
    """
    for answer in (green, blue):
        if answer.measured is not Measured.OK:
            return f"Prometheus returned no counts of requests: {answer.problem}"
    return RequestCounts(_request_count(move, green.series), _request_count(move, blue.series))


def _request_count(move: ConfirmedMove, counters: tuple[Series, ...]) -> RequestCount:
    total, before, latest, is_scraped = 0.0, 0.0, 0.0, False
    is_counted, is_waiting = False, False
    for series in counters:
        earlier = [sample.value for sample in series.samples if sample.at <= move.at]
        points = [(sample.at, sample.value) for sample in series.samples if sample.at > move.at]
        before += sum(_increase(first, second) for first, second in pairwise(earlier))
        increases = [(first[0], _increase(first[1], last[1])) for first, last in pairwise(points)]
        counted = [value for at, value in increases if at >= move.at + DRAIN_SECONDS]
        total, is_counted = total + sum(counted), is_counted or bool(counted)
        is_waiting = is_waiting or (bool(earlier) and not counted)
        if increases:
            latest, is_scraped = latest + increases[-1][1], True
    return RequestCount(
        total, latest if is_scraped else None, before, is_counted and not is_waiting
    )


def _increase(earlier: float, later: float) -> float:
    """The increase of a counter; after a restart it counts from zero."""
    return later - earlier if later >= earlier else later
