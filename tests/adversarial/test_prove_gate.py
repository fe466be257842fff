"""``make prove-gate``: whatever is done to the evidence of a GO, the command line exits non-zero.

Each case begins in a place where ``gates check`` exits 0, changes one thing, and asks again.
"""

import gzip
import math
import random
from pathlib import Path

import pytest
from doctored_evidence import ANSWERS, LOADS, LOGIN, RULES, SUITES
from doctored_samples import (
    BUILD,
    HOUR,
    REQUESTS,
    SAMPLES,
    STARTS,
    Change,
    failing,
    lost,
    points,
    relabel,
    value,
)
from in_process import gates
from proving import CHECKS, Place, passing
from thorough import THOROUGH

CASES: dict[str, tuple[str, Change]] = {
    **{f"suite: {name}": ("ramp-30", change) for name, change in SUITES.items()},
    **{f"samples: {name}": ("ramp-30", change) for name, change in SAMPLES.items()},
    **{f"answers: {name}": ("ramp-30", change) for name, change in ANSWERS.items()},
    **{f"rules: {name}": ("ramp-30", change) for name, change in RULES.items()},
    **{f"hour: {name}": ("hour-1", change) for name, change in HOUR.items()},
    **{f"load: {name}": ("load-test", change) for name, change in LOADS.items()},
}
# What a case may end with: a decision that is no GO, or an error that cannot be taken for one.
ENDS = {1, 2, 3, 4, 70}


@pytest.mark.parametrize("name", list(CASES) if THOROUGH else list(CASES)[::8])
def test_what_is_lost_aged_forged_or_failing_is_no_go(tmp_path: Path, name: str) -> None:
    stage, change = CASES[name]
    with passing(tmp_path, stage) as place:
        change(place)
        answer = place.ask(stage)
    assert answer.code in ENDS, answer.out + answer.err
    assert not answer.out.startswith("GO")
    assert answer.out or answer.err


# One case of each kind; ``make prove-gate`` runs every case in a process of its own.
AS_PROCESSES = (
    "suite: a failure",
    "samples: NaN for green's requests",
    "answers: Prometheus answers 500",
    pytest.param("answers: Prometheus is slow", marks=pytest.mark.slow),  # prove-gate runs it
    "rules: an empty policy",
    "rules: an unknown option",
    "hour: the cache misses",
    "load: a gap",
)


@pytest.mark.parametrize("name", AS_PROCESSES)
def test_a_process_answers_as_the_command_line_in_this_process(tmp_path: Path, name: str) -> None:
    stage, change = CASES[name]
    with passing(tmp_path, stage) as place:
        change(place)
        answer = place.ask_process(stage)
        here = place.ask(stage)
    assert answer.code == here.code
    assert answer.code in ENDS, answer.out + answer.err
    assert not answer.out.startswith("GO")
    assert answer.out.splitlines()[:1] == here.out.splitlines()[:1]
    assert answer.out or answer.err


def test_a_process_says_go_where_everything_is_well(tmp_path: Path) -> None:
    with passing(tmp_path) as place:
        answer = place.ask_process("ramp-30")
    assert answer.code == 0, answer.out + answer.err


@pytest.mark.parametrize("instances", [1, 3])
def test_the_place_they_begin_in_is_a_go(tmp_path: Path, instances: int) -> None:
    with passing(tmp_path, instances=instances) as place:
        answer = place.ask("ramp-30")
        assert answer.code == 0, answer.out + answer.err
        place.keep_load()
        answer = place.ask("load-test")
        assert answer.code == 0, answer.out + answer.err
    with passing(tmp_path / "hour", "hour-1", instances=instances) as place:
        answer = place.ask("hour-1")
        assert answer.code == 0, answer.out + answer.err


def not_scraped(instance: str) -> Change:
    """Prometheus cannot reach an instance since two minutes, and still knows the instance."""

    def change(place: Place) -> None:
        begin = place.metrics.now - 120
        states = {
            at: float(at < begin)
            for line in place.metrics.named("up", instance=instance)
            for at, _ in line.points
        }
        lost(120, -9, instance=instance)(place)
        for line in place.metrics.named("up", instance=instance):
            line.points = sorted(states.items())

    return change


THREE: dict[str, Change] = {
    "one of three cannot be scraped": not_scraped("green-2:5000"),
    "one of three exports no requests": lambda p: p.metrics.drop(REQUESTS, instance="green-2:5000"),
    "one of three is another build": relabel("version", "5.0.1", BUILD, instance="green-3:5000"),
    "one of three fails": failing(1.0, 300, instance="green-3:5000"),
    "one of three exports NaN": value(math.nan, REQUESTS, instance="green-1:5000"),
    "one of three crashes": points(
        lambda at, _: (at, at - at % 60), STARTS, instance="green-2:5000"
    ),
}


@pytest.mark.parametrize("name", list(THREE))
def test_one_of_three_instances_is_enough_for_no_go(tmp_path: Path, name: str) -> None:
    with passing(tmp_path, instances=3) as place:
        THREE[name](place)
        answer = place.ask("ramp-30")
    assert answer.code in ENDS, answer.out + answer.err


GONE: dict[str, Change] = {
    "an instance left the discovery": lost(120, -9, instance="green-2:5000"),
    "a status that never occurred": lambda p: p.metrics.drop(REQUESTS, slot="green", status="500"),
}


@pytest.mark.parametrize("name", list(GONE))
def test_what_need_not_be_there_does_not_hold(tmp_path: Path, name: str) -> None:
    with passing(tmp_path, instances=3) as place:
        GONE[name](place)
        answer = place.ask("ramp-30")
    assert answer.code == 0, answer.out + answer.err


def test_there_are_at_least_120_cases() -> None:
    assert len(CASES) + len(THREE) >= 120


# The ledger: a decision that was forged there, or whose evidence was, is found.
def test_forged_evidence_of_a_decision_is_found(tmp_path: Path) -> None:
    with passing(tmp_path) as place:
        answer = place.ask("ramp-30")
    entry = answer.out.partition("ledger entry ")[2].split()[0]
    shown = gates("explain", entry, "--out", str(place.out))
    assert shown.code == 0, shown.err
    assert "the decision is the same" in shown.out
    (kept,) = (place.out / "evidence").iterdir()
    raw = gzip.decompress(kept.read_bytes())
    kept.write_bytes(gzip.compress(raw.replace(b'"passed"', b'"failed"', 1)))
    assert gates("explain", entry, "--out", str(place.out)).code == 70


def test_a_forged_ledger_is_found(tmp_path: Path) -> None:
    with passing(tmp_path) as place:
        place.answer = lambda _: (500, b"", 0.0)
        assert place.ask("ramp-30").code == 3
    path = place.out / "ledger.jsonl"
    path.write_text(path.read_text().replace('"hold"', '"go"'))
    assert gates("log", "--verify", "--out", str(place.out)).code == 70


def test_the_cases_are_not_in_an_order_that_matters() -> None:
    names = list(CASES)
    random.Random(6).shuffle(names)
    assert sorted(names) == sorted(CASES)


def test_every_suite_case_is_about_a_check_that_is_asked_for() -> None:
    assert LOGIN in CHECKS
