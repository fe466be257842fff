"""The gate has checks run before a question: what the collector does, and what it leaves undone."""

import re
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from secrets import token_hex

import pytest
from collecting import HandMadeCollector, hand_made
from in_process import gates
from proving import Place, passing
from records import LIMITS, Events, shifted, write
from test_check_triggers import policy_text
from worlds import Done

from gates import ledger
from gates.collector import CheckRequest, CollectionResult, Collector, command
from gates.collector.collection import MAX_KEPT_RUNS
from gates.decisions import judge_again
from gates.evidence import load_runs, suite_runs
from gates.model import Collection, RunState

CHECKS = ("platform.own.totals", "platform.own.stock")
TABLE = """
[objectives.corruption]
kind = "checks"
guide = "6"
checks = "own_integrity"
breach = "rollback"
collected_seconds = 60
max_age_seconds = 300
"""


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Place]:
    """A place in which the gate says GO, but for the checks that the collector must run."""
    with passing(tmp_path) as place:
        text = policy_text(TABLE)
        sets = f'[check_sets]\nown_integrity = ["{CHECKS[0]}", "{CHECKS[1]}"]\n'
        path = tmp_path / "policy.toml"
        path.write_text(text.replace("[check_sets]\n", sets))
        place.policy = path
        yield place


@pytest.fixture
def collector(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> HandMadeCollector:
    return hand_made(tmp_path, monkeypatch)


def integrity_run(place: Place, run_id: str = "c7", **outcomes: str) -> Events:
    named = {name.replace("__", "."): outcome for name, outcome in outcomes.items()}
    return place.run_of(run_id, checks=CHECKS, **named)


def ask(place: Place) -> Done:
    return place.ask("ramp-30")


def test_checks_that_the_collector_ran_are_evidence(
    here: Place, collector: HandMadeCollector
) -> None:
    collector.write("c7", integrity_run(here))
    done = ask(here)
    assert done.code == 0, done.out
    assert len(collector.starts()) == 1
    (entry,) = ledger.entries(here.out)
    _, evidence, _ = judge_again(here.out, decision_entry(entry).document.evidence_digest)
    assert "c7" in [run.run_id for run in evidence.runs]
    assert [collection.problem for collection in evidence.collections] == [""]


def decision_entry(record: ledger.LedgerRecord) -> ledger.DecisionEntry:
    assert isinstance(record.entry, ledger.DecisionEntry)
    return record.entry


def test_the_collector_gets_the_set_and_every_place(
    here: Place, collector: HandMadeCollector
) -> None:
    ask(here)
    (arguments,) = collector.starts()
    options = dict(zip(arguments[::2], arguments[1::2], strict=True))
    assert options == {
        "--target": "green",
        "--targets": str(here.folder / "targets"),
        "--policy": str(here.policy),
        "--runs": str(here.out / "collected"),
        "--out": str(here.out),
        "--set": "own_integrity",
    }


def test_a_failed_check_of_the_collector_is_a_rollback(
    here: Place, collector: HandMadeCollector
) -> None:
    collector.write("c7", integrity_run(here, platform__own__stock="failed"))
    done = ask(here)
    assert done.code == 4, done.out
    assert "platform.own.stock failed in run c7" in done.out


def test_a_collector_that_is_not_installed_is_a_hold(
    here: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "installed_in", lambda: None)
    done = ask(here)
    assert done.code == 3
    assert "the collector is not installed; run: pip install kirana-suites" in done.out


def test_a_collector_that_fails_is_a_hold_with_its_last_words(
    here: Place, collector: HandMadeCollector
) -> None:
    collector.write("c7", integrity_run(here))
    collector.plan(code=2, output="KIRANA_DATABASE_URI is not set")
    done = ask(here)
    assert done.code == 3
    assert "the collector ended with exit code 2: KIRANA_DATABASE_URI is not set" in done.out


def test_a_collector_that_hangs_is_killed_and_is_a_hold(
    here: Place, collector: HandMadeCollector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "MAX_SECONDS", 1.0)
    collector.write("c7", integrity_run(here))
    collector.plan(seconds=60)
    began = time.monotonic()
    done = ask(here)
    assert done.code == 3
    assert "the collector did not end within 1 s" in done.out
    assert time.monotonic() - began < 10
    assert not collector.is_running()


def test_a_hung_collector_does_not_hold_up_another_trigger(
    here: Place, collector: HandMadeCollector
) -> None:
    collector.plan(seconds=60)
    events = integrity_run(here, "c1", platform__own__stock="failed")
    write(here.out / "collected" / "c1" / "checks.jsonl", shifted(events, timedelta(seconds=-90)))
    began = time.monotonic()
    done = ask(here)
    assert (done.code, time.monotonic() - began < command.MAX_SECONDS - 2) == (4, True)
    assert "platform.own.stock failed in run c1" in done.out
    assert not collector.starts() or not collector.is_running()


def test_checks_may_end_some_seconds_after_the_question(
    here: Place, collector: HandMadeCollector
) -> None:
    events = integrity_run(here)
    collector.write("c7", [*events[:2], *shifted(events[2:], timedelta(seconds=7))])
    collector.plan(seconds=7.2)
    assert ask(here).code == 0


def nothing(_: Place, __: HandMadeCollector) -> None:
    """Write no record."""


def unsealed(here: Place, collector: HandMadeCollector) -> None:
    collector.write("c7", integrity_run(here)[:-1])


def wrongly_sealed(here: Place, collector: HandMadeCollector) -> None:
    collector.write("c7", integrity_run(here), seal=False)


def of_another_target(here: Place, collector: HandMadeCollector) -> None:
    collector.write(
        "c7",
        [
            {**event, "target": "blue"} if event["event"] == "started" else event
            for event in integrity_run(here)
        ],
    )


def of_another_build(here: Place, collector: HandMadeCollector) -> None:
    build = {"release": "v4", "version": "4.9.2", "digest": "sha256:" + "c" * 32}
    collector.write(
        "c7",
        [{**event, "build": build} if "build" in event else event for event in integrity_run(here)],
    )


def by_other_limits(here: Place, collector: HandMadeCollector) -> None:
    collector.write(
        "c7",
        [
            {**event, "limits": "0" * 64} if event["event"] == "started" else event
            for event in integrity_run(here)
        ],
    )


def without_a_check(here: Place, collector: HandMadeCollector) -> None:
    collector.write("c7", here.run_of("c7", checks=CHECKS[:1]))


def of_long_ago(here: Place, collector: HandMadeCollector) -> None:
    collector.write("c7", shifted(integrity_run(here), timedelta(seconds=-400)))


def of_the_future(here: Place, collector: HandMadeCollector) -> None:
    collector.write("c7", shifted(integrity_run(here), timedelta(seconds=400)))


def skipped(here: Place, collector: HandMadeCollector) -> None:
    collector.write("c7", integrity_run(here, platform__own__stock="skipped"))


@pytest.mark.parametrize(
    "forge",
    [
        nothing,
        unsealed,
        wrongly_sealed,
        of_another_target,
        of_another_build,
        by_other_limits,
        without_a_check,
        of_long_ago,
        of_the_future,
        skipped,
    ],
)
def test_no_other_record_is_a_go(
    here: Place, collector: HandMadeCollector, forge: Callable[[Place, HandMadeCollector], None]
) -> None:
    forge(here, collector)
    assert ask(here).code == 3


def test_a_run_that_is_too_old_when_it_ends_is_named_with_its_age(
    here: Place, collector: HandMadeCollector
) -> None:
    of_long_ago(here, collector)
    (collection,) = collect(collector_of(here)).collections
    assert re.search(r"\(the newest began 40\d s ago\).*at most \d+ s ago", collection.problem)
    assert collection.problem.endswith("with the limits of the policy")


def test_an_older_pass_does_not_help_where_the_collector_fails(
    here: Place, collector: HandMadeCollector
) -> None:
    path = here.out / "collected" / "c1" / "checks.jsonl"
    write(path, shifted(integrity_run(here, "c1"), timedelta(seconds=-90)))
    collector.plan(code=1)
    assert ask(here).code == 3


@pytest.mark.parametrize("folder", ["collected", "runs"])
def test_a_young_run_is_not_repeated(
    here: Place, collector: HandMadeCollector, folder: str
) -> None:
    write(here.out / folder / "c1" / "checks.jsonl", integrity_run(here, "c1"))
    assert ask(here).code == 0
    assert collector.starts() == []


def test_a_young_failure_is_not_repeated(here: Place, collector: HandMadeCollector) -> None:
    events = integrity_run(here, "c1", platform__own__stock="failed")
    write(here.out / "collected" / "c1" / "checks.jsonl", events)
    assert ask(here).code == 4
    assert collector.starts() == []


def test_explain_starts_no_collector(here: Place, collector: HandMadeCollector) -> None:
    collector.plan(code=1)
    ask(here)
    (entry,) = ledger.entries(here.out)
    done = gates("explain", entry.entry_id, "--out", str(here.out))
    assert "judged again from its evidence, the decision is the same" in done.out
    assert len(collector.starts()) == 1


def test_a_stage_without_such_checks_starts_no_collector(
    here: Place, collector: HandMadeCollector
) -> None:
    assert here.ask("green-ready").code == 0
    assert collector.starts() == []


def collector_of(place: Place) -> Collector:
    return Collector(place.target, place.policy, place.folder / "targets", place.out)


def collect(running: Collector) -> CollectionResult:
    return running.collect([REQUEST], (), threading.Event())


REQUEST = CheckRequest("own_integrity", frozenset(CHECKS), timedelta(seconds=60), limits=LIMITS)


def test_two_questions_at_once_start_one_collector(
    here: Place, collector: HandMadeCollector
) -> None:
    collector.plan(seconds=0.5)
    collector.write("c7", integrity_run(here))
    answers: list[CollectionResult] = []
    threads = [
        threading.Thread(target=lambda: answers.append(collect(collector_of(here))))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(collector.starts()) == 1
    assert [sorted(run.run_id for run in answer.runs) for answer in answers] == [["c1", "c7"]] * 2
    assert [answer.collections[0].problem for answer in answers] == ["", ""]


def test_a_question_waits_for_another_collector_for_a_limited_time(
    here: Place, collector: HandMadeCollector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "MAX_SECONDS", 0.3)
    here.out.mkdir(exist_ok=True)
    with ledger.locked(here.out, "collect-green-own_integrity.lock"):
        collected = collect(collector_of(here))
    assert collected.collections[0].problem == (
        "another process runs these checks for the gate, and did not end within the time limit"
    )
    assert ([run.run_id for run in collected.runs], collector.starts()) == (["c1"], [])


def test_a_failed_collector_is_not_started_again_at_once(
    here: Place, collector: HandMadeCollector
) -> None:
    collector.plan(code=1)
    running = collector_of(here)
    assert collect(running).collections == collect(running).collections
    assert len(collector.starts()) == 1


def test_only_the_newest_runs_are_kept(here: Place, collector: HandMadeCollector) -> None:
    folder = here.out / "collected"
    for number in range(MAX_KEPT_RUNS + 5):
        (folder / f"20261101-{number:06d}").mkdir(parents=True)
    collector.write("20261127-000000", integrity_run(here, "20261127-000000"))
    collect(collector_of(here))
    names = sorted(path.name for path in folder.iterdir() if path.name[0] == "2")
    assert len(names) <= MAX_KEPT_RUNS
    assert names[-1] == "20261127-000000"


def test_the_collector_is_found_beside_the_gate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "MODULE", "no_such_package.collector")
    assert command.installed_in() is None
    monkeypatch.setattr(command, "MODULE", "gates.collector")
    assert command.installed_in() is None  # a module of this name is not the command


def test_watch_ends_with_a_rollback_where_the_collector_finds_a_violation(
    here: Place, collector: HandMadeCollector
) -> None:
    collector.write("c7", integrity_run(here, platform__own__stock="failed"))
    done = gates(*watch(here))
    assert done.code == 4, done.out + done.err


def test_a_watch_without_a_collector_is_blind(here: Place, collector: HandMadeCollector) -> None:
    collector.plan(code=1)
    done = gates(*watch(here))
    assert done.code == 3, done.out + done.err
    collector.plan()
    collector.write("c7", integrity_run(here))
    assert gates(*watch(here)).code == 0


def watch(place: Place) -> tuple[str, ...]:
    blue = (place.folder / "targets" / "green.toml").read_text()
    for old, new in (
        ('name = "green"', 'name = "blue"'),
        ('deployment = "green"', 'deployment = "blue"'),
        ('slot = "green"\nbaseline_slot = "blue"', 'slot = "blue"\nbaseline_slot = "green"'),
    ):
        blue = blue.replace(old, new)
    (place.folder / "targets" / "blue.toml").write_text(blue)
    return (
        "watch",
        "--target",
        "green",
        "--targets",
        str(place.folder / "targets"),
        "--out",
        str(place.out),
        "--policy",
        str(place.policy),
        "--for",
        "100ms",
    )


def begun(events: Events, **changes: object) -> Events:
    """The same run with another first event."""
    return [{**events[0], **changes}, *events[1:]]


def in_an_hour(events: Events) -> Events:
    return shifted(events, timedelta(hours=1))


def of_another_target_file(events: Events) -> Events:
    return begun(events, target_digest="0" * 64)


def judged_by_other_limits(events: Events) -> Events:
    return begun(events, limits="0" * 64)


def without_a_build(events: Events) -> Events:
    return begun(events, build=None)


def of_newer_violations_only(events: Events) -> Events:
    return begun(events, since=events[0]["at"])


@pytest.mark.parametrize(
    "change",
    [
        in_an_hour,
        of_another_target_file,
        judged_by_other_limits,
        without_a_build,
        of_newer_violations_only,
    ],
)
def test_a_run_that_cannot_be_evidence_does_not_prevent_a_collection(
    here: Place, collector: HandMadeCollector, change: Callable[[Events], Events]
) -> None:
    write(here.out / "collected" / "c1" / "checks.jsonl", change(integrity_run(here, "c1")))
    collector.write("c7", integrity_run(here, platform__own__stock="failed"))
    done = ask(here)
    assert len(collector.starts()) == 1
    assert done.code == 4, done.out


def test_an_attempt_from_before_the_clock_was_set_back_is_repeated(
    here: Place, collector: HandMadeCollector
) -> None:
    running = collector_of(here)
    later = datetime.now(UTC) + timedelta(hours=1)
    running.attempts["own_integrity"] = Collection("own_integrity", later, later, "no answer")
    collector.write("c7", integrity_run(here))
    assert [attempt.problem for attempt in collect(running).collections] == [""]


def test_runs_with_later_names_do_not_remove_a_new_run(
    here: Place, collector: HandMadeCollector
) -> None:
    for number in range(MAX_KEPT_RUNS + 5):
        (here.out / "collected" / f"z{number}").mkdir(parents=True)
    collector.write("c7", integrity_run(here))
    assert [attempt.problem for attempt in collect(collector_of(here)).collections] == [""]


def test_the_output_of_a_collector_shows_no_secret(
    here: Place, collector: HandMadeCollector
) -> None:
    password = token_hex(8)
    address = f"mongodb://store:{password}@127.0.0.1/store"
    here.variables = {**here.variables, "KIRANA_DATABASE_URI": address}
    collector.plan(code=70, output=f"internal error: cannot use {address}")
    done = ask(here)
    assert "internal error: cannot use ***" in done.out
    assert password not in done.out


def a_file(folder: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.write_text("no folder")


def a_link_to_nothing(folder: Path) -> None:
    """As where a disk is not mounted."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.symlink_to("/nowhere/runs")


def a_link_to_itself(folder: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.symlink_to(folder)


@pytest.mark.parametrize("place_of_runs", ["runs", "collected"])
@pytest.mark.parametrize("replace_by", [a_file, a_link_to_nothing, a_link_to_itself])
def test_a_folder_of_runs_that_cannot_be_read_is_a_hold(
    here: Place,
    collector: HandMadeCollector,
    place_of_runs: str,
    replace_by: Callable[[Path], None],
) -> None:
    folder = here.out / place_of_runs
    if folder.exists():
        folder.rename(here.out / "elsewhere")
    replace_by(folder)
    collector.write("c7", integrity_run(here))
    done = ask(here)
    assert (done.code, done.err) == (3, "")
    assert f"run {place_of_runs} is damaged" in done.out
    assert "the folder of runs cannot be read" in done.out


def test_a_folder_that_no_user_may_read_is_a_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: object) -> list[str]:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("gates.evidence.run_folder.os.scandir", refuse)
    (run,) = suite_runs.read_runs(tmp_path, "")
    (load,) = load_runs.read_loads(tmp_path, "")
    assert run.state is load.state is RunState.DAMAGED
    assert "cannot be read: Permission denied" in run.problem
