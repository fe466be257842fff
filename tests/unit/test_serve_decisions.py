"""``gates serve`` answers programs, Argo Rollouts and Flagger with what the gate decides."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from jsonschema import validate
from ledgers import json_entries
from prometheus_client.parser import text_string_to_metric_families
from proving import COLLECTED, STEPS, Place, passing
from records import write
from serving import CANARY, Reply, Serving, serving
from worlds import ROOT

from gates import ledger
from gates.serve.application import openapi_document
from gates.serve.settings import ServeSettings

SCHEMA = json.loads((ROOT / "gates" / "schemas" / "decision.schema.json").read_text())
SUMMARY = {
    "$ref": "#/components/schemas/DecisionSummary",
    "components": openapi_document()["components"],
}
POLICY = (ROOT / "policies" / "release.toml").read_text()
STAGE = "ramp-30"
FLAGGER = f"/v1/flagger/green/{STAGE}"
ARGO = f"/v1/metrics-web/green/{STAGE}"
TRIGGER = "platform.integrity.stock_balance"
JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True, slots=True)
class Expected:
    """What the systems must do at a decision.

    Args:
        decision: the decision.
        argo: the phase of Argo's measurement.
        flagger: the status for Flagger's webhooks that let a canary go on.
        rollback: the status for Flagger's webhook ``rollback``.
    """

    decision: str
    argo: str
    flagger: int
    rollback: int


EXPECTED = (
    Expected("go", "Successful", 200, 409),
    Expected("hold", "Inconclusive", 409, 409),
    Expected("no_go", "Failed", 412, 200),
    Expected("rollback", "Failed", 412, 200),
)


def make(place: Place, decision: str) -> None:
    """Change the place so that the gate makes this decision about the stage."""
    match decision:
        case "hold":
            refuse_queries(place)
        case "no_go":
            place.keep_run(place.run_of("r2", **{"smoke.order": "failed"}), "r2")
        case "rollback":
            failed = place.run_of("c1", checks=COLLECTED, **{TRIGGER: "failed"})
            write(place.out / "collected" / "c1" / "checks.jsonl", failed)


def refuse_queries(place: Place) -> None:
    """Let Prometheus refuse each query."""
    place.answer = lambda _: (503, b"", 0.0)


def leave_prometheus(place: Place) -> None:
    """Let nobody listen at the addresses of Prometheus and of the store."""
    path = place.folder / "targets" / "green.toml"
    path.write_text(path.read_text().replace(f"127.0.0.1:{place.port}", "127.0.0.1:1"))


def settings_of(place: Place, policy: str | None = None) -> ServeSettings:
    targets = str(place.folder / "targets")
    return ServeSettings(out=str(place.out), targets=targets, policy=policy)


@dataclass(frozen=True, slots=True)
class Case:
    """A server whose gate makes one decision about the stage."""

    expected: Expected
    place: Place
    server: Serving

    def entries(self) -> list[str]:
        """The ids of the ledger's entries."""
        return [record.entry_id for record in ledger.entries(self.place.out)]


@pytest.fixture(scope="module", params=EXPECTED, ids=lambda each: each.decision)
def case(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Case]:
    with passing(tmp_path_factory.mktemp("place"), STAGE) as place:
        make(place, request.param.decision)
        with serving(settings_of(place)) as server:
            yield Case(request.param, place, server)


@pytest.fixture(scope="module")
def unasked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Case]:
    """A server whose gate says go, and that no test asks a question with an answer."""
    with (
        passing(tmp_path_factory.mktemp("place"), STAGE) as place,
        serving(settings_of(place)) as server,
    ):
        yield Case(EXPECTED[0], place, server)
        assert not (place.out / "ledger.jsonl").exists()


def argo_phase(reply: Reply) -> str:
    """The phase of a measurement of Argo Rollouts with the conditions of docs/serve.md.

    Source: ``Run`` in metricproviders/webmetric, ``EvaluateResult`` in utils/evaluate.
    """
    if not 200 <= reply.status < 300:
        return "Error"
    result = reply.json
    if result["stop"] is True:
        return "Failed"
    return "Successful" if result["go"] is True else "Inconclusive"


def flagger_accepts(reply: Reply) -> bool:
    """Whether Flagger takes an answer for a yes; source: ``callWebhook`` in pkg/controller."""
    return reply.status <= 202


def test_a_program_gets_the_decision_document(case: Case) -> None:
    before = case.entries()
    reply = case.server.decide(STAGE)
    assert reply.status == 200
    validate(reply.json, SCHEMA)
    assert (reply.json["decision"], reply.json["stage"]) == (case.expected.decision, STAGE)
    assert {**json_entries(case.place.out)[-1], "id": reply.json["id"]} == reply.json
    assert case.entries() == [*before, reply.json["id"]]
    assert case.server.get(f"/v1/decisions/{reply.json['id']}").json == reply.json


def test_the_metrics_have_the_values_and_limits_of_the_findings(case: Case) -> None:
    findings = case.server.decide(STAGE).json["findings"]
    figures = {each["objective"]: each["figure"] for each in findings if each["figure"]}
    families = text_string_to_metric_families(case.server.get("/metrics").body.decode())
    samples = {
        family.name: {sample.labels["objective"]: sample.value for sample in family.samples}
        for family in families
        if family.name in ("gates_finding_value", "gates_finding_limit")
    }
    is_measured = case.expected.decision != "hold"
    assert (figures.keys() >= {"errors-against-blue", "errors-trigger", "restarts"}) == is_measured
    assert samples.get("gates_finding_value", {}) == {
        name: figure["value"] for name, figure in figures.items()
    }
    assert samples.get("gates_finding_limit", {}) == {
        name: figure["limit"] for name, figure in figures.items() if figure["limit"] is not None
    }


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_argo_does_what_the_gate_decides(case: Case, method: str) -> None:
    before = case.entries()
    reply = case.server.request(method, ARGO, None if method == "GET" else {"weight": "30"})
    assert (reply.status, argo_phase(reply)) == (200, case.expected.argo)
    is_go = case.expected.decision == "go"
    assert (reply.json["decision"], reply.json["go"]) == (case.expected.decision, is_go)
    validate(reply.json, SUMMARY)
    assert (reply.json["reasons"] == []) == is_go
    assert case.entries() == [*before, reply.json["id"]]


def test_flagger_goes_on_for_a_go_only(case: Case) -> None:
    reply = case.server.request("POST", FLAGGER, CANARY)
    assert (reply.status, reply.json["decision"]) == (case.expected.flagger, case.expected.decision)
    assert flagger_accepts(reply) == (case.expected.decision == "go")


def test_flagger_rolls_back_where_the_gate_stops_the_release(case: Case) -> None:
    reply = case.server.request("POST", f"{FLAGGER}/rollback", CANARY)
    assert (reply.status, reply.json["decision"]) == (
        case.expected.rollback,
        case.expected.decision,
    )
    assert flagger_accepts(reply) == (case.expected.decision in ("no_go", "rollback"))


def test_a_no_go_ends_no_ramp_where_the_policy_leaves_the_traffic(tmp_path: Path) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text(POLICY.replace("no_go_rolls_back = true", "no_go_rolls_back = false"))
    with passing(tmp_path, STAGE) as place:
        make(place, "no_go")
        with serving(settings_of(place, policy=str(policy))) as server:
            assert argo_phase(server.get(ARGO)) == "Inconclusive"
            assert server.request("POST", FLAGGER, CANARY).status == 412
            assert server.request("POST", f"{FLAGGER}/rollback", CANARY).status == 409


def test_the_present_step_is_the_step_of_the_present_share(tmp_path: Path) -> None:
    with passing(tmp_path, STAGE) as place, serving(settings_of(place)) as server:
        replies = [server.get("/v1/metrics-web/green/@step") for _ in range(2)]
        replies.append(server.request("POST", "/v1/flagger/green/@step", CANARY))
        assert [reply.json["stage"] for reply in replies] == [STAGE] * 3
        assert [reply.json["decision"] for reply in replies] == ["go"] * 3
        refuse_queries(place)
        unknown = server.decide("@step").json
        assert (unknown["decision"], unknown["stage"]) == ("hold", STAGE)
        decided = [record.entry.target for record in ledger.entries(place.out)]
        assert decided == ["green"] * 4


def test_before_the_first_move_the_present_step_is_the_stage_before_the_ramp(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(STEPS, STAGE, 0)
    with passing(tmp_path, STAGE) as place, serving(settings_of(place)) as server:
        decision = server.decide("@step").json
        assert (decision["decision"], decision["stage"]) == ("go", "green-ready")
        refuse_queries(place)
        decision = server.decide("@step").json
        assert (decision["decision"], decision["stage"]) == ("hold", "ramp-10")


def test_without_a_known_share_the_present_step_is_the_first_and_a_hold(tmp_path: Path) -> None:
    with passing(tmp_path, STAGE) as place, serving(settings_of(place)) as server:
        refuse_queries(place)
        decision = server.decide("@step").json
        assert (decision["decision"], decision["stage"]) == ("hold", "ramp-10")


@pytest.mark.parametrize("make_unreachable", [leave_prometheus, refuse_queries])
def test_without_prometheus_neither_argo_nor_flagger_goes_on_or_back(
    tmp_path: Path, make_unreachable: Callable[[Place], None]
) -> None:
    with passing(tmp_path, STAGE) as place, serving(settings_of(place)) as server:
        make_unreachable(place)
        assert argo_phase(server.get(ARGO)) == "Inconclusive"
        assert not flagger_accepts(server.request("POST", FLAGGER, CANARY))
        assert not flagger_accepts(server.request("POST", f"{FLAGGER}/rollback", CANARY))
        assert server.decide(STAGE).json["decision"] == "hold"


def test_a_decision_that_cannot_be_recorded_is_no_decision(tmp_path: Path) -> None:
    with passing(tmp_path, STAGE) as place, serving(settings_of(place)) as server:
        (place.out / "evidence").write_text("a file in the place of the folder")
        replies = [
            server.decide(STAGE),
            server.get(ARGO),
            server.request("POST", FLAGGER, CANARY),
            server.request("POST", f"{FLAGGER}/rollback", CANARY),
        ]
        assert [reply.status for reply in replies] == [500] * 4
        sentences = [reply.json["error"] for reply in replies]
        assert [text for text in sentences if not text.startswith("no decision: ")] == []
        assert not (place.out / "ledger.jsonl").exists()


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        (f"/v1/metrics-web/grene/{STAGE}", "no target 'grene' in .* Did you mean green?"),
        ("/v1/metrics-web/green/ramp-33", "no stage 'ramp-33' in .* Did you mean ramp-30?"),
        ("/v1/metrics-web/..%2f..%2fetc%2fpasswd/ramp-30", "Not Found"),
        ("/v1/metrics-web/..%5cgreen/ramp-30", "no target"),
        ("/v1/decisions/000000000000", "the ledger has no decision '000000000000'"),
        ("/v1/decisions/..%2fledger", "Not Found"),
        ("/v2", "Not Found"),
    ],
)
def test_an_unknown_name_is_not_found(unasked: Case, path: str, sentence: str) -> None:
    reply = unasked.server.get(path)
    assert (reply.status, list(reply.json)) == (404, ["error"])
    assert re.match(sentence, reply.json["error"])


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"[]", 400),
        (b"null", 400),
        (b"\xff\xfe", 400),
        (b"[" * 60_000, 400),
        ({"stage": STAGE}, 400),
        ({"stage": STAGE, "target": 7}, 400),
        ({"stage": "", "target": "green"}, 400),
        ({"stage": "s" * 201, "target": "green"}, 400),
        ({"stage": STAGE, "target": "green", "force": True}, 400),
        ({"stage": STAGE, "target": "../green"}, 404),
        ({"stage": "\ud800", "target": "green"}, 404),
        ({"stage": STAGE, "target": "green", "more": "x" * 70_000}, 413),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_wrong_body_is_an_error(unasked: Case, body: object, status: int) -> None:
    reply = unasked.server.request("POST", "/v1/decisions", body, JSON)
    assert (reply.status, list(reply.json)) == (status, ["error"])


@pytest.mark.parametrize("path", ["/v1/decisions", FLAGGER, f"{FLAGGER}/rollback"])
def test_a_body_that_is_not_declared_as_json_is_refused(unasked: Case, path: str) -> None:
    body = json.dumps({"stage": STAGE, "target": "green"}).encode()
    reply = unasked.server.request("POST", path, body, {"Content-Type": "text/plain"})
    assert (reply.status, list(reply.json)) == (415, ["error"])


@pytest.mark.parametrize("missing", ["name", "namespace"])
@pytest.mark.parametrize("path", [FLAGGER, f"{FLAGGER}/rollback"])
def test_a_webhook_needs_the_fields_of_flagger(unasked: Case, path: str, missing: str) -> None:
    body = {key: value for key, value in CANARY.items() if key != missing}
    assert unasked.server.request("POST", path, body).status == 400


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/v1/decisions"), ("GET", FLAGGER), ("PUT", ARGO), ("POST", "/")]
)
def test_another_method_is_refused(unasked: Case, method: str, path: str) -> None:
    reply = unasked.server.request(method, path)
    assert (reply.status, list(reply.json)) == (405, ["error"])


def test_the_policy_is_read_at_each_question(tmp_path: Path) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text(POLICY)
    with (
        passing(tmp_path, STAGE) as place,
        serving(settings_of(place, policy=str(policy))) as server,
    ):
        before = server.decide(STAGE).json["policy_sha256"]
        policy.write_text(f"{POLICY}\n# changed\n")
        assert server.decide(STAGE).json["policy_sha256"] != before
        policy.write_text("name = 7")
        replies = [server.decide(STAGE), server.request("POST", FLAGGER, CANARY)]
        assert [reply.status for reply in replies] == [500, 500]
