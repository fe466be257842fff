"""P95 against a limit: how often the answer is wrong, by simulation, and what is no sample."""

import math
import random
from collections.abc import Callable
from statistics import NormalDist

import pytest
from thorough import at_most, runs

from suites.client import Answer
from suites.performance.timing import LOOKS, WARM_UP, p95_problem
from suites.problem import Problem

LIMIT = 0.5
RUNS = runs(60, whole=400)
Z95 = NormalDist().inv_cdf(0.95)


def lognormal(dice: random.Random, p95: float, sigma: float = 0.5) -> float:
    return math.exp(dice.gauss(math.log(p95) - sigma * Z95, sigma))


def two_modes(dice: random.Random, p95: float) -> float:
    """Mostly quick, now and then slow: nine in a hundred, so that P95 is within the slow ones."""
    slow = p95 * (0.5 + 0.5 * dice.random() / (4 / 9))
    return slow if dice.random() < 0.09 else 0.1 * p95


SHAPES: dict[str, Callable[[random.Random, float], float]] = {
    "lognormal": lognormal,
    "two modes": two_modes,
}


def answer_of(problem: Problem | None) -> str:
    """``over``, ``inconclusive``, or nothing without a problem."""
    if problem is None:
        return ""
    return "inconclusive" if problem.is_inconclusive else "over"


def answers(shape: str, p95: float, seed: int) -> list[str]:
    """What is said in so many runs: ``over``, ``inconclusive`` or nothing."""
    dice = random.Random(f"{shape}{p95}{seed}")
    said = []
    for _ in range(RUNS):
        problem = p95_problem(
            lambda _: Answer(200, None, {}, SHAPES[shape](dice, p95)), limit=LIMIT
        )
        said.append(answer_of(problem))
    return said


def test_the_shapes_have_the_p95_they_say() -> None:
    dice = random.Random(1)
    for shape in SHAPES.values():
        drawn = sorted(shape(dice, 1.0) for _ in range(100_000))
        assert drawn[95_000] == pytest.approx(1.0, rel=0.02)


@pytest.mark.parametrize("shape", SHAPES)
def test_wrong_answers_are_rare_at_the_limit_itself(shape: str) -> None:
    """With P95 exactly at the limit no pass is right, and hardly a hair under it no failure is."""
    said = answers(shape, LIMIT, 1)
    assert said.count("") <= at_most(0.05, RUNS)
    said = answers(shape, LIMIT * 0.999, 2)
    assert said.count("over") <= at_most(0.05, RUNS)


@pytest.mark.parametrize("share", [0.98, 1.02])
@pytest.mark.parametrize("shape", SHAPES)
def test_within_two_percent_the_answer_is_unsure_or_right(shape: str, share: float) -> None:
    wrong = answers(shape, LIMIT * share, 3).count("over" if share < 1 else "")
    assert wrong <= at_most(0.05, RUNS)


@pytest.mark.parametrize("shape", SHAPES)
def test_what_is_far_off_is_told(shape: str) -> None:
    assert answers(shape, LIMIT * 0.5, 4).count("") >= 0.99 * RUNS
    said = answers(shape, LIMIT * 2, 5)
    assert said.count("") == 0
    assert said.count("over") >= (0.99 if shape == "lognormal" else 0.85) * RUNS


def test_the_warm_up_is_discarded_and_the_budget_is_kept() -> None:
    numbers: list[int] = []

    def act(number: int) -> Answer:
        numbers.append(number)
        return Answer(200, None, {}, 60.0 if number < 0 else 0.001)

    assert p95_problem(act, limit=LIMIT) is None
    assert len(numbers) == WARM_UP + LOOKS[1]
    dice = random.Random(1)
    numbers.clear()

    def unsure(number: int) -> Answer:
        numbers.append(number)
        return Answer(200, None, {}, lognormal(dice, LIMIT))

    assert answer_of(p95_problem(unsure, limit=LIMIT)) == "inconclusive"
    assert len(numbers) == WARM_UP + LOOKS[-1]


def test_a_wrong_answer_is_a_failure_and_no_sample() -> None:
    def wrong(number: int) -> Answer:
        if number == 3:
            raise AssertionError("expected status 200, got 404")
        return Answer(200, None, {}, 0.001)

    with pytest.raises(AssertionError, match="got 404"):
        p95_problem(wrong, limit=LIMIT)
