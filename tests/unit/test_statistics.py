"""The arithmetic against independent implementations, and against simulations with a fixed seed."""

import random
from fractions import Fraction
from math import comb, inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gates.model import Sample, Series
from gates.statistics import (
    chance_of_at_least,
    chance_of_at_most,
    quantile_lower_bound,
    quantile_upper_bound,
    total_increase,
)


def exact_tail(hits: int, trials: int, ratio: Fraction) -> Fraction:
    """P(X >= hits) in exact arithmetic, straight from the definition."""
    return sum(
        (comb(trials, k) * ratio**k * (1 - ratio) ** (trials - k) for k in range(hits, trials + 1)),
        Fraction(0),
    )


@given(st.integers(1, 80), st.data(), st.integers(1, 999))
def test_the_binomial_tail_is_the_exact_one(trials: int, data: st.DataObject, mille: int) -> None:
    hits = data.draw(st.integers(0, trials))
    ratio = Fraction(mille, 1000)
    expected = float(exact_tail(hits, trials, ratio))
    assert chance_of_at_least(hits, trials, float(ratio)) == pytest.approx(expected, abs=1e-9)
    complement = float(1 - exact_tail(hits + 1, trials, ratio))
    assert chance_of_at_most(hits, trials, float(ratio)) == pytest.approx(complement, abs=1e-9)


def test_a_target_at_the_limit_is_rarely_called_surely_bad() -> None:
    dice = random.Random(7)
    surely = 0
    for _ in range(4000):
        errors = sum(dice.random() < 0.005 for _ in range(200))
        surely += errors > 0 and chance_of_at_least(errors, 200, 0.005) < 0.001
    # 11 of 4,000 is the 99.9 % quantile where the true chance is one in a thousand.
    assert surely <= 11


def counter(instance: str, *pairs: tuple[float, float], name: str = "c") -> Series:
    return Series({"instance": instance, "n": name}, tuple(Sample(at, v) for at, v in pairs))


def start(instance: str, *pairs: tuple[float, float]) -> Series:
    return counter(instance, *pairs, name="start")


BEGIN = -0.5
STEADY = start("a", (0, -900), (1, -900), (2, -900), (3, -900))


@pytest.mark.parametrize(
    ("counters", "starts", "expected"),
    [
        ([counter("a", (0, 5), (1, 7), (2, 7), (3, 9))], [STEADY], 4),
        ([counter("a", (0, 5))], [start("a", (0, -900))], 0),
        # A falling value is a restart: what it shows after is what it counted since.
        ([counter("a", (0, 5), (1, 7), (2, 1), (3, 2))], [], 4),
        # A restart so quick that the counter overtook its old value shows in the start time.
        ([counter("a", (0, 5), (1, 9))], [start("a", (0, -900), (1, 0.5))], 9),
        # When one counter of an instance falls, the others restarted too.
        ([counter("a", (0, 5), (1, 6)), counter("a", (0, 50), (1, 3))], [], 9),
        # A series that appears late counts from zero.
        ([counter("a", (0, 5), (1, 5)), counter("a", (1, 2))], [], 2),
        ([counter("a", (2, 2), (3, 3))], [STEADY], 3),
        # A missing scrape is missing, not zero.
        ([counter("a", (0, 5), (3, 9))], [STEADY], 4),
        # Instances do not touch one another.
        ([counter("a", (0, 5), (1, 7)), counter("b", (0, 9), (1, 1))], [], 3),
        ([], [], 0),
    ],
)
def test_increments(counters: list[Series], starts: list[Series], expected: float) -> None:
    assert total_increase(counters, starts, BEGIN) == expected


@pytest.mark.parametrize("value", [nan, inf, -inf, -1.0])
def test_what_is_no_count_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="is not a count"):
        total_increase([counter("a", (0, 1), (1, value))], [], BEGIN)


def test_what_counted_before_the_first_scrape_of_a_new_process_counts() -> None:
    counters = [counter("a", (30, 1000), (45, 1300))]
    assert total_increase(counters, [start("a", (30, 20), (45, 20))], BEGIN) == 1300
    assert total_increase(counters, [start("a", (30, -20), (45, -20))], BEGIN) == 300


@pytest.mark.parametrize(
    ("counters", "starts"),
    [
        # Two processes behind one address take turns; a clock was set.
        ([counter("a", (0, 5), (60, 9))], [start("a", (0, -1000), (60, -990))]),
        ([counter("a", (0, 5), (60, 9))], [start("a", (0, -1000), (60, -998))]),
        ([counter("", (0, 5))], []),
        (
            [Series({"instance": "a", "job": "x"}, ()), Series({"instance": "a", "job": "y"}, ())],
            [],
        ),
    ],
)
def test_what_cannot_be_counted_is_refused(counters: list[Series], starts: list[Series]) -> None:
    with pytest.raises(ValueError, match=r"restart|instance|jobs"):
        total_increase(counters, starts, BEGIN)


@given(st.lists(st.tuples(st.integers(0, 9), st.booleans()), min_size=1, max_size=40))
def test_increments_find_every_event_whatever_restarts(history: list[tuple[int, bool]]) -> None:
    value, since, true, pairs, starts = 100, -900.0, 0, [(0.0, 100.0)], [(0.0, -900.0)]
    for number, (rise, restarts) in enumerate(history, start=1):
        time = float(15 * number)
        if restarts:
            value, since = 0, time - 7
        value += rise
        true += rise
        pairs.append((time, float(value)))
        starts.append((time, since))
    assert total_increase([counter("a", *pairs)], [start("a", *starts)], BEGIN) == true


@given(st.lists(st.floats(0, 1e6), min_size=59, max_size=200))
def test_the_quantile_bound_is_a_sample_that_enough_samples_do_not_exceed(
    values: list[float],
) -> None:
    bound = quantile_upper_bound(values, 0.95, 0.95)
    below = sum(value < bound for value in values)
    # P(fewer than `below` + 1 under the quantile) reaches 95 %; one rank less would not do.
    assert bound in values
    assert float(1 - exact_tail(below, len(values), Fraction(95, 100))) < 0.95
    assert quantile_upper_bound([1.0] * 59, 0.95, 0.95) == 1.0


def test_the_quantile_bound_covers_as_often_as_it_says() -> None:
    dice = random.Random(12)
    for count in (59, 93, 124):
        covered = sum(
            quantile_upper_bound([dice.random() for _ in range(count)], 0.95, 0.95) >= 0.95
            for _ in range(4000)
        )
        # 3,755 of 4,000 is the 0.1 % quantile where the true coverage is 95 %.
        assert covered >= 3755
    with pytest.raises(ValueError, match="too few"):
        quantile_upper_bound([1.0] * 58, 0.95, 0.95)


def test_the_lower_bound_of_a_quantile_covers_as_often_as_it_says() -> None:
    dice = random.Random(17)
    covered = sum(
        quantile_lower_bound([dice.random() for _ in range(20)], 0.95, 0.95) <= 0.95
        for _ in range(4000)
    )
    # 3,755 of 4,000 is the 0.1 % quantile where the true coverage is 95 %.
    assert covered >= 3755
    assert quantile_lower_bound([1.0] * 2, 0.95, 0.95) == 1.0
    assert quantile_lower_bound([1.0], 0.95, 0.95) == 1.0
    assert quantile_lower_bound([1.0], 0.95, 0.99) == -inf
    assert quantile_lower_bound([], 0.95, 0.95) == -inf
