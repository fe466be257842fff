"""What was seen cannot be unseen: runs that a decision named and that are gone, and stray lines."""

import json
import shutil
from pathlib import Path

import pytest
from in_process import gates
from proving import Place, passing
from records import Events

from gates import ledger

LOGIN = "smoke.login"


def failed(place: Place, run_id: str) -> Events:
    return place.run_of(run_id, **{LOGIN: "failed"})


def test_a_failed_run_that_is_taken_away_is_a_hold(tmp_path: Path) -> None:
    with passing(tmp_path) as place:
        place.keep_run(failed(place, "r2"), "r2")
        assert place.ask("green-ready").code == 1
        shutil.rmtree(place.out / "runs" / "r2")
        answer = place.ask("green-ready")
    assert answer.code == 3, answer.out
    assert "smoke.login failed in run r2: run r2 is gone; decision" in answer.out
    assert "is gone" in answer.out


def test_a_failed_run_that_is_forged_later_is_a_hold(tmp_path: Path) -> None:
    with passing(tmp_path) as place:
        place.keep_run(failed(place, "r2"), "r2")
        assert place.ask("green-ready").code == 1
        place.keep_run(place.run_of("r2"), "r2")
        answer = place.ask("green-ready")
    assert answer.code == 3, answer.out
    assert "was changed" in answer.out


def test_a_newer_complete_run_stands_for_the_lost_one_and_names_the_failure(
    tmp_path: Path,
) -> None:
    with passing(tmp_path) as place:
        place.keep_run(failed(place, "r2"), "r2")
        assert place.ask("green-ready").code == 1
        shutil.rmtree(place.out / "runs" / "r2")
        place.keep_run(place.run_of("r3"), "r3")
        answer = place.ask("green-ready")
    assert answer.code == 0, answer.out
    assert "on the same build, the check failed earlier in run r2" in answer.out


def test_a_rerun_after_a_failure_is_named_while_the_failed_run_is_there(tmp_path: Path) -> None:
    with passing(tmp_path) as place:
        place.keep_run(failed(place, "r2"), "r2")
        place.keep_run(place.run_of("r3"), "r3")
        answer = place.ask("green-ready")
    assert answer.code == 0, answer.out
    assert "on the same build, the check failed earlier in run r2" in answer.out


def test_a_passed_run_that_is_taken_away_is_missed_too(tmp_path: Path) -> None:
    with passing(tmp_path) as place:
        assert place.ask("green-ready").code == 0
        shutil.rmtree(place.out / "runs" / "r1")
        answer = place.ask("green-ready")
    assert answer.code == 3
    assert answer.out.count("UNSURE") == 1, answer.out


def test_a_run_that_was_judged_before_its_end_may_grow(tmp_path: Path) -> None:
    with passing(tmp_path) as place:
        path = place.out / "runs" / "r1" / "checks.jsonl"
        whole = path.read_bytes()
        path.write_bytes(b"".join(whole.splitlines(keepends=True)[:5]))
        assert place.ask("green-ready").code == 3
        path.write_bytes(whole)
        answer = place.ask("green-ready")
    assert answer.code == 0, answer.out


def test_an_aborted_run_is_one_finding(tmp_path: Path) -> None:
    with passing(tmp_path) as place:
        path = place.out / "runs" / "r1" / "checks.jsonl"
        path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:2]))
        answer = place.ask("green-ready")
    assert answer.code == 3
    assert answer.out.count("UNSURE") == 1, answer.out
    assert "run r1 has not finished" in answer.out
    assert "the reason affects 17 checks" in answer.out


def test_a_load_run_that_is_taken_away_is_a_hold(tmp_path: Path) -> None:
    with passing(tmp_path) as place:
        path = place.keep_load()
        assert place.ask("load-test").code == 0
        shutil.rmtree(path.parent)
        answer = place.ask("load-test")
    assert answer.code == 3, answer.out
    assert "is gone" in answer.out


@pytest.mark.parametrize("stray", ["\n", "what is this\n", '{"entry": {}}\n', "null\n"])
def test_a_stray_line_of_the_ledger_is_said_and_hides_nothing(tmp_path: Path, stray: str) -> None:
    with passing(tmp_path) as place:
        assert place.ask("green-ready").code == 0
        with (place.out / ledger.FILE).open("a") as file:
            file.write(stray)
        answer = place.ask("green-ready")
        assert answer.code == 0, answer.out
        assert "WARNING: the ledger" in answer.out
        assert "line 2 is not a ledger entry" in answer.out
        logged = gates("log", "--out", str(place.out))
        assert logged.out.count("go  green-ready") == 2
        assert "line 2 is not a ledger entry" in logged.err
        assert gates("log", "--verify", "--out", str(place.out)).code == 70


def test_a_damaged_line_does_not_hide_the_run_a_later_one_named(tmp_path: Path) -> None:
    with passing(tmp_path) as place:
        assert place.ask("green-ready").code == 0
        with (place.out / ledger.FILE).open("a") as file:
            file.write("stray\n")
        place.keep_run(failed(place, "r2"), "r2")
        assert place.ask("green-ready").code == 1
        shutil.rmtree(place.out / "runs" / "r2")
        assert place.ask("green-ready").code == 3


def test_a_decision_names_its_runs_and_its_policy(tmp_path: Path) -> None:
    with passing(tmp_path) as place:
        place.options = ("--json",)
        content = json.loads(place.ask("green-ready").out)
    assert [run["run"] for run in content["runs"]] == ["r1"]
    assert LOGIN in content["runs"][0]["subjects"]
    assert content["policy"] == {"file": str(place.policy), "installed": True}
