"""The live judge: bets, levels, rises, triggers; by simulation and against another hand."""

import random
from dataclasses import replace
from math import sqrt

import numpy as np
import pytest
from bench_judge import Cell, measured
from judge_simulation import BROKEN
from judging import STAGES
from thorough import runs as how_many

from gates.judging.live.live_judge import LiveJudge
from gates.judging.live.objective_judges import RollbackTrigger
from gates.model import ComparisonObjective, Move, Outcome, Scrape, TriggerObjective
from gates.statistics import (
    Capital,
    Comparison,
    CounterIncreases,
    chance_of_at_least,
    parse_selector,
)
from gates.statistics.baseline_level import BaselineLevel, ratio_beyond_chance

RAMP = STAGES["ramp-30"]
ERRORS = next(
    objective for objective in RAMP.objectives if isinstance(objective, ComparisonObjective)
)
TERMS = ERRORS.terms


def test_who_bets_against_what_is_true_does_not_get_rich() -> None:
    """Ville: with a mean of what is allowed, 1/alpha is reached in at most alpha of runs."""
    dice, alpha, runs = np.random.default_rng(6), 0.05, how_many(400, whole=4000)
    reached = 0
    for _ in range(runs):
        mean = dice.uniform(0.002, 0.3)
        capital = Capital()
        capital.pay_in(0.5)
        events = int(dice.integers(5, 300))
        for ratio in dice.binomial(events, mean, 150) / events:
            capital.pay_in(0.01)
            capital.bet(float(ratio), mean)
            if capital.amount >= 1 / alpha:
                reached += 1
                break
    assert reached / runs <= alpha + 3 * sqrt(alpha * (1 - alpha) / runs)


def test_fresh_capital_is_never_more_than_one_in_all() -> None:
    capital = Capital()
    for _ in range(100):
        capital.pay_in(0.3)
    assert capital.amount == capital.paid_in == 1.0


def test_equal_colours_are_told_apart_as_rarely_as_is_said() -> None:
    """The conditional test of two rates, simulated where green has just 1.5 times blue's."""
    dice, alarms, runs = np.random.default_rng(7), 0, how_many(1000, whole=4000)
    for _ in range(runs):
        green_all, blue_all = (int(count) for count in dice.integers(50, 5000, 2))
        ratio = dice.uniform(0.001, 0.05)
        green = int(dice.binomial(green_all, 1.5 * ratio))
        blue = int(dice.binomial(blue_all, ratio))
        share = 1.5 * green_all / (1.5 * green_all + blue_all)
        alarms += green + blue > 0 and chance_of_at_least(green, green + blue, share) < 0.05
    assert alarms / runs <= 0.05


class Naive:
    """A lane once more, from its description: nothing kept, everything looked up anew."""

    def __init__(self, seconds: float, fresh: float) -> None:
        self.seconds, self.fresh = seconds, fresh
        self.amount = self.paid = 0.0
        self.closed: float | None = None

    def pay(self, much: float) -> None:
        much = min(much, 1 - self.paid)
        self.amount, self.paid = self.amount + much, self.paid + much


def naively(  # noqa: C901 - in one place on purpose, as it is described
    events: list[tuple[float, str, int, int]], steps: list[float]
) -> list[float]:
    """Both lanes' capital at the end, on green and blue counts that come together."""
    lanes = [Naive(15.0, 0.25 * 15 / TERMS.ramp), Naive(60.0, 0.25 * 60 / TERMS.ramp)]
    blues = [(at, p, n) for at, who, p, n in events if who == "blue"]
    greens = [(at, p, n) for at, who, p, n in events if who == "green"]
    for number, step in enumerate(steps):
        following = steps[number + 1] if number + 1 < len(steps) else 1e9
        for lane in lanes:
            lane.pay(0.5 if number == 0 else 0.25 / 9)
        for at, _, _ in greens:
            if not step <= at < following:
                continue
            for lane in lanes:
                since = lane.closed
                if since is not None and at - since < 0.8 * lane.seconds:
                    continue
                reach = -1e9 if since is None else since
                part = sum(p for t, p, _ in greens if reach < t <= at and t >= steps[0])
                whole = sum(n for t, _, n in greens if reach < t <= at and t >= steps[0])
                b_reach = steps[0] - 1e-9 if since is None else since
                in_batch = [(p, n) for t, p, n in blues if b_reach < t <= at]
                b_part, b_whole = sum(p for p, _ in in_batch), sum(n for _, n in in_batch)
                past = [(p, n) for t, p, n in blues if at - 1800 < t <= at]
                long = sum(p for p, _ in past) / sum(n for _, n in past)
                pseudo = 1 / TERMS.limit
                level = max(long, (b_part + pseudo * long) / (b_whole + pseudo))
                for reach_of in (0.0, 60.0, 300.0):
                    near = (
                        in_batch
                        if not reach_of
                        else [(p, n) for t, p, n in blues if at - reach_of < t <= at]
                    )
                    p, n = sum(p for p, _ in near), sum(n for _, n in near)
                    left = p - 1 - 0.5 * sqrt(p)
                    level = max(level, left / n if left > 0 else 0.0)
                allowed = level + max(TERMS.limit, level) / 2
                worst = 0.0
                b_part = b_whole = 0
                closed: float | None = None
                for t, p, n in blues:
                    if t > at:
                        break
                    b_part, b_whole = b_part + p, b_whole + n
                    if closed is None or t - closed >= 0.8 * lane.seconds:
                        left = b_part - 1 - 0.5 * sqrt(b_part)
                        if t > at - 1800 and left > 0:
                            worst = max(worst, left / b_whole)
                        closed, b_part, b_whole = t, 0, 0
                passed = 1.0 if since is None else max(1.0, (at - since) / lane.seconds)
                lane.pay(lane.fresh * passed)
                lane.amount *= (1 + min(1.0, part / whole) / max(allowed, worst)) / 2
                lane.closed = at
    return [lane.amount for lane in lanes]


@pytest.mark.parametrize("seed", range(8))
def test_the_comparison_is_what_its_description_says(seed: int) -> None:
    dice = random.Random(seed)
    steps, events = [0.0, 600.0, 1200.0], []
    for n in range(-120, 120):
        at = 15.0 * n
        green, blue = dice.randint(20, 80), dice.randint(100, 300)
        bad = 0.02 if seed % 2 else 0.002
        events.append((at + 3, "blue", sum(dice.random() < 0.004 for _ in range(blue)), blue))
        events.append((at + 5, "green", sum(dice.random() < bad for _ in range(green)), green))
    comparison = Comparison(TERMS)
    left = list(steps)
    for at, who, part, whole in events:
        while left and left[0] <= at:
            comparison.begin_step(left.pop(0))
        (comparison.count_baseline if who == "blue" else comparison.count_canary)(at, part, whole)
    capitals = [comparison.fast.capital.amount, comparison.slow.capital.amount]
    assert capitals == pytest.approx(naively(events, steps), rel=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_the_level_is_what_its_windows_hold(seed: int) -> None:
    dice, level, samples = random.Random(seed), BaselineLevel(1800.0, (60.0, 300.0), 200.0), []
    for n in range(400):
        at = 10.0 * n
        part, whole = dice.randint(0, 3), dice.randint(0, 100) + 3
        level.count(at, part, whole)
        samples.append((at, part, whole))
        past = [(p, w) for t, p, w in samples if at - 1800 < t]
        long = sum(p for p, _ in past) / sum(w for _, w in past)
        assert level.past == pytest.approx(long)
        expected = max(long, (part + 200 * long) / (whole + 200), ratio_beyond_chance(part, whole))
        for reach in (60.0, 300.0):
            near = [(p, w) for t, p, w in samples if at - reach < t]
            expected = max(
                expected, ratio_beyond_chance(sum(p for p, _ in near), sum(w for _, w in near))
            )
        assert level.now(part, whole) == pytest.approx(expected)


def scrape(at: float, value: float, started: float | None = 1.0, bad: float = 0.0) -> Scrape:
    return Scrape(at, "green", "g", started, {'n{s="200"}': value, 'n{s="500"}': bad})


def fed(
    *scrapes: Scrape, young: bool = False, fall_is_restart: bool = False
) -> list[list[float] | None]:
    selectors = [parse_selector('n{s="500"}'), parse_selector("n")]
    rises = CounterIncreases(selectors, fall_is_restart=fall_is_restart)
    return [rises.add_scrape(scrape, counts_from_zero=young) for scrape in scrapes]


def test_what_rises_is_counted_across_restarts_and_late_series() -> None:
    assert fed(scrape(1, 5), scrape(2, 9, bad=2), scrape(3, 12, bad=2)) == [None, [2, 6], [0, 3]]
    unknown = scrape(1, 50, started=None), scrape(2, 3, started=None)
    assert fed(*unknown, fall_is_restart=True) == [None, [0, 3]]
    assert fed(scrape(1, 5), scrape(2, 7, started=2.5)) == [None, [0, 7]]
    assert fed(scrape(1, 5), scrape(20, 7, started=100.0)) == [None, None]
    assert fed(scrape(1, 5), young=True) == [[0, 5]]
    # When any counter falls, all count from zero.
    fallen = scrape(1, 5, None, bad=30), scrape(2, 9, None, bad=1)
    assert fed(*fallen, fall_is_restart=True) == [None, [1, 10]]


def test_a_step_after_a_problem_begins_with_the_next_scrape() -> None:
    """What an instance counted before is not counted again, though its process is young."""
    rises = CounterIncreases([parse_selector("n")])
    assert rises.add_scrape(scrape(15, 900), counts_from_zero=True) == [900]
    assert rises.add_scrape(scrape(30, 100), counts_from_zero=True) is None
    assert "fell from 900 to 100, and its process did not restart" in rises.problem
    rises.begin_step()
    assert rises.problem == ""
    assert rises.add_scrape(scrape(45, 120), counts_from_zero=True) is None
    assert rises.add_scrape(scrape(60, 150), counts_from_zero=True) == [30]


@pytest.mark.parametrize(
    ("values", "counted"),
    [
        ([1000, 999, 1030], 30),  # one sample is a little behind
        ([1000, 999, 998, 997, 1030], 30),
        ([1000, 10, 1030], 30),  # a large dip is left out, and named
    ],
)
def test_a_dip_is_bridged(values: list[float], counted: float) -> None:
    rises = CounterIncreases([parse_selector("n")])
    scrapes = [scrape(15.0 * number, value) for number, value in enumerate(values)]
    sums = [rises.add_scrape(member, counts_from_zero=False) for member in scrapes]
    assert sum(members[0] for members in sums if members) == counted
    assert bool(rises.problem) is (min(values) < 100)


def test_a_small_dip_that_does_not_end_is_named() -> None:
    rises = CounterIncreases([parse_selector("n")])
    for number in range(8):
        at_first = 1000.0 if number == 0 else 996.0
        rises.add_scrape(scrape(15.0 * number, at_first), counts_from_zero=False)
    assert "fell from 1,000 to 996" in rises.problem


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1.0])
def test_what_is_no_count_is_an_error(value: float) -> None:
    with pytest.raises(ValueError, match="is not a count"):
        fed(scrape(1, 5), scrape(2, value))


@pytest.mark.parametrize(
    ("selector", "labels", "holds"),
    [
        ('a{b="c"}', {"__name__": "a", "b": "c"}, True),
        ('a{b="c"}', {"__name__": "a", "b": "d"}, False),
        ('a{b!="c"}', {"__name__": "a"}, True),
        ('a{b=~"x|y"}', {"__name__": "a", "b": "xy"}, False),
        ('a{b=~"x.*"}', {"__name__": "a", "b": "xy"}, True),
        ('a{b!~"/m|/h",c="1"}', {"__name__": "a", "b": "/h", "c": "1"}, False),
        ('{__name__=~"a|b"}', {"__name__": "b"}, True),
        (r'a{b="q\"q"}', {"__name__": "a", "b": 'q"q'}, True),
        ("a", {"__name__": "a", "b": "c"}, True),
        ("a", {"__name__": "ab"}, False),
    ],
)
def test_selectors_mean_what_they_mean_in_prometheus(
    selector: str, labels: dict[str, str], *, holds: bool
) -> None:
    assert parse_selector(selector).matches(labels) is holds


@pytest.mark.parametrize("text", ['a{b="c"', "a{b=c}", 'a{="c"}', 'a{b="c" d="e"}', 'a{b~"c"}'])
def test_what_is_no_selector_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a vector selector"):
        parse_selector(text)


TRIGGER = next(
    objective for objective in RAMP.objectives if isinstance(objective, TriggerObjective)
)


def triggered(points: list[tuple[float, float]], **changes: object) -> RollbackTrigger:
    """A trigger that saw such ratios at such moments, of 100 requests each."""
    judge = RollbackTrigger(replace(TRIGGER, **changes))  # type: ignore[arg-type]
    judge.move(-1.0, 0.1)
    for at, ratio in points:
        judge.count(at, 100 * ratio, 100.0, green=True)
    return judge


def every(seconds: float, ratio: float, begin: float = 0.0) -> list[tuple[float, float]]:
    return [(begin + 15.0 * n, ratio) for n in range(int(seconds / 15) + 1)]


def test_five_minutes_over_five_percent_is_a_rollback() -> None:
    stopped = triggered(every(315, 0.06)).stopped
    assert stopped is not None
    assert stopped.outcome is Outcome.ROLLBACK
    assert 285 <= stopped.at <= 315
    assert triggered(every(270, 0.06)).stopped is None
    assert triggered(every(900, 0.05)).stopped is None


def test_a_gap_neither_resets_nor_counts() -> None:
    trigger = triggered([*every(150, 0.06), *every(120, 0.06, begin=400)])
    assert trigger.over_for == 150 + 120
    assert trigger.stopped is None
    assert triggered([*every(150, 0.06), *every(165, 0.06, begin=400)]).stopped is not None


def test_a_minute_under_the_limit_resets() -> None:
    trigger = triggered(
        [*every(280, 0.06), *every(60, 0.0, begin=295), *every(200, 0.06, begin=370)]
    )
    assert trigger.stopped is None


def test_blue_has_no_say_in_a_trigger() -> None:
    judge = RollbackTrigger(TRIGGER)
    judge.move(-1.0, 0.1)
    for at, ratio in every(315, 0.2):
        judge.count(at, 100 * ratio, 100.0, green=True)
        judge.count(at, 50.0, 100.0, green=False)
    assert judge.stopped is not None


def test_a_ramp_that_failed_before_does_not_stop_the_next() -> None:
    judge = RollbackTrigger(TRIGGER)
    for at, ratio in every(600, 1.0):
        judge.count(at, 100 * ratio, 100.0, green=True)
    judge.move(610.0, 0.1)
    for at, _ in every(300, 0.0, begin=615.0):
        judge.count(at, 0.0, 100.0, green=True)
    assert (judge.stopped, judge.over_for) == (None, 0.0)


def test_too_few_events_are_no_look() -> None:
    assert triggered(every(600, 0.06), minimum_events=1000).stopped is None


def test_a_judge_says_when_it_is_blind() -> None:
    live = LiveJudge([ERRORS], ("green", "blue"), 60.0)
    assert "Prometheus has no sample of green" in live.blindness(0.0)[1]
    for at in range(0, 600, 15):
        values = {'http_requests_total{status="200"}': 1.0}
        live.add_scrape(Scrape(at, "green", "g", 1.0, values))
        live.add_scrape(Scrape(at, "blue", "b", 1.0, values))
    assert "no ramp" in live.blindness(600.0)[1]
    live.move(Move(590.0, 0.1))
    assert live.blindness(600.0)[1] == ""
    assert "is 75 s old" in live.blindness(660.0)[1]


def test_instances_that_come_later_are_no_gap() -> None:
    live = LiveJudge([ERRORS], ("green", "blue"), 60.0)
    values = {'http_requests_total{status="200"}': 1.0}
    live.move(Move(0.0, 0.1))
    for at in range(0, 600, 15):
        live.add_scrape(Scrape(at, "blue", "b", 1.0, values))
        for pod in range(1 if at < 400 else 6):
            live.add_scrape(Scrape(at, "green", f"g{pod}", 1.0, values))
    assert live.blindness(600.0)[1] == ""


def test_a_colour_seen_for_less_than_half_of_the_step_is_not_judged() -> None:
    live = LiveJudge([ERRORS], ("green", "blue"), 60.0)
    values = {'http_requests_total{status="200"}': 1.0}
    live.move(Move(0.0, 0.1))
    for at in range(0, 600, 15):
        live.add_scrape(Scrape(at, "blue", "b", 1.0, values))
        if at > 400:
            live.add_scrape(Scrape(at, "green", "g", 1.0, values))
    assert "green has samples for only 180 s of the last 600 s" in live.blindness(600.0)[1]


# A few whole ramps; `make bench-judge` runs hundreds of every kind.
@pytest.mark.parametrize(
    ("group", "kind", "rate"),
    [
        ("healthy", "error 0.3 %", 50),
        ("healthy", "incident of both: 20 % for four minutes", 5),
        ("healthy", "bursts of 3 % for 30 s, separate", 500),
        ("healthy", "20 % of scrapes missing", 50),
        ("hold", "both colours over the limit", 50),
        ("hold", "green's metrics gone", 50),
    ],
)
def test_a_release_that_is_well_is_not_stopped(group: str, kind: str, rate: int) -> None:
    _, stops, wrong = measured(Cell(group, kind, rate, how_many(2, whole=8)))
    assert [stop for stop in stops if stop < float("inf")] == []
    assert wrong == 0


@pytest.mark.parametrize("kind", ["every request fails", "5 % errors", "P95 1 to 6 s"])
def test_a_broken_release_is_stopped_soon(kind: str) -> None:
    ramps = how_many(6, whole=12)
    _, stops, _ = measured(Cell("broken", kind, 50, ramps))
    assert sorted(stops)[ramps // 2] <= BROKEN[kind].within[50][0]
