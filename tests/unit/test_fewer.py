"""Orders and payments per request: the sequential test, against another hand and by simulation."""

from dataclasses import replace
from datetime import timedelta
from math import comb

import numpy as np
import pytest
from judging import STAGES
from thorough import at_most, runs

from gates.judging.series import same_process, series_labels
from gates.judging.series.series_labels import SeriesLabels
from gates.model import Measured, Sample, SampleSet, Series, ThroughputObjective
from gates.statistics import FewerEvents, Tally
from gates.statistics.fewer_events import ALTERNATIVES, MAX_FACTOR

ORDERS = next(
    objective
    for objective in STAGES["ramp-30"].objectives
    if isinstance(objective, ThroughputObjective)
)
TERMS, LEAST = ORDERS.terms, ORDERS.least_ratio


def test_a_green_at_the_least_ratio_is_stopped_as_seldom_as_is_said() -> None:
    """Ville: with green just at the least ratio, 1/alpha is reached in at most alpha of runs."""
    dice, alpha, count = np.random.default_rng(12), 0.02, runs(400, whole=2000)
    stopped = 0
    for _ in range(count):
        test = FewerEvents(replace(TERMS, stop_at=1 / alpha), LEAST)
        test.begin_step(0.0)
        rate, share = dice.uniform(0.002, 0.02), dice.uniform(0.05, 0.6)
        green, blue = (dice.poisson(750 * part, 80) for part in (share, 1 - share))
        green_bad, blue_bad = dice.binomial(green, LEAST * rate), dice.binomial(blue, rate)
        for batch in range(80):
            at = 15.0 * (batch + 1)
            test.count_baseline(at, float(blue_bad[batch]), float(blue[batch]))
            test.count_canary(at, float(green_bad[batch]), float(green[batch]))
            if test.should_stop():
                stopped += 1
                break
    assert stopped <= at_most(alpha, count)


def test_a_green_without_events_is_stopped_and_an_equal_one_is_not() -> None:
    for events, stops in ((0.0, True), (2.0, False)):
        test = FewerEvents(TERMS, LEAST)
        test.begin_step(0.0)
        for batch in range(1, 101):
            test.count_baseline(15.0 * batch, 2.0, 500.0)
            test.count_canary(15.0 * batch, events, 500.0)
        assert test.should_stop() is stops


def naive_capital(batches: list[tuple[int, int, int, int]]) -> float:
    """The capital once more, from its description, by probabilities instead of likelihoods."""
    amounts = [0.7 * weight for _, weight in ALTERNATIVES]
    for green, green_all, blue, blue_all in batches:
        for number, (ratio, weight) in enumerate(ALTERNATIVES):
            chances = []
            for tried in (ratio, LEAST):
                share = tried * green_all / (tried * green_all + blue_all)
                both = green + blue
                chances.append(comb(both, green) * share**green * (1 - share) ** blue)
            fresh = 0.1 * 15 / TERMS.ramp * weight
            amounts[number] = (amounts[number] + fresh) * min(MAX_FACTOR, chances[0] / chances[1])
    return sum(amounts)


@pytest.mark.parametrize("seed", range(6))
def test_the_capital_is_what_its_description_says(seed: int) -> None:
    dice = np.random.default_rng(seed)
    batches = [
        (int(dice.poisson(1)), int(dice.integers(50, 400)), int(dice.poisson(4)), 700)
        for _ in range(25)
    ]
    test = FewerEvents(TERMS, LEAST)
    test.begin_step(0.0)
    for number, (green, green_all, blue, blue_all) in enumerate(batches, start=1):
        test.count_baseline(15.0 * number, blue, blue_all)
        test.count_canary(15.0 * number, green, green_all)
    assert test.capital == pytest.approx(naive_capital(batches), rel=1e-9)


def test_one_burst_of_orders_on_blue_is_no_trend() -> None:
    test = FewerEvents(TERMS, LEAST)
    test.begin_step(0.0)
    test.count_baseline(15.0, 500.0, 700.0)
    test.count_canary(15.0, 0.0, 80.0)
    assert test.capital <= MAX_FACTOR


def test_an_idle_blue_is_remembered() -> None:
    """With all traffic on green, blue's rate before that stands in."""
    for events, stops in ((0.0, True), (3.0, False)):
        test = FewerEvents(TERMS, LEAST)
        for batch in range(-60, 1):
            test.count_baseline(15.0 * batch, 3.0, 700.0)
        test.begin_step(0.0)
        for batch in range(1, 61):
            test.count_baseline(15.0 * batch, 0.0, 0.0)
            test.count_canary(15.0 * batch, events, 700.0)
        assert test.should_stop() is stops


def test_the_chance_of_so_few_is_the_exact_one() -> None:
    test = FewerEvents(TERMS, LEAST)
    green, blue, ratio = Tally(2, 300), Tally(40, 2700), 0.6
    share = ratio * 300 / (ratio * 300 + 2700)
    exact = sum(comb(42, k) * share**k * (1 - share) ** (42 - k) for k in range(3))
    assert test.p_value(green, blue, ratio) == pytest.approx(exact, rel=1e-9)


def answer(*series: Series) -> SampleSet:
    return SampleSet("q[600s]", "http://p", timedelta(600), 600.0, Measured.OK, "", series)


def series_of(instance: str, values: list[float], name: str = "c_total", **labels: str) -> Series:
    points = tuple(Sample(15.0 * n, value) for n, value in enumerate(values))
    return Series({"__name__": name, "instance": instance, "slot": "green", **labels}, points)


RISING, OTHER = [0.0, 4.0, 9.0, 15.0, 20.0], [0.0, 5.0, 8.0, 16.0, 19.0]


@pytest.mark.parametrize(
    ("names", "values", "doubled"),
    [
        (("shop-1:80", "shop-2:80"), (RISING, RISING), False),  # two pods in a quiet hour
        (("shop-1:80", "shop-1.svc.local:80"), (RISING, RISING), True),
        (("shop-1:80", "10.0.0.7:80"), (RISING, RISING), True),
        (("10.0.0.7:80", "10.0.0.8:80"), (RISING, RISING), False),
        (("shop-1:80", "shop-1:81"), (RISING, RISING), False),
        (("shop-1:80", "shop-1.svc.local:80"), (RISING, OTHER), False),  # they go up and down
        (("shop-1:80", "shop-1.svc.local:80"), ([0.0] * 5, [0.0] * 5), False),  # nothing counted
    ],
)
def test_two_names_of_one_process_are_told_from_two_pods(
    names: tuple[str, str], values: tuple[list[float], list[float]], *, doubled: bool
) -> None:
    starts = answer(*(series_of(name, [1e6] * 5, "start") for name in names))
    counters = answer(*(series_of(*pair) for pair in zip(names, values, strict=True)))
    labels = SeriesLabels([ORDERS.indicator])
    assert bool(same_process.problem(starts, [counters], labels)) is doubled


def test_a_series_that_follows_another_is_no_replica() -> None:
    """A pod's labels change with a new version: the old series ends before the new one begins."""
    old = Series(
        {"__name__": "start", "instance": "a:1", "pod": "x"}, (Sample(0, 1), Sample(15, 1))
    )
    new = Series({"__name__": "start", "instance": "a:1", "pod": "y"}, (Sample(30, 2),))
    labels = SeriesLabels([ORDERS.indicator])
    assert series_labels.problem([answer(old, new)], labels) == ""
    beside = Series({"__name__": "start", "instance": "a:1", "pod": "y"}, (Sample(15, 2),))
    assert "'pod'" in series_labels.problem([answer(old, beside)], labels)
