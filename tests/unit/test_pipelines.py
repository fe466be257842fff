"""The pipelines are valid by the schemas of their systems; Argo and Flagger do what the gate says.

GitHub's and GitLab's schemas are those that the package check-jsonschema ships (from SchemaStore,
Apache 2.0, and from GitLab, MIT). The schemas of Argo Rollouts and Flagger are in tests/support.
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import check_jsonschema
import pytest
import tree_sitter_groovy
import yaml
from jsonschema import Draft7Validator, Draft202012Validator
from proving import passing
from serving import Reply, serving
from test_serve_decisions import leave_prometheus, settings_of
from tree_sitter import Language, Node, Parser
from worlds import ROOT

from gates.exitcodes import ExitCode
from gates.model import Outcome
from pipelines import PIPELINES, SHELL, STEPS, ScriptedGate, Site, loaded, site

VENDORED = Path(check_jsonschema.__file__).parent / "builtin_schemas" / "vendor"
SCHEMAS = {
    "github-actions/release.yml": VENDORED / "github-workflows.json",
    "github-actions/ask-gate/action.yml": VENDORED / "github-actions.json",
    "gitlab/release.gitlab-ci.yml": VENDORED / "gitlab-ci.json",
    "argo-rollouts/analysis-template.yaml": ROOT / "tests/support/argo-rollouts.schema.json",
    "argo-rollouts/rollout.yaml": ROOT / "tests/support/argo-rollouts.schema.json",
    "flagger/canary.yaml": ROOT / "tests/support/flagger.schema.json",
}
SCRIPTS = [*sorted(SHELL.glob("*.sh")), *sorted((ROOT / "scripts").glob("*.sh"))]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with site(tmp_path_factory.mktemp("site")) as place:
        yield place


@pytest.fixture
def place(running: Site) -> Site:
    """The running site, without the answers, questions and moves of another test."""
    running.reset()
    return running


@pytest.mark.parametrize("name", SCHEMAS)
def test_each_file_is_valid_by_the_schema_of_its_system(name: str) -> None:
    schema = json.loads(SCHEMAS[name].read_text())
    validator = Draft202012Validator if "2020-12" in schema["$schema"] else Draft7Validator
    content = yaml.safe_load((PIPELINES / name).read_text())
    content = {"on" if key is True else key: value for key, value in content.items()}
    assert [error.message for error in validator(schema).iter_errors(content)] == []


def test_every_file_of_the_pipelines_is_checked() -> None:
    files = {str(path.relative_to(PIPELINES)) for path in PIPELINES.rglob("*") if path.is_file()}
    scripts = {str(path.relative_to(PIPELINES)) for path in SHELL.glob("*.sh")}
    assert files == {*SCHEMAS, *scripts, "jenkins/Jenkinsfile", "README.md"}


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_the_scripts_pass_shellcheck_and_are_executable(script: Path) -> None:
    program = Path(sys.executable).parent / "shellcheck"
    done = subprocess.run([program, script], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")
    assert script.stat().st_mode & 0o111 == 0o111


def errors_of(node: Node) -> list[str]:
    """The places that the grammar does not know."""
    here = [str(node.start_point)] if node.is_error or node.is_missing else []
    return here + [error for child in node.children for error in errors_of(child)]


def test_the_jenkinsfile_is_valid_groovy() -> None:
    parser = Parser(Language(tree_sitter_groovy.language()))
    text = (PIPELINES / "jenkins" / "Jenkinsfile").read_bytes()
    assert errors_of(parser.parse(text).root_node) == []
    assert errors_of(parser.parse(text.replace(b"steps {", b"steps {{{", 1)).root_node) != []


def argo_request(place: Site, stage: str) -> Reply:
    """Send the request of the web metric, with the arguments of a step."""
    spec = loaded("argo-rollouts/analysis-template.yaml")["spec"]
    arguments = {item["name"]: item.get("value", "") for item in spec["args"]}
    arguments |= {"stage": stage, "url": "", "token": "t"}
    web = spec["metrics"][0]["provider"]["web"]

    def filled(text: str) -> str:
        return re.sub(r"\{\{args\.([\w-]+)\}\}", lambda match: arguments[match[1]], text)

    headers = {header["key"]: filled(header["value"]) for header in web["headers"]}
    return place.server.request(web.get("method", "GET"), filled(web["url"]), headers=headers)


def argo_phase(reply: Reply) -> str:
    """The phase of the measurement by the conditions of the template.

    Source: Argo Rollouts, ``Run`` in metricproviders/webmetric, ``EvaluateResult`` in utils.
    """
    if not 200 <= reply.status < 300:
        return "Error"
    metric = loaded("argo-rollouts/analysis-template.yaml")["spec"]["metrics"][0]
    condition = re.compile(r"result\.(\w+) == true")
    failure, success = (
        condition.fullmatch(metric[name]) for name in ("failureCondition", "successCondition")
    )
    assert failure is not None
    assert success is not None
    if reply.json[failure[1]] is True:
        return "Failed"
    return "Successful" if reply.json[success[1]] is True else "Inconclusive"


@pytest.mark.parametrize(
    ("outcome", "phase"),
    [
        (Outcome.GO, "Successful"),
        (Outcome.HOLD, "Inconclusive"),
        (Outcome.NO_GO, "Failed"),
        (Outcome.ROLLBACK, "Failed"),
        (None, "Error"),
    ],
    ids=str,
)
def test_the_analysis_of_argo_has_the_phase_of_the_decision(
    outcome: Outcome | None, phase: str, place: Site
) -> None:
    place.gate.answers["ramp-30"] = [outcome]
    assert argo_phase(argo_request(place, "ramp-30")) == phase


def test_the_rollout_of_argo_asks_about_each_step_after_its_move(place: Site) -> None:
    steps = loaded("argo-rollouts/rollout.yaml")["spec"]["strategy"]["canary"]["steps"]
    template = loaded("argo-rollouts/analysis-template.yaml")["metadata"]["name"]
    weight = 0
    for step in steps:
        weight = step.get("setWeight", weight)
        if "analysis" in step:
            assert step["analysis"]["templates"] == [{"templateName": template}]
            (argument,) = step["analysis"]["args"]
            assert argument["value"] == (f"ramp-{weight}" if weight else "green-ready")
            assert argo_phase(argo_request(place, argument["value"])) == "Successful"
    assert place.gate.stages == ["green-ready", *STEPS]


def test_one_go_ends_an_analysis_and_one_stop_fails_it() -> None:
    metric = loaded("argo-rollouts/analysis-template.yaml")["spec"]["metrics"][0]
    limits = {name: metric[name] for name in ("consecutiveSuccessLimit", "failureLimit")}
    assert limits == {"consecutiveSuccessLimit": 1, "failureLimit": 0}
    assert metric["inconclusiveLimit"] > 10, "the holds of a bake of ten minutes"
    assert metric["provider"]["web"]["timeoutSeconds"] >= 30


def flagger_replies(place: Site, phase: str = "Progressing") -> dict[str, bool]:
    """Send the request of each webhook; whether Flagger takes the answer for a yes.

    Source: Flagger, ``CallWebhook`` in pkg/controller/webhook.go, CanaryWebhookPayload.
    """
    replies = {}
    for hook in loaded("flagger/canary.yaml")["spec"]["analysis"]["webhooks"]:
        body = {"name": "kirana-store", "namespace": "shop", "phase": phase, "checksum": "85d557f"}
        if "metadata" in hook:
            body["metadata"] = hook["metadata"]
        path = re.sub(r"http://127\.0\.0\.1:8765", "", hook["url"])
        replies[hook["type"]] = place.server.request("POST", path, body).status <= 202
    return replies


@pytest.mark.parametrize(
    ("outcome", "goes"),
    [
        (Outcome.GO, "on"),
        (Outcome.HOLD, "nowhere"),
        (Outcome.NO_GO, "back"),
        (Outcome.ROLLBACK, "back"),
        (None, "nowhere"),
    ],
    ids=str,
)
def test_flagger_does_what_the_gate_decides(
    outcome: Outcome | None, goes: str, place: Site
) -> None:
    place.gate.answers |= {"@step": [outcome], "green-ready": [outcome]}
    assert flagger_replies(place) == {
        "confirm-rollout": goes == "on",
        "rollout": goes == "on",
        "confirm-traffic-increase": goes == "on",
        "confirm-promotion": goes == "on",
        "rollback": goes == "back",
    }


def test_flagger_has_the_steps_of_the_policy_and_asks_about_the_present_step(place: Site) -> None:
    flagger_replies(place)
    analysis = loaded("flagger/canary.yaml")["spec"]["analysis"]
    assert [f"ramp-{weight}" for weight in analysis["stepWeights"]] == STEPS
    assert place.gate.stages == ["green-ready", "@step", "@step", "@step", "@step"]
    hold_minutes = 60
    assert analysis["threshold"] > hold_minutes * len(STEPS)


@pytest.mark.slow
def test_the_gate_itself_lets_every_system_go_on_and_without_prometheus_none(
    tmp_path: Path,
) -> None:
    """No scripted answers: the gate judges the evidence of a place."""
    with passing(tmp_path, "ramp-30") as evidence, serving(settings_of(evidence)) as server:
        real = Site(ScriptedGate(), server, "http://127.0.0.1:1", [])
        command = [str(SHELL / "ask-gate.sh"), "ramp-30", "green"]
        assert real.run(command, tmp_path).code == ExitCode.GO
        assert argo_phase(argo_request(real, "ramp-30")) == "Successful"
        assert flagger_replies(real)["confirm-promotion"]
        leave_prometheus(evidence)
        assert real.run(command, tmp_path).code == ExitCode.HOLD
        assert argo_phase(argo_request(real, "ramp-30")) == "Inconclusive"
        assert set(flagger_replies(real).values()) == {False}
