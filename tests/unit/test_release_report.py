"""The release report says what the ledger, the kept evidence and the runs say."""

import shlex
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from in_process import gates
from proving import CHECKS, Place, passing
from worlds import ROOT

from gates import ledger
from gates.decision_document import of_decision
from gates.evidence.suite_runs import check_seconds
from gates.exitcodes import ExitCode
from gates.ledger import (
    DecisionEntry,
    LedgerEntry,
    MoveEntry,
    RampEndEntry,
    RampEnding,
    RampRollbackEntry,
    RampStartEntry,
    RollbackEntry,
)
from gates.model import (
    Advisory,
    Decision,
    Finding,
    Measured,
    Measurement,
    Outcome,
    Part,
    Sample,
    Series,
    Verdict,
)
from gates.policy import policy_file
from gates.release_report import ReportInput, announce, page_of, write
from gates.release_report.answer_summary import summary_of
from gates.release_report.finding_rows import MAX_FINDINGS, findings_of
from gates.release_report.ramp_timeline import share_now
from gates.release_report.ratio_series import _bad, _point, _rises
from gates.release_report.report_input import moment_text
from reports.html import ReleasePage, html
from reports.html.page import Line, RatioChart
from suites.pytest_plugin.plugin import report_line
from suites.pytest_plugin.state import RUN_ID

NOW = time.time()
SHARE = "Share of the traffic (from the ledger)"
POLICY = policy_file.load(ROOT / "policies" / "release.toml")
MEASUREMENT = Measurement("http://p", "up[60s]", 60.0, 12, 0.5, "12")
FAILED = Finding(
    "errors-against-blue",
    "3",
    Measured.OK,
    Verdict.FAIL,
    "60 of 6,000 failed",
    "curl x",
    (MEASUREMENT,),
)
PASSED = replace(FAILED, objective="live-build", verdict=Verdict.PASS, next_step="", sentence="ok")


def decision(outcome: Outcome, at: float, **changes: Any) -> DecisionEntry:
    findings = (PASSED,) if outcome is Outcome.GO else (FAILED, PASSED)
    reason = "all findings pass" if outcome is Outcome.GO else FAILED.sentence
    decision = Decision(
        outcome, reason, "ramp-30", "green", "v5", datetime.fromtimestamp(at, UTC), findings
    )
    return DecisionEntry(of_decision(replace(decision, **changes), policy_digest="d", tool="t"))


def rolled_back(*, moved: bool = True) -> list[LedgerEntry]:
    """A ramp that was stopped at 30 %, oldest entry first."""
    ending = RampEnding.ROLLED_BACK if moved else RampEnding.NOT_ROLLED_BACK
    return [
        RampStartEntry("green", 1.0, NOW - 900, 10),
        MoveEntry("green", "ramp-10", 0.1, NOW - 900, 1.0),
        decision(Outcome.GO, NOW - 600, stage="ramp-10"),
        MoveEntry("green", "ramp-30", 0.3, NOW - 599, 1.0),
        decision(Outcome.HOLD, NOW - 400, reason="206 more events needed"),
        decision(Outcome.HOLD, NOW - 390, reason="100 more events needed"),
        decision(Outcome.ROLLBACK, NOW - 300),
        RampRollbackEntry("green", 1.0, NOW - 300, "60 of 6,000 failed"),
        RollbackEntry(
            "green", 1.0, NOW - 298, moved, "verified" if moved else "NOT verified", moved, 1.9
        ),
        RampEndEntry("green", 1.0, NOW - 298, ending),
        decision(Outcome.GO, NOW - 280, stage="rollback-verified", target="blue"),
    ]


def page(out: Path, entries: list[LedgerEntry]) -> ReleasePage:
    """The page of a ledger with these entries, without a target file and without evidence."""
    for entry in entries:
        ledger.append(out, entry)
    return page_of(source(out))


def source(out: Path) -> ReportInput:
    content = ledger.read(out)
    return ReportInput(out, out / "runs", POLICY, "green", None, content, "", datetime.now(UTC))


def test_the_answer_says_what_why_who_has_the_traffic_and_what_to_do(tmp_path: Path) -> None:
    summary = page(tmp_path, rolled_back()).summary
    assert summary.word == "ROLLBACK"
    assert summary.headline == "The release was stopped at ramp-30, and blue has all traffic again."
    assert summary.reason == "60 of 6,000 failed"
    facts = {fact.label: fact.value for fact in summary.facts}
    assert facts[SHARE].startswith("green 0 %, blue 100 %, since ")
    assert facts["Rollback"].startswith("verified by the balancer and by Prometheus in 1.9 s, ")
    assert facts["After the rollback, blue"] == "GO: all findings pass"
    assert [step.command for step in summary.next_steps[:1]] == ["curl x"]
    assert summary.next_steps[-1].command.startswith("gates explain ")


def test_a_step_with_the_same_share_does_not_change_since_when_it_is(tmp_path: Path) -> None:
    whole = page(
        tmp_path,
        [
            RampStartEntry("green", 1.0, NOW - 900, 10),
            MoveEntry("green", "ramp-90", 0.9, NOW - 800, 1.0),
            MoveEntry("green", "ramp-100", 1.0, NOW - 600, 1.0),
            decision(Outcome.GO, NOW - 310, stage="ramp-100"),
            MoveEntry("green", "hour-1", 1.0, NOW - 300, 1.0),
            decision(Outcome.GO, NOW - 10, stage="hour-1"),
        ],
    )
    facts = {fact.label: fact.value for fact in whole.summary.facts}
    since = moment_text(datetime.fromtimestamp(NOW - 600, UTC))
    assert facts[SHARE] == f"green 100 %, blue 0 %, since {since}"
    events = [(event.word, event.detail) for event in whole.ramp.events if not event.symbol]
    assert events[1:] == [
        ("MOVE", "green gets 90 % for ramp-90"),
        ("MOVE", "green gets 100 % for ramp-100"),
        ("STEP", "hour-1 begins; green keeps 100 %"),
    ]


def test_a_move_that_is_made_again_after_a_crash_is_a_move(tmp_path: Path) -> None:
    whole = page(
        tmp_path,
        [
            RampStartEntry("green", 1.0, NOW - 900, 10),
            MoveEntry("green", "ramp-10", 0.1, NOW - 800, 1.0),
            MoveEntry("green", "ramp-10", 0.1, NOW - 700, 1.0),
        ],
    )
    events = [(event.word, event.detail) for event in whole.ramp.events]
    assert events[1:] == [("MOVE", "green gets 10 % for ramp-10")] * 2
    content = ledger.read(tmp_path)
    assert share_now([record.entry for record in content.records]) == (0.1, NOW - 700)


def test_what_stopped_the_ramp_is_counted_beside_the_failed_requests(tmp_path: Path) -> None:
    stopped = replace(FAILED, objective="payments-declined", sentence="payments were declined")
    of_trial = Advisory("Asha Rao", datetime.now(UTC) + timedelta(days=7))
    trial = replace(FAILED, objective="latency-against-blue", advisory=of_trial)
    document = decision(Outcome.NO_GO, NOW - 10, findings=(stopped, trial, PASSED)).document
    page(tmp_path, rolled_back())

    def chart(title: str, objective: str, bad: float) -> RatioChart:
        lines = (Line("green", (), bad, 27.0),)
        return RatioChart(title, objective, lines, (), (), NOW - 900, NOW)

    charts = (
        chart("requests failed", "errors-against-blue", 0.0),
        chart("requests took over 1 s", "latency-against-blue", 1.0),
        chart("payments were declined", "payments-declined", 6.0),
    )
    facts = summary_of(source(tmp_path), document, rolled_back(), charts).facts
    counted = [fact for fact in facts if " of 27" in fact.value]
    assert [(fact.label.partition(",")[0], fact.value) for fact in counted] == [
        ("Requests failed on green", "0 of 27 (0 %)"),
        ("Payments were declined on green", "6 of 27 (22 %)"),
    ]


def test_a_failed_rollback_is_the_first_thing_to_do(tmp_path: Path) -> None:
    summary = page(tmp_path, rolled_back(moved=False)).summary
    assert "may still have traffic" in summary.headline
    assert summary.next_steps[0].command == "gates rollback --target green --baseline blue"


def test_a_rollback_after_a_go_is_not_shown_as_a_go(tmp_path: Path) -> None:
    entries: list[LedgerEntry] = [
        RampStartEntry("green", 1.0, NOW - 900, 10),
        MoveEntry("green", "ramp-10", 0.1, NOW - 900, 1.0),
        decision(Outcome.GO, NOW - 600),
        RampRollbackEntry("green", 1.0, NOW - 500, "the router swaps the colours"),
        RollbackEntry(
            "green", 1.0, NOW - 498, proof="verified", verified=True, moved=True, seconds=1.9
        ),
        RampEndEntry("green", 1.0, NOW - 498, RampEnding.ROLLED_BACK),
    ]
    summary = page(tmp_path, entries).summary
    assert (summary.word, summary.tone.value) == ("ROLLBACK", "bad")
    assert summary.reason == "The router swaps the colours"
    assert summary.facts[0].value.startswith("GO, ")


@pytest.mark.parametrize(
    ("outcome", "word", "headline"),
    [
        (Outcome.GO, "GO", "The release may go on past ramp-30."),
        (
            Outcome.HOLD,
            "HOLD",
            "The release waits at ramp-30: the gate cannot yet say that the release",
        ),
        (Outcome.NO_GO, "NO-GO", "The release must not go on past ramp-30."),
        (Outcome.ROLLBACK, "ROLLBACK", "The release failed at ramp-30: all traffic must go to"),
    ],
)
def test_each_outcome_has_a_headline(
    tmp_path: Path, outcome: Outcome, word: str, headline: str
) -> None:
    summary = page(tmp_path, [decision(outcome, NOW - 5)]).summary
    assert summary.word == word
    assert summary.headline.startswith(headline)
    assert summary.next_steps


def test_the_same_answer_since_the_first_of_its_kind(tmp_path: Path) -> None:
    facts = page(tmp_path, rolled_back()[:6]).summary.facts
    since = next(fact.value for fact in facts if fact.label == "The same decision since")
    assert since == datetime.fromtimestamp(NOW - 400, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def test_the_timeline_has_moves_decisions_holds_and_the_rollback(tmp_path: Path) -> None:
    ramp = page(tmp_path, rolled_back()).ramp
    assert [move.share for move in ramp.moves] == [0.1, 0.3, 0.0]
    assert [(event.word, event.share) for event in ramp.events] == [
        ("BEGIN", 0.0),
        ("MOVE", 0.1),
        ("GO", 0.1),
        ("MOVE", 0.3),
        ("HOLD", 0.3),
        ("ROLLBACK", 0.3),
        ("ROLLBACK", 0.3),
        ("MOVED BACK", 0.0),
        ("END", 0.0),
        ("GO", 0.0),
    ]
    hold = ramp.events[4]
    assert (hold.symbol, hold.detail) == ("‖", "ramp-30 of green: 100 more events needed")


def test_an_empty_ledger_gives_a_page_of_reasons(tmp_path: Path) -> None:
    empty = page(tmp_path, [])
    assert empty.summary.headline == "The gate has made no decision about this target yet."
    written = html(empty)
    for sentence in (
        "The ledger has no ramp of this target.",
        "The ledger has no decision about this target.",
        "The decision has no findings.",
        "No run of suites is known.",
        "No load run is known.",
        "green has no target file",
        "Nobody has signed an item yet.",
        "The ledger has no entries.",
    ):
        assert sentence in written


def test_ten_thousand_findings_stay_a_small_page(tmp_path: Path) -> None:
    findings = tuple(
        replace(FAILED, objective=f"smoke: {n}", sentence="x" * 500) for n in range(10_000)
    )
    # The ledger refuses an entry of this size, so the page gets the decision directly.
    entry = decision(Outcome.NO_GO, NOW, findings=(FAILED,))
    content = page(tmp_path, [entry])
    many = replace(content, findings=findings_of(findings, None))
    assert (len(many.findings.rows), many.findings.left_out) == (MAX_FINDINGS, 9_700)
    written = html(many)
    assert "9,700 more findings are not shown" in written
    assert len(written) < 1_500_000


def test_a_damaged_ledger_is_named_on_top(tmp_path: Path) -> None:
    for entry in rolled_back():
        ledger.append(tmp_path, entry)
    path = tmp_path / ledger.FILE
    path.write_text(path.read_text().replace("206 more", "207 more"))
    assert page_of(source(tmp_path)).summary.warnings[0].startswith("The ledger is damaged: ")


@pytest.fixture(scope="module")
def ramp_place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A place in which the gate was asked about a step of a ramp, and its report was written."""
    with passing(tmp_path_factory.mktemp("asked")) as place:
        place.keep_load()
        assert place.ask("ramp-30").code == ExitCode.GO
        yield place


def report(place: Place, *arguments: str) -> str:
    """Write the report of a place with ``gates report``; its HTML."""
    done = gates(
        "report", "--out", str(place.out), "--targets", str(place.folder / "targets"), *arguments
    )
    assert (done.code, done.out) == (ExitCode.GO, f"{place.out / 'report' / 'index.html'}\n")
    return (place.out / "report" / "index.html").read_text()


def test_the_report_of_a_step_has_charts_samples_suites_and_load(ramp_place: Place) -> None:
    written = report(ramp_place)
    assert "The release may go on past ramp-30." in written
    assert "Requests failed</strong>" in written
    assert "Requests took over 1 s</strong>" in written
    assert "limit 0.5 %" in written
    assert "Command and newest raw samples" in written
    assert f">{len(CHECKS)}/{len(CHECKS)}<" in written
    assert "<h3>load</h3>" in written
    assert "Items of the guide by state" in written
    assert "http-equiv" in written
    assert "<script" not in written


def test_the_charts_count_what_the_finding_counts(ramp_place: Place) -> None:
    content = page_of(replace(source(ramp_place.out), target=ramp_place.target))
    errors = next(
        chart for chart in content.charts.charts if chart.objective == "errors-against-blue"
    )
    assert [line.colour for line in errors.lines] == ["green", "blue"]
    (finding,) = [row for row in content.findings.rows if row.objective == "errors-against-blue"]
    totals = [sum(point.total for point in line.points) for line in errors.lines]
    assert min(totals) > 100
    assert all(
        point.low <= point.ratio <= point.high for line in errors.lines for point in line.points
    )
    assert finding.measurements[0].samples
    assert {limit.name for limit in errors.limits} == {"limit", "rollback trigger"}


def test_lost_evidence_leaves_the_findings_and_says_so(tmp_path: Path) -> None:
    with passing(tmp_path) as place:
        assert place.ask("ramp-30").code == ExitCode.GO
        for path in (place.out / "evidence").iterdir():
            path.unlink()
        written = report(place)
    assert "The evidence of the newest decisions cannot be read: " in written
    assert "errors-against-blue" in written


def test_an_unknown_target_is_a_usage_error(ramp_place: Place) -> None:
    done = gates(
        "report",
        "--out",
        str(ramp_place.out),
        "--target",
        "grene",
        "--targets",
        str(ramp_place.folder / "targets"),
    )
    assert done.code == ExitCode.USAGE
    assert "Did you mean green?" in done.err


def test_a_report_that_cannot_be_written_is_an_internal_error(tmp_path: Path) -> None:
    (tmp_path / "report").write_text("a file, not a folder")
    done = gates("report", "--out", str(tmp_path))
    assert done.code == ExitCode.INTERNAL
    assert "the report could not be written" in done.err


def test_a_command_that_has_done_its_work_goes_on_without_its_report(tmp_path: Path) -> None:
    lines: list[str] = []
    announce(lambda: source(tmp_path), lines.append)
    assert lines == [f"report: {tmp_path / 'report' / 'index.html'}"]

    def broken() -> ReportInput:
        raise ZeroDivisionError

    announce(broken, lines.append)
    assert lines[1] == "the report could not be written: ZeroDivisionError: "


def test_pytest_names_the_path_and_the_command_of_the_report(ramp_place: Place) -> None:
    stash = pytest.Stash()
    stash[RUN_ID] = "r1"
    options = {
        "target": "green",
        "targets": str(ramp_place.folder / "targets"),
        "out": str(ramp_place.out),
    }
    config = SimpleNamespace(
        getoption=options.get, stash=stash, invocation_params=SimpleNamespace(dir=ramp_place.folder)
    )
    line = report_line(cast("pytest.Config", config))
    path = ramp_place.out / "report" / "index.html"
    assert line.startswith(f"report: {path} is written by: gates report ")
    words = shlex.split(line.partition("is written by: ")[2])
    assert gates(*words[1:]).out == f"{path}\n"


def test_a_reader_never_sees_half_a_report(tmp_path: Path) -> None:
    path = write(source(tmp_path))
    before = path.read_text()
    broken = replace(source(tmp_path), content=None)  # type: ignore[arg-type]
    with pytest.raises(AttributeError):
        write(broken)
    assert path.read_text() == before
    assert [file.name for file in path.parent.iterdir()] == ["index.html"]


def test_a_new_and_a_restarted_counter_increase_by_their_whole_value() -> None:
    samples = (Sample(10.0, 4.0), Sample(20.0, 9.0), Sample(30.0, 2.0))
    counter = Series({"__name__": "requests"}, samples)
    assert list(_rises(counter, 10.0)) == [(20.0, 5.0), (30.0, 2.0)]
    assert list(_rises(counter, 0.0)) == [(10.0, 4.0), (20.0, 5.0), (30.0, 2.0)]


def test_bad_events_are_the_rest_of_the_good_ones() -> None:
    assert _bad(Part.GOOD, {1.0: 7.0}, {1.0: 10.0, 2.0: 3.0}) == {1.0: 3.0, 2.0: 3.0}
    assert _bad(Part.BAD, {1.0: 2.0}, {1.0: 10.0}) == {1.0: 2.0}


def test_the_interval_is_wilsons() -> None:
    point = _point(0.0, 5.0, 100.0)
    assert (round(point.low, 4), round(point.high, 4)) == (0.0215, 0.1118)
    assert _point(0.0, 0.0, 10.0).low == 0.0


def test_seconds_of_checks_survive_a_damaged_line(tmp_path: Path) -> None:
    lines = [
        '{"event": "check", "id": "a", "seconds": 1.5}',
        '{"event": "check", "id": "a", "seconds": 1}',
        "not JSON",
        '{"event": "check", "id": "b", "seconds": -1}',
        '{"event": "started"}',
    ]
    (tmp_path / "checks.jsonl").write_text("\n".join(lines))
    assert check_seconds(tmp_path) == {"a": 2.5}
