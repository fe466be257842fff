"""The nightly comparison: steps are found, noise and spikes are not, and the page says which."""

import sqlite3
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Page
from thorough import at_most, runs
from worlds import run

from gates.exitcodes import ExitCode
from nightly.changes import best_split, change_points, slower_since
from nightly.compare import ratio
from nightly.history import Acknowledgement, Figure, History, machine
from nightly.night import judge_nights
from reports import nightly as page

# Annual flow of the Nile at Aswan, 1871 to 1970, 10^8 m3; Cobb, The problem of the Nile:
# conditional solution to a changepoint problem, Biometrika 65 (1978). The change is of 1899.
NILE = [
    1120, 1160, 963, 1210, 1160, 1160, 813, 1230, 1370, 1140, 995, 935, 1110, 994, 1020, 960, 1180,
    799, 958, 1140, 1100, 1210, 1150, 1250, 1260, 1220, 1030, 1100, 774, 840, 874, 694, 940, 833,
    701, 916, 692, 1020, 1050, 969, 831, 726, 456, 824, 702, 1120, 1100, 832, 764, 821, 768, 845,
    864, 862, 698, 845, 744, 796, 1040, 759, 781, 865, 845, 944, 984, 897, 822, 1010, 771, 676,
    649, 846, 812, 742, 801, 1040, 860, 874, 848, 890, 744, 749, 838, 1050, 918, 986, 797, 923,
    975, 815, 1020, 906, 901, 1170, 912, 746, 919, 718, 714, 740,
]  # a list of short values # fmt: skip
# What apache-otava 0.8.0 gives for the best candidate of three stretches of it
# (PairDistanceCalculator.get_candidate_change_point): index and Q.
OTAVA = [
    (slice(0, 100), 28, 4916.590807675146),
    (slice(0, 28), 21, 474.96153846153857),
    (slice(28, 100), 17, 724.4736842105261),
]
LIMITS = {"slower_than_baseline": 0.1, "slower_than_before": 0.05, "least_seconds": 0.02}
TODAY = date(2026, 11, 22)
NIGHTS = 60
SERIES = runs(40, whole=500)
NOISE = 0.05


def strength(first: list[float], second: list[float]) -> float:
    """Q of Matteson and James, straight from the formula: nothing shared with what is tested."""
    many, more = len(first), len(second)
    between = sum(abs(x - y) for x in first for y in second)
    within_first = sum(abs(x - y) for x, y in combinations(first, 2))
    within_second = sum(abs(x - y) for x, y in combinations(second, 2))
    energy = (
        2 * between / (many * more)
        - within_first / (many * (many - 1) / 2)
        - within_second / (more * (more - 1) / 2)
    )
    return many * more / (many + more) * energy


@pytest.mark.parametrize(("stretch", "at", "q"), OTAVA)
def test_the_best_split_of_a_published_series_is_that_of_otava(
    stretch: slice, at: int, q: float
) -> None:
    split = best_split(NILE[stretch])
    assert split is not None
    assert split.at == at
    assert split.strength == pytest.approx(q)


def test_the_best_split_is_the_formula_s() -> None:
    dice = np.random.default_rng(7)
    for _ in range(20):
        values = [float(value) for value in dice.lognormal(size=14)]
        tried = {
            (cut, end): strength(values[:cut], values[cut:end])
            for cut in range(2, 13)
            for end in range(cut + 2, 15)
        }
        split = best_split(values)
        assert split is not None
        assert split.strength == pytest.approx(max(tried.values()))
        assert split.at in {
            cut for (cut, _), q in tried.items() if q == pytest.approx(split.strength)
        }


def test_the_change_of_the_nile_is_found() -> None:
    assert change_points(NILE) == [28]
    assert change_points(NILE[:28]) == []
    assert change_points([1.0, 1.0]) == []


def test_two_changes_are_two() -> None:
    dice = np.random.default_rng(3)
    levels = np.repeat([1.0, 1.4, 1.1], 25)
    assert change_points(list(levels * (1 + 0.05 * dice.standard_normal(75)))) == [
        pytest.approx(25, abs=1),
        pytest.approx(50, abs=1),
    ]


def flat(dice: np.random.Generator) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    return 1 + NOISE * dice.standard_normal(NIGHTS)


def alarmed(values: "np.ndarray[tuple[int], np.dtype[np.float64]]", first: int, last: int) -> bool:
    """Whether some night from first to last says that it got slower."""
    return any(
        slower_since(list(values[: night + 1]), LIMITS["slower_than_before"])
        for night in range(first, last + 1)
    )


def test_steps_are_found_and_noise_is_not() -> None:
    """Sixty nights with 5 % noise: the rates that make an alarm worth reading."""
    dice = np.random.default_rng(2026)
    large = small = wrong = spiky = 0
    for _ in range(SERIES):
        quiet = flat(dice)
        wrong += alarmed(quiet, 0, NIGHTS - 1)
        at = int(dice.integers(30, NIGHTS - 5))
        large += alarmed(np.where(np.arange(NIGHTS) >= at, 1.2, 1.0) * quiet, at, at + 1)
        small += alarmed(np.where(np.arange(NIGHTS) >= at, 1.1, 1.0) * quiet, at, at + 4)
        spikes = 2 * dice.choice(NIGHTS // 2, 2, replace=False)
        quiet[spikes] *= 1 + dice.uniform(0.2, 1.0, 2)
        spiky += alarmed(quiet, 0, NIGHTS - 1)
    assert SERIES - large <= at_most(0.1, SERIES)
    assert SERIES - small <= at_most(0.2, SERIES)
    assert wrong <= at_most(0.05, SERIES)
    assert spiky <= at_most(0.08, SERIES)


def test_a_step_says_since_when_and_how_much() -> None:
    values = [*flat(np.random.default_rng(1))[:40], 1.3, 1.31, 1.29]
    step = slower_since(values, 0.05)
    assert step is not None
    assert step.at in (40, 41)
    assert step.share == pytest.approx(0.3, abs=0.03)
    assert slower_since(values, 0.5) is None
    assert slower_since(values[20:], 0.05) is None  # too few nights to know what is usual


def test_the_interval_of_a_ratio_covers_the_truth() -> None:
    dice = np.random.default_rng(11)
    covered = 0
    for _ in range(200):
        rounds = dice.lognormal(0, 0.05, (30, 1))
        arm = 1.2 * rounds * dice.lognormal(0, 0.4, (30, 10))
        baseline = rounds * dice.lognormal(0, 0.4, (30, 10))
        interval = ratio(arm.tolist(), baseline.tolist(), 0.5)
        covered += interval.at_least <= 1.2 <= interval.at_most
    assert covered >= 0.92 * 200


def test_rounds_that_cannot_be_compared_are_an_error() -> None:
    with pytest.raises(ValueError, match="are not comparable"):
        ratio([[1.0]], [[1.0]], 0.5)
    with pytest.raises(ValueError, match="are not comparable"):
        ratio([[1.0]] * 3, [[1.0]] * 2, 0.5)


def figure(day: int, seconds: float = 0.1, **changes: object) -> Figure:
    content: dict[str, object] = {
        "night": TODAY - timedelta(days=day),
        "operation": "search",
        "quantile": "p95",
        "version": "5.0.0",
        "seconds": seconds,
        "ratio": 1.0,
        "at_least": 0.95,
        "at_most": 1.05,
        "noise": 0.05,
        "run": "r1",
        **changes,
    }
    return Figure(**content)  # type: ignore[arg-type]


def month(*newest: float, version: str = "5.0.1") -> list[Figure]:
    dice = np.random.default_rng(5)
    count = 30 + len(newest)
    old = [figure(count - 1 - at, 0.1 * (1 + 0.05 * dice.standard_normal())) for at in range(30)]
    return old + [
        figure(len(newest) - 1 - at, seconds, version=version) for at, seconds in enumerate(newest)
    ]


def test_a_quiet_month_is_a_sentence_that_says_so() -> None:
    night = judge_nights(month(), [], LIMITS, TODAY)
    assert night.sentence == "Nothing got slower: version 5.0.0, 1 figures."
    assert night.missing == []


def test_a_step_is_named_with_its_night_and_version() -> None:
    night = judge_nights(month(0.13, 0.132), [], LIMITS, TODAY)
    assert "search P95 is" in night.sentence
    assert f"since {TODAY - timedelta(days=1)} (version 5.0.1)" in night.sentence


@pytest.mark.parametrize(
    ("changes", "slower"),
    [
        ({}, False),
        ({"ratio": 1.5, "at_least": 1.3, "at_most": 1.7}, True),
        ({"ratio": 1.5, "at_least": 1.05, "at_most": 2.0}, False),  # within the tolerance
        ({"ratio": 1.5, "at_least": 1.3, "at_most": 1.7, "noise": 0.4}, False),  # within the noise
        (
            {"ratio": 1.5, "at_least": 1.3, "at_most": 1.7, "seconds": 0.03},
            False,
        ),  # nobody feels it
        ({"ratio": 1.5, "at_least": 1.3, "at_most": 1.7, "noise": None}, False),
        ({"ratio": None, "at_least": None, "at_most": None}, False),
    ],
)
def test_the_same_night_s_baseline(changes: dict[str, object], *, slower: bool) -> None:
    night = judge_nights([figure(0, **changes)], [], LIMITS, TODAY)  # type: ignore[arg-type]
    assert bool(night.slower) is slower


def test_what_is_known_is_said_apart_until_its_day(tmp_path: Path) -> None:
    history = History(tmp_path, "machine", "green")
    history.add(month(0.13, 0.132))
    history.acknowledge(Acknowledgement("search", "p95", TODAY, "index is coming", "asha"))
    night = judge_nights(history.figures(), history.acknowledged(TODAY), LIMITS, TODAY)
    assert night.slower == []
    assert len(night.known) == 1
    assert "1 known slowdowns go on" in night.sentence
    later = history.acknowledged(TODAY + timedelta(days=1))
    assert judge_nights(history.figures(), later, LIMITS, TODAY).slower


def test_another_machine_or_target_is_another_history(tmp_path: Path) -> None:
    History(tmp_path, "machine", "green").add(month())
    assert len(History(tmp_path, "machine", "green").figures()) == 30
    assert History(tmp_path, "another", "green").figures() == []
    assert History(tmp_path, "machine", "blue").figures() == []


def test_missing_nights_are_named() -> None:
    nights = [figure(9), figure(5), figure(2)]
    missing = judge_nights(nights, [], LIMITS, TODAY).missing
    assert [(TODAY - day).days for day in missing] == [8, 7, 6, 4, 3, 1, 0]


def written_page(tmp_path: Path, *, operation: str = "search") -> Path:
    history = []
    for number, name in enumerate((operation, "place_order", "show_cart", "list_products")):
        measured = month(*([0.13, 0.132] if number == 0 else [0.1, 0.1]))
        history += [
            replace(measurement, operation=name, quantile=quantile)
            for measurement in measured
            if measurement.night.day != 9
            for quantile in ("p50", "p95")
        ]
    night = judge_nights(sorted(history, key=lambda figure: figure.night), [], LIMITS, TODAY)
    path = tmp_path / "index.html"
    path.write_text(page.html(night.as_page("green", "machine")))
    return path


def errors_on(page_: Page, path: Path, width: int) -> list[str]:
    errors: list[str] = []
    page_.on("console", lambda message: errors.append(message.text))
    page_.on("pageerror", lambda error: errors.append(str(error)))
    page_.on(
        "request",
        lambda request: (
            None if request.url.startswith(("file:", "data:")) else errors.append(request.url)
        ),
    )
    page_.set_viewport_size({"width": width, "height": 900})
    page_.goto(path.as_uri())
    return errors


@pytest.mark.parametrize("width", [1280, 400])
def test_the_page_is_drawn_and_readable(tmp_path: Path, chromium: Browser, width: int) -> None:
    path = written_page(tmp_path)
    page_ = chromium.new_page()
    assert errors_on(page_, path, width) == []
    assert page_.locator("svg[role=img]").count() == 8
    assert page_.locator("svg .dot").count() == 8 * 31
    assert page_.locator("svg .change").count() >= 2
    assert page_.locator("svg .trend").count() == 16  # a missing night parts each line
    assert "The release got slower: search" in page_.locator(".sentence").inner_text()
    assert page_.evaluate("document.documentElement.scrollWidth") <= width
    sizes = page_.locator("svg text").evaluate_all(
        "all => all.map(one => one.getBoundingClientRect().height)"
    )
    assert min(sizes) >= 10
    boxes = page_.locator("svg").evaluate_all(
        "all => all.map(one => one.getBoundingClientRect().width)"
    )
    assert min(boxes) >= 300


def test_names_from_outside_are_text_on_the_page(tmp_path: Path, chromium: Browser) -> None:
    path = written_page(tmp_path, operation="<img src=x onerror=alert(1)>")
    page_ = chromium.new_page()
    assert errors_on(page_, path, 1280) == []
    assert page_.locator("img").count() == 0


def test_without_a_night_nothing_is_said_to_be_well(tmp_path: Path) -> None:
    empty = run("nightly", "report", "--out", str(tmp_path))
    assert (empty.code, empty.out.splitlines()[0]) == (
        ExitCode.HOLD,
        "No night has been measured on this machine.",
    )
    history = History(tmp_path / "history", machine(), "green")
    today = datetime.now(UTC).date()
    history.add([figure(0, night=today - timedelta(days=3))])
    old = run("nightly", "report", "--out", str(tmp_path))
    assert old.code == ExitCode.HOLD
    assert f"nothing was measured since {today - timedelta(days=3)}" in old.out
    history.add([figure(0, night=today)])
    assert run("nightly", "report", "--out", str(tmp_path)).code == ExitCode.GO
    wrong = run("nightly", "acknowledge", "serch", "p95", "--why", "x", "--out", str(tmp_path))
    assert wrong.code == ExitCode.USAGE


def test_a_night_measured_again_loses_nothing(tmp_path: Path) -> None:
    history = History(tmp_path, "machine", "green")
    history.add([figure(0, 0.3, run="r1")])
    history.add([figure(0, 0.1, run="r2")])
    assert [figure.seconds for figure in history.figures()] == [0.1]
    with sqlite3.connect(tmp_path / "nightly.sqlite") as database:
        assert database.execute("SELECT count(*) FROM figures").fetchone() == (2,)
    database.close()
