"""What the checks of the balancer use: the chi-square test, and weights that are put back."""

import random
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from thorough import at_most, runs
from worlds import ROOT

from gates import ledger
from gates.errors import RouterError
from gates.model import Target
from gates.policy import target_file
from gates.ramp.real_world import lock_of
from suites.balancer import borrowed_weights as module
from suites.balancer.borrowed_weights import RefusedMoveError, borrowed_weights
from suites.balancer.goodness_of_fit import chance_of_share

HALF = {"blue": 0.5, "green": 0.5}


# Upper percentiles of chi-square with one degree of freedom: NIST/SEMATECH e-Handbook of
# Statistical Methods, table 1.3.6.7.4. With n requests at 1:1 and d more on one colour, the
# statistic is d² / n.
@pytest.mark.parametrize(
    ("statistic", "chance"),
    [(2.706, 0.10), (3.841, 0.05), (5.024, 0.025), (6.635, 0.01), (10.828, 0.001)],
)
def test_the_chance_is_that_of_the_printed_table(statistic: float, chance: float) -> None:
    total = 1_000_000
    surplus = round((statistic * total) ** 0.5 / 2) * 2
    answers = {"blue": (total + surplus) // 2, "green": (total - surplus) // 2}
    assert chance_of_share(answers, HALF) == pytest.approx(chance, rel=0.01)


def test_the_intended_share_is_no_surprise_and_another_share_is() -> None:
    shares = {"blue": 0.7, "green": 0.3}
    assert chance_of_share({"blue": 210, "green": 90}, shares) == 1
    assert chance_of_share({"blue": 150, "green": 150}, shares) < 1e-12
    assert chance_of_share({"blue": 300, "green": 0}, shares) < 1e-12


def test_a_random_balancer_is_called_wrong_as_often_as_the_limit_says() -> None:
    dice, count, limit = random.Random(20261127), runs(3_000, whole=30_000), 0.01
    shares = {"blue": 0.7, "green": 0.3}
    wrong = 0
    for _ in range(count):
        green = sum(dice.random() < 0.3 for _ in range(300))
        wrong += chance_of_share({"blue": 300 - green, "green": green}, shares) < limit
    assert 0.3 * limit * count < wrong <= at_most(1.2 * limit, count)


@pytest.mark.parametrize(
    ("answers", "shares", "message"),
    [
        ({"blue": 10}, HALF, "expected responses of"),
        ({"blue": 3, "green": 3}, HALF, "6 requests are too few"),
        ({"blue": 50, "green": 50}, {"blue": 0.5, "green": 0.4}, "do not add up to 1"),
        ({"blue": 50, "green": 50}, {"blue": 1.0, "green": 0.0}, "too few"),
        ({"blue": 9, "green": 9, "red": 9}, {"blue": 0.3, "green": 0.3, "red": 0.4}, "expected"),
    ],
)
def test_counts_that_cannot_be_tested_are_refused(
    answers: dict[str, int], shares: dict[str, float], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        chance_of_share(answers, shares)


@dataclass
class MemoryRouter:
    """A router without a balancer."""

    present: dict[str, float] = field(default_factory=lambda: {"blue": 1.0, "green": 0.0})
    moves: list[dict[str, float]] = field(default_factory=list)
    failures: int = 0

    def shares(self) -> Mapping[str, float]:
        return dict(self.present)

    def move(self, shares: Mapping[str, float]) -> None:
        if self.failures:
            self.failures -= 1
            raise RouterError("the balancer is reloading")
        self.moves.append(dict(shares))
        self.present = dict(shares)


@pytest.fixture
def target() -> Target:
    return target_file.load("green", ROOT / "targets")


@pytest.fixture
def router(monkeypatch: pytest.MonkeyPatch) -> MemoryRouter:
    router = MemoryRouter()
    monkeypatch.setattr(module, "router_named", lambda *_: router)
    return router


def test_the_weights_are_put_back(target: Target, router: MemoryRouter, tmp_path: Path) -> None:
    with borrowed_weights(target, tmp_path) as weights:
        assert weights.give(0.3) == {"green": 0.3, "blue": 0.7}
        assert weights.read_back((0.1, 1.0)) == [
            {"green": 0.1, "blue": 0.9},
            {"green": 1.0, "blue": 0.0},
        ]
    assert router.present == {"blue": 1.0, "green": 0.0}


def test_the_weights_are_put_back_after_an_error(
    target: Target, router: MemoryRouter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LATE_SECONDS", 0.1)

    def fail() -> None:
        with borrowed_weights(target, tmp_path) as weights:
            weights.give(0.3)
            router.failures = 2
            raise LookupError

    with pytest.raises(LookupError):
        fail()
    assert router.present == {"blue": 1.0, "green": 0.0}


def test_weights_that_cannot_be_put_back_are_an_error(
    target: Target, router: MemoryRouter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LATE_SECONDS", 0.1)

    def fail() -> None:
        with borrowed_weights(target, tmp_path) as weights:
            weights.give(0.3)
            router.failures = 10**6

    with pytest.raises(RouterError, match="reloading"):
        fail()
    assert router.present == {"green": 0.3, "blue": 0.7}


def test_a_balancer_that_moves_late_is_not_moved_twice(
    target: Target, router: MemoryRouter, tmp_path: Path
) -> None:
    def move_late(shares: Mapping[str, float]) -> None:
        router.moves.append(dict(shares))
        threading.Timer(0.2, router.present.update, [shares]).start()
        raise RouterError("no answer in time")

    with borrowed_weights(target, tmp_path) as weights:
        weights.give(0.3)
        router.move = move_late  # type: ignore[method-assign]
    assert router.moves[1:] == [{"blue": 1.0, "green": 0.0}]
    assert router.present == {"blue": 1.0, "green": 0.0}


def test_no_check_moves_the_traffic_of_production(
    target: Target, router: MemoryRouter, tmp_path: Path
) -> None:
    refused = {
        "production target": replace(target, production=True),
        "names no traffic router": replace(target, router=""),
    }
    for message, other in refused.items():
        with pytest.raises(RefusedMoveError, match=message), borrowed_weights(other, tmp_path):
            pass
    assert router.moves == []


@pytest.mark.parametrize("green", [0.1, 0.5, 0.99])
def test_no_check_moves_traffic_while_both_colours_have_some(
    target: Target, router: MemoryRouter, tmp_path: Path, green: float
) -> None:
    router.present = {"blue": 1 - green, "green": green}
    with (
        pytest.raises(RefusedMoveError, match="a ramp may be under way"),
        borrowed_weights(target, tmp_path),
    ):
        pass
    assert router.moves == []


def test_no_check_moves_traffic_while_a_ramp_holds_the_lock(
    target: Target, router: MemoryRouter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_LOCK_SECONDS", 0.1)
    with (
        ledger.locked(tmp_path, lock_of("green")),
        pytest.raises(RefusedMoveError, match="a ramp of green is under way"),
        borrowed_weights(target, tmp_path),
    ):
        pass
    assert router.moves == []


def test_no_ramp_begins_while_a_check_moves_traffic(
    target: Target, router: MemoryRouter, tmp_path: Path
) -> None:
    lock = lock_of("green")
    with borrowed_weights(target, tmp_path) as weights:
        weights.give(0.3)
        with pytest.raises(BlockingIOError), ledger.locked(tmp_path, lock, wait=False):
            pass
    with ledger.locked(tmp_path, lock, wait=False):
        assert router.present["green"] == 0


def test_an_error_of_a_move_in_the_background_is_raised(
    target: Target, router: MemoryRouter, tmp_path: Path
) -> None:
    threads = threading.active_count()

    def fail() -> None:
        with borrowed_weights(target, tmp_path) as weights:
            router.failures = 1
            with weights.giving(0.5):
                pass

    with pytest.raises(RouterError, match="reloading"):
        fail()
    assert threading.active_count() == threads
