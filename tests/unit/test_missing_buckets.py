"""Buckets that Prometheus does not have: a native histogram, other edges, or no histogram."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from proving import passing

from gates.model import Measured, Sample, SampleSet, Series
from gates.sources.missing_buckets import NATIVE, with_reason
from gates.sources.prometheus import parse

BUCKETS = 'http_request_duration_seconds_bucket{slot="green",le=~"1|1[.]0"}'
WINDOW = timedelta(hours=1)


def answer(selector: str, *edges: str, problem: str = "") -> SampleSet:
    series = tuple(Series({"le": edge}, (Sample(1.0, 2.0),)) for edge in edges)
    measured = Measured.ERROR if problem else Measured.OK if edges else Measured.NO_DATA
    return SampleSet(
        selector,
        "here",
        WINDOW,
        1.0,
        measured,
        problem or ("" if edges else "no series matches"),
        series,
    )


def reason(selector: str, answers: dict[str, SampleSet]) -> str:
    """The problem of an empty answer to the selector, by the answers to other selectors."""

    def ask(other: str, window: timedelta, at: float) -> SampleSet:
        assert (window, at) == (timedelta(minutes=2), 1.0)
        return answers.get(other, answer(other))

    return with_reason(answer(selector), selector, ask).problem


@pytest.mark.parametrize("selector", [BUCKETS, 'http_request_duration_seconds_count{slot="green"}'])
def test_a_native_histogram_is_named_with_the_setting(selector: str) -> None:
    whole = 'http_request_duration_seconds{slot="green"}'
    problem = reason(selector, {whole: answer(whole, problem=NATIVE)})
    assert problem.startswith("no series matches; http_request_duration_seconds is a native")
    assert "always_scrape_classic_histograms: true" in problem


def test_a_native_histogram_with_dots_is_found() -> None:
    whole = '{"http.server.request.duration","http.route"="/a"}'
    selector = '{"http.server.request.duration_bucket","http.route"="/a",le="1"}'
    assert "native histogram" in reason(selector, {whole: answer(whole, problem=NATIVE)})


def test_other_edges_are_named() -> None:
    without = 'http_request_duration_seconds_bucket{slot="green"}'
    problem = reason(BUCKETS, {without: answer(without, "+Inf", "0.5", "10")})
    expected = (
        "no series matches; the buckets of http_request_duration_seconds end at 0.5, 10, +Inf"
    )
    assert problem == expected


@pytest.mark.parametrize("selector", [BUCKETS, 'http_requests_total{slot="green"}'])
def test_without_any_histogram_the_problem_stays(selector: str) -> None:
    assert reason(selector, {}) == "no series matches"


def test_an_answer_with_series_is_not_asked_about_again() -> None:
    known = answer(BUCKETS, "1")

    def fails(*_: object) -> SampleSet:
        raise AssertionError

    assert with_reason(known, BUCKETS, fails) is known


def test_native_histograms_are_no_samples() -> None:
    line = {"metric": {}, "histograms": [[1.0, {"count": "5", "sum": "1", "buckets": []}]]}
    body = {"status": "success", "data": {"resultType": "matrix", "result": [line]}}
    assert parse(200, json.dumps(body).encode()) == (NATIVE, ())


def test_the_hold_names_the_buckets_that_prometheus_has(tmp_path: Path) -> None:
    with passing(tmp_path) as place:
        place.metrics.drop("http_request_duration_seconds_bucket", le="1.0")
        done = place.ask("ramp-30")
    assert done.code == 3
    assert (
        "no series matches; the buckets of http_request_duration_seconds end at 0.5, 5.0"
        in done.out
    )
