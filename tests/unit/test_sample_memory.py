"""What is remembered between looks, the clock of the scrapes, and the threads that send queries."""

import threading
from datetime import timedelta

import pytest

from gates.evidence.metrics.instance_sums import ScrapeClock, at_scrapes, with_zeros
from gates.evidence.metrics.query_threads import QueryThreads
from gates.evidence.metrics.sample_memory import SampleMemory
from gates.evidence.metrics.store_size import StoreSize
from gates.model import Measured, Sample, SampleSet, Series
from gates.sources import json_values

BY = ("instance", "job")
LABELS = {"instance": "a", "job": "store"}


def series(*points: tuple[float, float], **labels: str) -> Series:
    return Series({**LABELS, **labels}, tuple(Sample(*point) for point in points))


class Known:
    """Answers from one series, and notes what was asked."""

    def __init__(self) -> None:
        self.points = [(float(at), float(at)) for at in range(0, 1000, 15)]
        self.windows: list[tuple[float, float]] = []
        self.fails = False

    def ask(self, seconds: float, at: float) -> SampleSet:
        self.windows.append((round(at - seconds), round(at)))
        matching = series(*((t, v) for t, v in self.points if at - seconds < t <= at))
        measured = Measured.ERROR if self.fails else Measured.OK
        problem = "no answer" if self.fails else ""
        lines = (matching,) if matching.samples else ()
        return SampleSet("q", "s", timedelta(seconds=seconds), at, measured, problem, lines)


def test_only_new_samples_are_asked_for_with_an_overlap() -> None:
    known, memory = Known(), SampleMemory()
    memory.read("q", 600, 700, known.ask)
    reading = memory.read("q", 615, 715, known.ask)
    assert known.windows == [(100, 700), (580, 715)]
    times = [sample.at for sample in reading.series[0].samples]
    assert times == [at for at, _ in known.points if 100 < at <= 715]


def test_a_sample_in_the_overlap_is_replaced_and_a_late_sample_is_added() -> None:
    known, memory = Known(), SampleMemory()
    late = known.points.pop(44)
    memory.read("q", 600, 700, known.ask)
    known.points.insert(44, late)
    known.points[42] = (630.0, 7.0)
    reading = memory.read("q", 600, 715, known.ask)
    samples = dict(reading.series[0].samples)
    assert (samples[late[0]], samples[630.0]) == (late[1], 7.0)


def test_a_shorter_window_and_the_same_moment_ask_for_nothing() -> None:
    known, memory = Known(), SampleMemory()
    memory.read("q", 600, 700, known.ask)
    reading = memory.read("q", 60, 700, known.ask)
    assert len(known.windows) == 1
    assert [sample.at for sample in reading.series[0].samples] == [645, 660, 675, 690]
    memory.read("q", 650, 700, known.ask)
    assert known.windows[1:] == [(50, 700)]


def test_a_longer_window_after_a_pause_has_the_samples_of_the_pause() -> None:
    """A short window that is read first does not hide that nobody asked for some time."""
    known, memory = Known(), SampleMemory()
    memory.read("q", 300, 300, known.ask)
    memory.read("q", 60, 900, known.ask)
    reading = memory.read("q", 800, 900, known.ask)
    times = [sample.at for sample in reading.series[0].samples]
    assert times == [at for at, _ in known.points if 100 < at <= 900]


def test_a_short_window_that_is_read_first_leaves_the_overlap_to_a_longer_window() -> None:
    known, memory = Known(), SampleMemory()
    late = known.points.pop(44)
    memory.read("q", 600, 700, known.ask)
    known.points.insert(44, late)
    memory.read("q", 30, 715, known.ask)
    reading = memory.read("q", 600, 715, known.ask)
    assert late in reading.series[0].samples


def test_a_failed_query_is_a_problem_and_is_asked_again_as_a_whole() -> None:
    known, memory = Known(), SampleMemory()
    known.fails = True
    assert memory.read("q", 600, 700, known.ask).problem == "no answer"
    known.fails = False
    memory.read("q", 600, 715, known.ask)
    assert known.windows[1:] == [(115, 715)]


def test_the_memory_is_bounded() -> None:
    known, memory = Known(), SampleMemory(max_samples=10)
    memory.read("q", 600, 700, known.ask)
    memory.read("q", 600, 715, known.ask)
    assert known.windows[1:] == [(115, 715)]


def test_a_long_window_is_asked_for_in_slices() -> None:
    known, memory = Known(), SampleMemory()
    reading = memory.read("q", 600, 700, known.ask, longest=200)
    assert known.windows == [(100, 300), (300, 500), (500, 700)]
    assert len(reading.series[0].samples) == 40


def test_a_value_belongs_to_the_scrape_before_its_moment() -> None:
    clock = ScrapeClock([series((10.2, 1), (25.1, 1), (40.3, 0), (55.2, 1))], BY)
    assert clock.step == pytest.approx(14.9)
    sums = at_scrapes([series((9, 1), (24, 5), (38.9, 7), (53.8, 7), (68.7, 9))], clock)
    assert sums[0].samples == ((10.2, 5), (25.1, 7), (55.2, 9))


def test_sums_of_an_instance_without_scrapes_are_refused() -> None:
    clock = ScrapeClock([series((10, 1), (25, 1), instance="b")], BY)
    with pytest.raises(ValueError, match="no scrape of a is known"):
        at_scrapes([series((0, 1), (600, 2))], clock)


def test_a_sum_without_values_is_left_out() -> None:
    clock = ScrapeClock([series((10, 1), (25, 1))], BY)
    assert at_scrapes([series(), series((11, 5), instance="a")], clock) == (series((10, 5)),)


def test_a_part_is_zero_before_its_first_event_only() -> None:
    clock = ScrapeClock([series((10, 1), (25, 1), (40, 1))], BY)
    (part,) = with_zeros([series((25, 2))], [series((10, 5), (25, 6), (40, 7))], clock)
    assert part.samples == ((10, 0), (25, 2))


def test_a_size_that_is_not_known_is_not_large() -> None:
    assert not StoreSize({}).is_large(1e9)
    assert StoreSize({}).slices("x", 1e9) == 1
    size = StoreSize({"x": 200})
    assert size.is_large(3600)
    assert not size.is_large(60)
    assert StoreSize({"x": 1000}).is_large(60), "each answer would name each series"
    assert size.slices('x{a="b"}', 3600) > size.slices("x", 3600, summed=True)


@pytest.mark.parametrize(
    "pairs",
    [
        [[1, "1", 2]],
        [["1", "1"]],
        [[1, 1]],
        [[True, "1"]],
        [[2, "1"], [1, "1"]],
        [[1, "x"]],
        "ab",
        [[float("inf"), "1"]],
        [[1, "1"], [1, "1"]],
        [None],
    ],
)
def test_columns_of_malformed_samples_are_refused(pairs: object) -> None:
    with pytest.raises(json_values.MALFORMED):
        json_values.sample_columns(pairs)


def test_columns_of_samples() -> None:
    assert json_values.sample_columns([]) == ((), ())
    times, values = json_values.sample_columns([[1, "2"], [2.5, "+Inf"]])
    assert (times, values) == ((1.0, 2.5), (2.0, float("inf")))


def test_a_query_that_waits_does_not_hold_up_the_end() -> None:
    begun, release = threading.Event(), threading.Event()

    def wait() -> bool:
        begun.set()
        return release.wait(10)

    with QueryThreads(1) as threads:
        first = threads.submit(wait)
        second = threads.submit(lambda: 2)
        assert begun.wait(10)
    assert not first.done()
    release.set()
    assert first.result(10) is True
    assert not second.done()


def test_an_error_of_a_query_is_raised_where_the_answer_is_read() -> None:
    with QueryThreads(2) as threads:
        answer = threads.submit(lambda: 1 // 0)
        with pytest.raises(ZeroDivisionError):
            answer.result(10)
