"""The renderers: the answer first, and nothing from outside rewrites the screen."""

import json
from dataclasses import replace
from datetime import UTC, datetime

from gates import decision_document
from gates.model import Decision, Finding, Measured, Measurement, Outcome, Verdict
from reports import terminal

MEASUREMENT = Measurement("http://p", "up[60s]", 60.0, 12, 0.51234, "12")
FINDING = Finding(
    "error-ratio", "3", Measured.OK, Verdict.FAIL, "60 of 6,000", "curl x", (MEASUREMENT,)
)
DECISION = Decision(
    Outcome.NO_GO,
    "60 of 6,000",
    "ramp-10",
    "green",
    "v5",
    datetime.now(UTC),
    (FINDING, replace(FINDING, verdict=Verdict.PASS, next_step="")),
)


def test_the_terminal_puts_the_answer_first_and_the_next_step_below() -> None:
    lines = terminal.decision_text(DECISION, "abc", colours=False).splitlines()
    assert lines[0] == "NO-GO  ramp-10  green: 60 of 6,000"
    assert lines[1].split() == ["FAIL", "error-ratio:", "60", "of", "6,000"]
    assert lines[2].strip() == "guide 3; ok, 12 samples"
    assert lines[3].strip() == "next: curl x"
    assert lines[4].split()[0] == "pass"
    assert lines[-1].endswith("ledger entry abc")


def test_many_checks_that_passed_are_one_line() -> None:
    passed = [
        replace(
            FINDING,
            objective="smoke",
            verdict=Verdict.PASS,
            next_step="",
            subjects=(f"smoke.{name}",),
            sentence=f"smoke.{name} passed",
        )
        for name in ("cart", "login", "order", "search")
    ]
    failed = replace(passed[0], verdict=Verdict.FAIL, sentence="smoke.health failed")
    decision = replace(DECISION, findings=(failed, *passed))
    lines = terminal.decision_text(decision, "abc", colours=False).splitlines()
    assert lines[1].split() == ["FAIL", "smoke:", "smoke.health", "failed"]
    assert [line.split() for line in lines if "passed" in line] == [
        ["pass", "smoke:", "4", "checks", "passed,", "the", "oldest", "1", "s", "ago"]
    ]
    few = terminal.decision_text(
        replace(decision, findings=tuple(passed[:3])), "abc", colours=False
    )
    assert few.count(" passed") == 3


def test_colours_only_where_asked_for() -> None:
    assert "\x1b" not in terminal.decision_text(DECISION, "abc", colours=False)
    assert "\x1b[31;1mNO-GO" in terminal.decision_text(DECISION, "abc", colours=True)


def test_control_characters_are_shown_not_obeyed() -> None:
    evil = replace(FINDING, sentence="\x1b[2J\x1b[HGO  ramp-10\r\n")
    text = terminal.decision_text(replace(DECISION, findings=(evil,)), "abc", colours=False)
    assert "\x1b" not in text
    assert "\r" not in text


def test_the_document_holds_every_measurement() -> None:
    document = decision_document.of_decision(DECISION, policy_digest="d", tool="t")
    content = json.loads(decision_document.as_text(document))
    assert content["decision"] == "no_go"
    assert content["findings"][0]["measurements"] == [
        {
            "source": "http://p",
            "query": "up[60s]",
            "window_seconds": 60.0,
            "samples": 12,
            "age_seconds": 0.512,
            "value": "12",
        }
    ]
