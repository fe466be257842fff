"""``gates serve`` shows the release report, each new version of it, and metrics."""

import http.client
import json
import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from format_documents import NASTY, document, finding
from openapi_spec_validator import validate
from prometheus_client.parser import text_string_to_metric_families
from records import record, write
from serving import Serving, serving

from gates import __version__, ledger
from gates.ledger import DecisionEntry, LedgerContent, LedgerRecord
from gates.model import Figure, Outcome, Verdict
from gates.serve import live_page
from gates.serve.application import application, openapi_document
from gates.serve.live_page import SCRIPT
from gates.serve.metrics_text import metrics_of
from gates.serve.questions import QuestionCounts
from gates.serve.settings import ServeSettings
from reports.html import LIVE_POLICY, LIVE_SCRIPT

NOW = datetime.now(UTC)


def entry(outcome: Outcome, stage: str = "ramp-30", reason: str = "the reason") -> DecisionEntry:
    """A decision about green."""
    verdict = Verdict.PASS if outcome is Outcome.GO else Verdict.FAIL
    body = document(finding(verdict, "errors"), outcome=outcome, text=reason)
    decision = replace(body.decision, target="green", stage=stage, at=NOW)
    return DecisionEntry(replace(body, decision=decision, evidence_digest="", entry_id=""))


@pytest.fixture
def out(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    ledger.append(folder, entry(Outcome.GO))
    return folder


@pytest.fixture
def server(out: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Serving]:
    monkeypatch.setattr(live_page, "POLL_SECONDS", 0.02)
    with serving(ServeSettings(out=str(out))) as running:
        yield running


class Viewer:
    """A browser that listens to the events of a server."""

    def __init__(self, server: Serving) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
        self.connection.request("GET", "/events")
        self.answer = self.connection.getresponse()

    def close(self) -> None:
        self.connection.close()

    def event(self) -> dict[str, str]:
        """The next event."""
        fields: dict[str, str] = {}
        while (line := self.answer.readline().decode().rstrip("\n")) or not fields:
            assert not self.answer.isclosed()
            name, _, value = line.partition(": ")
            if line:
                fields[name] = value
        return fields


def test_the_page_is_the_release_report_with_one_script_of_the_server(server: Serving) -> None:
    reply = server.get("/")
    text = reply.body.decode()
    assert (reply.status, reply.headers["cache-control"]) == (200, "no-store")
    assert reply.headers["content-type"] == "text/html; charset=utf-8"
    assert "The release may go on past ramp-30." in text
    assert re.findall(r"<script.*?>", text) == [f'<script src="{LIVE_SCRIPT}" defer>']
    policy = reply.headers["content-security-policy"]
    assert policy == f"{LIVE_POLICY}; frame-ancestors 'none'"
    assert {"default-src 'none'", "script-src 'self'", "connect-src 'self'"} <= set(
        LIVE_POLICY.split("; ")
    )
    assert f'content="{LIVE_POLICY}"' in text
    script = server.get(f"/{LIVE_SCRIPT}")
    assert script.body.decode() == SCRIPT.read_text()
    assert script.headers["content-type"] == "text/javascript; charset=utf-8"


def test_each_new_decision_is_an_event_and_on_the_page(server: Serving, out: Path) -> None:
    with closing(Viewer(server)) as viewer:
        assert viewer.answer.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert viewer.event() == {"retry": "2000"}
        first = viewer.event()
        assert first["event"] == "page"
        ledger.append(out, entry(Outcome.ROLLBACK))
        second = viewer.event()
        assert second["event"] == "page"
        assert second["data"] != first["data"]
    assert "The release failed at ramp-30" in server.get("/").body.decode()


@pytest.mark.parametrize("folder", ["runs", "collected"])
def test_each_result_of_a_run_under_way_is_an_event(
    server: Serving, out: Path, folder: str
) -> None:
    events = record("r1", {"smoke.health": "passed", "smoke.version": "passed"})
    path = out / folder / "r1" / "checks.jsonl"
    write(path, events[:3])
    with closing(Viewer(server)) as viewer:
        assert viewer.event() == {"retry": "2000"}
        first = viewer.event()
        write(path, events[:4])
        assert viewer.event()["data"] != first["data"]


def test_a_viewer_hears_that_the_page_cannot_be_written(
    server: Serving, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(Viewer(server)) as viewer:
        assert [viewer.event(), viewer.event()][1]["event"] == "page"

        def fail(_: object) -> None:
            raise ZeroDivisionError

        monkeypatch.setattr(live_page, "page_of", fail)
        ledger.append(out, entry(Outcome.HOLD))
        assert viewer.event()["event"] == "problem"
        reply = server.get("/")
        assert (reply.status, reply.json) == (
            500,
            {"error": "the page could not be written: ZeroDivisionError: "},
        )
        monkeypatch.undo()
        monkeypatch.setattr(live_page, "POLL_SECONDS", 0.02)
        assert viewer.event()["event"] == "page"


def test_a_silent_connection_gets_a_comment(
    server: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_page, "SILENCE_SECONDS", 0.05)
    with closing(Viewer(server)) as viewer:
        assert [viewer.event(), viewer.event(), viewer.event()][2] == {"": "no change"}


def test_more_viewers_than_the_limit_are_refused(
    server: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_page, "MAX_VIEWERS", 1)
    with closing(Viewer(server)) as viewer:
        assert viewer.event()
        assert server.get("/events").status == 503
        assert server.get("/").status == 200


@pytest.mark.parametrize("path", ["/", "/metrics"])
def test_a_page_without_a_ledger_is_a_page(tmp_path: Path, path: str) -> None:
    with serving(ServeSettings(out=str(tmp_path / "out"))) as empty:
        assert empty.get(path).status == 200
    assert not (tmp_path / "out").exists()


def test_the_page_of_a_target_is_the_page_of_this_target(out: Path) -> None:
    with serving(ServeSettings(out=str(out), page_target="blue")) as running:
        assert "has made no decision about this target" in running.get("/").body.decode()


def test_texts_from_outside_stay_text_on_the_page(server: Serving, out: Path) -> None:
    ledger.append(out, entry(Outcome.NO_GO, reason='<script>alert("1")</script>'))
    text = server.get("/").body.decode()
    assert "&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;" in text
    assert text.count("<script") == 1


def families(text: str) -> dict[str, list[Any]]:
    """The samples of each metric, read by the client library of Prometheus."""
    return {family.name: family.samples for family in text_string_to_metric_families(text)}


def content_of(*entries: DecisionEntry) -> LedgerContent:
    records = [LedgerRecord(f"{number:012x}", each) for number, each in enumerate(entries)]
    return LedgerContent(tuple(records), len(records), ())


def test_a_dashboard_sees_decisions_findings_values_limits_and_ages() -> None:
    held = entry(Outcome.HOLD)
    (failed,) = held.document.decision.findings
    findings = (
        replace(failed, objective="errors-against-blue", figure=Figure(0.021, 0.006)),
        replace(failed, objective="smoke", verdict=Verdict.PASS, measurements=()),
    )
    decision = replace(held.document.decision, findings=findings)
    newest = DecisionEntry(replace(held.document, decision=decision))
    content = content_of(entry(Outcome.GO), entry(Outcome.GO), newest)
    counts = QuestionCounts(arrived=7, shared=2, failed=1)
    samples = families(metrics_of(content, counts, NOW + timedelta(seconds=10)))
    names = {"target": "green", "stage": "ramp-30"}
    assert [(s.labels["decision"], s.value) for s in samples["gates_decisions"]] == [
        ("go", 2.0),
        ("hold", 1.0),
    ]
    last = {s.labels["decision"]: s.value for s in samples["gates_last_decision"]}
    assert last == {"go": 0, "hold": 1, "no_go": 0, "rollback": 0}
    (value,), (limit,) = samples["gates_finding_value"], samples["gates_finding_limit"]
    assert value.labels == limit.labels == {**names, "objective": "errors-against-blue"}
    assert (value.value, limit.value) == (0.021, 0.006)
    (age,) = samples["gates_finding_age_seconds"]
    assert age.value == pytest.approx(10.5)
    failing = [s for s in samples["gates_findings"] if s.value and s.labels["verdict"] == "fail"]
    assert [s.labels["objective"] for s in failing] == ["errors-against-blue"]
    assert samples["gates_serve_questions"][0].value == 7


@pytest.mark.parametrize("text", NASTY, ids=range(len(NASTY)))
def test_every_label_is_escaped(text: str) -> None:
    body = document(finding(Verdict.FAIL, text), outcome=Outcome.HOLD, text=text)
    content = content_of(DecisionEntry(body), DecisionEntry(body))
    samples = families(metrics_of(content, QuestionCounts(), NOW))
    (sample,) = samples["gates_decisions"]
    assert sample.value == 2
    assert sample.labels["stage"] == text[:200].encode(errors="replace").decode()


def test_a_damaged_ledger_is_a_metric(server: Serving, out: Path) -> None:
    with (out / "ledger.jsonl").open("a") as file:
        file.write("damaged\n")
    reply = server.get("/metrics")
    assert reply.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert families(reply.body.decode())["gates_ledger_damaged_lines"][0].value == 1


def test_the_openapi_document_is_valid_and_complete(server: Serving) -> None:
    served = json.loads(server.get("/openapi.json").body)
    assert served == openapi_document()
    validate(served)
    assert served["info"]["version"] == __version__
    documented = {
        (path, method.upper())
        for path, operations in served["paths"].items()
        for method in operations
        if method in ("get", "post")
    }
    routes = application(ServeSettings()).routes
    existing = {
        (route.path, method)  # type: ignore[attr-defined]
        for route in routes
        for method in route.methods - {"HEAD"}  # type: ignore[attr-defined]
    }
    assert documented == existing
