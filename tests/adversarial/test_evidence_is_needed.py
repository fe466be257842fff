"""Whatever happens to the evidence of a passed run, the gate no longer says GO."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from records import Events, Records, shifted
from worlds import TestWorld

CHECK = "smoke.login"


def with_started(**changes: object) -> Callable[[Events], Events]:
    return lambda events: [{**events[0], **changes}, *events[1:]]


def with_result(**changes: object) -> Callable[[Events], Events]:
    return lambda events: [
        {**event, **changes} if event.get("id") == CHECK else event for event in events
    ]


def without_result(events: Events) -> Events:
    return [event for event in events if event.get("id") != CHECK]


def never_collected(events: Events) -> Events:
    kept = without_result(events)
    kept[1] = {**kept[1], "checks": [check for check in kept[1]["checks"] if check != CHECK]}
    return kept


def failed_then_passed(events: Events) -> Events:
    position = next(index for index, event in enumerate(events) if event.get("id") == CHECK)
    failed = {**events[position], "outcome": "failed", "message": "first try"}
    return [*events[:position], failed, *events[position:]]


def twice(events: Events) -> Events:
    return [twin for event in events for twin in ([event] * (2 if event.get("id") == CHECK else 1))]


def other_build(events: Events) -> Events:
    build = {**events[0]["build"], "version": "5.0.1"}
    return [{**event, **({"build": build} if "build" in event else {})} for event in events]


def build_changed_under_way(events: Events) -> Events:
    return [*events[:-1], {**events[-1], "build": {**events[-1]["build"], "version": "5.0.1"}}]


def test_a_whole_passed_run_is_a_go(world: TestWorld, passed_out: Path, records: Records) -> None:
    records.copy(passed_out)
    answer = world.gates(records.out, "green-ready")
    assert (answer.code, answer.out.split()[0]) == (0, "GO")


DOCTORED: dict[str, tuple[Callable[[Events], Events], int, str]] = {
    "older than its limit": (lambda events: shifted(events, timedelta(hours=-2)), 3, "maximum age"),
    "from the future": (lambda events: shifted(events, timedelta(hours=2)), 3, "in the future"),
    "of blue": (with_started(target="blue"), 3, "no run on green includes"),
    "of another address": (with_started(base_url="http://127.0.0.1:1"), 3, "no run on green"),
    "of another target file": (with_started(target_digest="0"), 3, "target file was changed"),
    "of another version": (other_build, 3, "is served now"),
    "of a build nobody knows": (with_started(build=None), 3, "is unknown"),
    "with another build at its end": (build_changed_under_way, 3, "changed while"),
    "without one result": (without_result, 3, "has no result of the check"),
    "never about that check": (never_collected, 3, "no run on green includes"),
    "with a failure": (with_result(outcome="failed"), 1, "failed in run"),
    "with an error": (with_result(outcome="error"), 1, "error in run"),
    "with a skip": (with_result(outcome="skipped"), 3, "was skipped"),
    "with an expected failure": (with_result(outcome="xfailed"), 3, "was xfailed"),
    "with an unexpected pass": (with_result(outcome="xpassed"), 3, "was xpassed"),
    "not applicable": (with_result(outcome="not_applicable"), 3, "was not applicable"),
    "inconclusive": (with_result(outcome="inconclusive"), 3, "was inconclusive"),
    "with an outcome nobody knows": (with_result(outcome="PASSED"), 3, "damaged"),
    "failed, then passed": (failed_then_passed, 1, "a retry does not undo a failure"),
    "passed twice": (twice, 3, "was reported twice"),
    "without its end": (lambda events: events[:-1], 3, "has not finished"),
    "only begun": (lambda events: events[:1], 3, "has not finished"),
    "with no line at all": (lambda _: [], 3, "damaged"),
    "with a line after its end": (lambda events: [*events, events[-2]], 3, "damaged"),
    "of another run": (with_started(run="20200101-000000-0000"), 3, "damaged"),
    "of another schema": (with_started(schema=2), 3, "damaged"),
    "with a time without zone": (with_result(at="2026-11-22T10:00:00"), 3, "damaged"),
    "with a result before its run": (with_result(at="2026-01-01T10:00:00+00:00"), 3, "maximum age"),
}


@pytest.mark.parametrize("what", DOCTORED)
def test_doctored_evidence_is_no_go(
    world: TestWorld, passed_out: Path, records: Records, what: str
) -> None:
    change, code, sentence = DOCTORED[what]
    records.copy(passed_out)
    records.doctor(change)
    answer = world.gates(records.out, "green-ready")
    assert answer.code == code, answer.out
    assert sentence in answer.out


def test_deleted_evidence_is_a_hold(world: TestWorld, tmp_path: Path) -> None:
    answer = world.gates(tmp_path, "green-ready")
    assert answer.code == 3
    assert "no run on green includes smoke.health" in answer.out
    assert "next: pytest -m smoke --target green" in answer.out


@pytest.mark.parametrize("share", [0.0, 0.25, 0.5, 0.75, 0.999])
def test_evidence_cut_anywhere_is_a_hold(
    world: TestWorld, passed_out: Path, records: Records, share: float
) -> None:
    records.copy(passed_out)
    raw = records.path.read_bytes()
    records.path.write_bytes(raw[: int(len(raw) * share)])
    assert world.gates(records.out, "green-ready").code == 3


def test_a_damaged_newer_run_is_not_believed_about_what_it_left_out(
    world: TestWorld, passed_out: Path, records: Records
) -> None:
    records.copy(passed_out)
    newer = records.out / "runs" / "zz-newer" / "checks.jsonl"
    newer.parent.mkdir()
    events = with_started(run="zz-newer")(with_result(outcome="failed")(records.events()))
    events[1] = {**events[1], "checks": ["smoke.logim"]}
    newer.write_text("".join(json.dumps(event) + "\n" for event in events))
    answer = world.gates(records.out, "green-ready")
    assert answer.code == 3
    assert "damaged" in answer.out


def test_a_blank_key_is_a_mistake(world: TestWorld, passed_out: Path) -> None:
    answer = world.gates(passed_out, "green-ready", KIRANA_EVIDENCE_KEY="")
    assert (answer.code, "KIRANA_EVIDENCE_KEY is blank" in answer.err) == (2, True)


def test_too_many_runs_are_a_hold(world: TestWorld, passed_out: Path, records: Records) -> None:
    records.copy(passed_out)
    for number in range(1000):
        (records.out / "runs" / f"a-{number}").mkdir()
    answer = world.gates(records.out, "green-ready")
    assert (answer.code, "move old run folders away" in answer.out) == (3, True)


def test_a_changed_line_breaks_the_seal(
    world: TestWorld, passed_out: Path, records: Records
) -> None:
    records.copy(passed_out)
    records.doctor(with_result(seconds=0.5), seal=False)
    answer = world.gates(records.out, "green-ready")
    assert answer.code == 3
    assert "changed after it was written" in answer.out


def test_with_a_key_unsigned_evidence_is_refused(
    world: TestWorld, passed_out: Path, records: Records
) -> None:
    records.copy(passed_out)
    answer = world.gates(records.out, "green-ready", KIRANA_EVIDENCE_KEY="secret")
    assert answer.code == 3
    assert "the record has no signature" in answer.out


@pytest.mark.slow  # proof-suites runs it
def test_with_a_key_signed_evidence_counts_and_forged_does_not(
    world: TestWorld, records: Records
) -> None:
    key = {"KIRANA_EVIDENCE_KEY": "the nightly key"}
    assert world.pytest(records.out, "-m", "smoke", "-q", **key).code == 0
    assert world.gates(records.out, "green-ready", **key).code == 0
    records.doctor(with_result(seconds=0.5))
    assert world.gates(records.out, "green-ready", **key).code == 3


def test_an_older_pass_does_not_hide_a_newer_failure(
    world: TestWorld, passed_out: Path, records: Records
) -> None:
    records.copy(passed_out)
    newer = records.out / "runs" / "zz-newer" / "checks.jsonl"
    newer.parent.mkdir()
    events = shifted(with_result(outcome="failed")(records.events()), timedelta(seconds=1))
    events = with_started(run="zz-newer")(events)
    newer.write_text("".join(json.dumps(event) + "\n" for event in events[:-1]))
    answer = world.gates(records.out, "green-ready")
    assert answer.code == 1
    assert "smoke.login failed in run zz-newer" in answer.out


def test_an_older_pass_does_not_fill_what_a_newer_aborted_run_left_out(
    world: TestWorld, passed_out: Path, records: Records
) -> None:
    records.copy(passed_out)
    newer = records.out / "runs" / "zz-newer" / "checks.jsonl"
    newer.parent.mkdir()
    now = datetime.now(UTC).isoformat()
    event = {**records.events()[0], "run": "zz-newer", "at": now}
    newer.write_text(json.dumps(event) + "\n")
    answer = world.gates(records.out, "green-ready")
    assert answer.code == 3
    assert "run zz-newer has not finished" in answer.out


@pytest.mark.slow  # proof-suites runs it
def test_evidence_may_come_from_several_runs(
    world: TestWorld, passed_out: Path, records: Records
) -> None:
    records.copy(passed_out)
    assert world.pytest(records.out, "-m", "smoke", "-q", "--check", CHECK).code == 0
    assert world.gates(records.out, "green-ready").code == 0
