"""The ramps of a shell, GitHub Actions, GitLab CI and Jenkins ask a running gate at each step."""

import json
import re
import secrets
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from worlds import ROOT

from gates.exitcodes import ExitCode
from gates.model import Outcome
from pipelines import HOSTILE_REASON, PIPELINES, SHELL, STEPS, Site, loaded, site

ASK, MOVE, RAMP = (str(SHELL / name) for name in ("ask-gate.sh", "move-traffic.sh", "ramp.sh"))
CODES = [
    (Outcome.GO, ExitCode.GO),
    (Outcome.HOLD, ExitCode.HOLD),
    (Outcome.NO_GO, ExitCode.NO_GO),
    (Outcome.ROLLBACK, ExitCode.ROLLBACK),
    (None, ExitCode.INTERNAL),
]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with site(tmp_path_factory.mktemp("site")) as place:
        yield place


@pytest.fixture
def place(running: Site) -> Site:
    """The running site, without the answers, questions and moves of another test."""
    running.reset()
    return running


@pytest.mark.parametrize(("outcome", "code"), CODES, ids=str)
def test_the_exit_code_of_a_question_is_that_of_the_decision(
    outcome: Outcome | None, code: ExitCode, place: Site, tmp_path: Path
) -> None:
    place.gate.answers["ramp-30"] = [outcome]
    done = place.run([ASK, "ramp-30", "green"], tmp_path)
    assert done.code == code
    assert place.gate.stages == ["ramp-30"]
    assert not (tmp_path / "pwned").exists()
    if outcome is not None:
        assert done.out.splitlines()[0].startswith(f"{outcome.value} ramp-30 green x")
        assert json.dumps(HOSTILE_REASON)[1:-1] in done.out


GO = (
    '{"kind": "decision", "schema": 1, "decision": "go", "reason": "r", "stage": "%s", '
    '"target": "%s"}'
)
FORMS = [
    "go",
    "null",
    '{"decision": "go"}',
    f" {GO % ('ramp-30', 'green')}",
    GO % ("ramp-20", "green"),
    GO % ("ramp-30", "blue"),
    (GO % ("ramp-30", "green")).replace('"go"', '"hold", "decision": "go"'),
    (GO % ("ramp-30", "green")).replace('"go"', "true"),
    (GO % ("ramp-30", "green")).replace('"r"', '5, "reason": "r"'),
    "<html>go</html>",
]


@pytest.mark.parametrize("text", FORMS, ids=range(len(FORMS)))
def test_an_answer_of_another_form_is_no_decision(text: str, place: Site, tmp_path: Path) -> None:
    place.gate.text = text
    done = place.run([ASK, "ramp-30", "green"], tmp_path)
    assert done.code == ExitCode.INTERNAL
    place.gate.text = GO % ("ramp-30", "green")
    assert place.run([ASK, "ramp-30", "green"], tmp_path).code == ExitCode.GO


def test_a_question_is_asked_again_while_the_gate_holds(place: Site, tmp_path: Path) -> None:
    place.gate.answers["ramp-30"] = [Outcome.HOLD, Outcome.HOLD, Outcome.GO]
    assert place.run([ASK, "ramp-30", "green", "30"], tmp_path).code == ExitCode.GO
    assert len(place.gate.questions) == 3
    place.gate.answers["ramp-40"] = [Outcome.HOLD, Outcome.ROLLBACK]
    assert place.run([ASK, "ramp-40", "green", "30"], tmp_path).code == ExitCode.ROLLBACK


def test_the_token_is_sent_and_needed(tmp_path: Path) -> None:
    token = secrets.token_hex(16)
    with site(tmp_path, token) as place:
        assert place.run([ASK, "ramp-30", "green"], tmp_path).code == ExitCode.INTERNAL
        assert place.gate.questions == []
        done = place.run([ASK, "ramp-30", "green"], tmp_path, {"KIRANA_SERVE_TOKEN": token})
        assert done.code == ExitCode.GO
        assert token not in done.out + done.err


def test_a_server_that_nobody_runs_is_no_decision(place: Site, tmp_path: Path) -> None:
    done = place.run([ASK, "ramp-30", "green"], tmp_path, {"GATES_URL": "http://127.0.0.1:1"})
    assert done.code == ExitCode.INTERNAL
    assert "no decision" in done.err


@pytest.mark.parametrize(
    "arguments", [[], ["ramp-30"], ['ramp"', "green"], ["ramp-30", "../green"], ["$(id)", "green"]]
)
def test_arguments_that_are_no_names_are_refused(
    arguments: list[str], place: Site, tmp_path: Path
) -> None:
    assert place.run([ASK, *arguments], tmp_path).code == ExitCode.USAGE
    assert place.gate.questions == []


@pytest.mark.parametrize("argument", ["", "101", "-1", "ten", "1e1"])
def test_a_share_that_is_no_percentage_is_refused(
    argument: str, place: Site, tmp_path: Path
) -> None:
    assert place.run([MOVE, argument], tmp_path).code == ExitCode.USAGE
    assert place.shares == []


def test_a_ramp_of_goes_ends_with_all_traffic_on_green(place: Site, tmp_path: Path) -> None:
    done = place.run([RAMP, "green"], tmp_path)
    assert done.code == 0, done.err
    assert place.gate.stages == ["green-ready", *STEPS]
    assert place.shares == [round(0.1 * step, 1) for step in range(1, 11)]


@pytest.mark.parametrize(("outcome", "code"), CODES[1:], ids=str)
def test_a_ramp_without_a_go_gives_all_traffic_back(
    outcome: Outcome | None, code: ExitCode, place: Site, tmp_path: Path
) -> None:
    place.gate.answers["ramp-20"] = [outcome]
    done = place.run([RAMP, "green"], tmp_path, {"HOLD_SECONDS": "0"})
    assert done.code == code
    assert place.shares == [0.1, 0.2, 0]


def test_a_ramp_that_is_ended_gives_all_traffic_back(place: Site, tmp_path: Path) -> None:
    place.gate.answers["ramp-10"] = [Outcome.HOLD]
    variables = place.environment({"GATES_POLL_SECONDS": "0.1"})
    ramp = subprocess.Popen([RAMP, "green"], cwd=tmp_path, env=variables, stdout=subprocess.PIPE)
    deadline = time.monotonic() + 20
    while "ramp-10" not in place.gate.stages and time.monotonic() < deadline:
        time.sleep(0.02)
    ramp.send_signal(signal.SIGTERM)
    ramp.communicate(timeout=20)
    assert ramp.returncode == ExitCode.INTERNAL
    assert place.shares == [0.1, 0]


def test_a_ramp_whose_balancer_does_not_answer_is_no_success(place: Site, tmp_path: Path) -> None:
    done = place.run([RAMP, "green"], tmp_path, {"BALANCER_URL": "http://127.0.0.1:1"})
    assert done.code == ExitCode.INTERNAL


def github_bash(script: str) -> list[str]:
    """How GitHub runs a step; source: Workflow syntax, ``jobs.<job_id>.steps[*].shell``."""
    return ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script]


def run_action(inputs: dict[str, str], place: Site, folder: Path) -> tuple[int, dict[str, str]]:
    """Run the composite action with inputs; the exit code, and the outputs."""
    action = loaded("github-actions/ask-gate/action.yml")
    given = {name: rule.get("default", "") for name, rule in action["inputs"].items()} | inputs
    (step,) = action["runs"]["steps"]
    path = str(PIPELINES / "github-actions" / "ask-gate")
    values = {"github.action_path": path} | {f"inputs.{name}": text for name, text in given.items()}
    variables = {name: expanded(text, values) for name, text in step["env"].items()}
    output = folder / "output"
    output.write_text("")
    done = place.run(github_bash(step["run"]), folder, variables | {"GITHUB_OUTPUT": str(output)})
    lines = (line.partition("=") for line in output.read_text().splitlines())
    return done.code, {name: value for name, _, value in lines}


def expanded(text: str, values: dict[str, str]) -> str:
    """A text with the values of its expressions."""
    return re.sub(r"\$\{\{ ([\w.-]+) \}\}", lambda match: values[match[1]], text)


@pytest.mark.parametrize(("outcome", "code"), CODES, ids=str)
def test_the_action_fails_unless_the_gate_says_go(
    outcome: Outcome | None, code: ExitCode, place: Site, tmp_path: Path
) -> None:
    place.gate.answers["ramp-30"] = [outcome]
    url = place.environment()["GATES_URL"]
    assert run_action({"stage": "ramp-30", "url": url}, place, tmp_path) == (
        code,
        {"exit-code": str(int(code))},
    )


def test_no_input_of_the_action_is_a_command(place: Site, tmp_path: Path) -> None:
    inputs = {"stage": "$(touch pwned)", "url": place.environment()["GATES_URL"]}
    assert run_action(inputs, place, tmp_path)[0] == ExitCode.USAGE
    assert not (tmp_path / "pwned").exists()
    steps = loaded("github-actions/ask-gate/action.yml")["runs"]["steps"]
    assert [step["run"] for step in steps if "${{" in step["run"]] == []


def run_github_job(name: str, values: dict[str, str], place: Site, folder: Path) -> bool:
    """Run the steps of a job of the workflow, each as GitHub does; whether all succeeded."""
    for step in loaded("github-actions/release.yml")["jobs"][name]["steps"]:
        if step.get("uses", "").startswith("actions/"):
            continue
        if "run" in step:
            variables = {key: expanded(text, values) for key, text in step.get("env", {}).items()}
            code = place.run(github_bash(step["run"]), ROOT, variables).code
        else:
            assert (ROOT / step["uses"] / "action.yml").is_file()
            inputs = {key: expanded(text, values) for key, text in step["with"].items()}
            code, _ = run_action({**inputs, "wait-seconds": "0"}, place, folder)
        if code != 0:
            return False
    return True


def run_workflow(place: Site, folder: Path) -> bool:
    """Run the jobs of the workflow in their order; whether the ramp succeeded."""
    values = {
        "inputs.target": "green",
        "secrets.GATES_TOKEN": "",
        "vars.GATES_URL": place.environment()["GATES_URL"],
        "vars.BALANCER_URL": place.balancer,
    }
    if not run_github_job("ready", values, place, folder):
        return False
    percents = loaded("github-actions/release.yml")["jobs"]["ramp"]["strategy"]["matrix"]["percent"]
    for percent in percents:
        if not run_github_job("ramp", values | {"matrix.percent": str(percent)}, place, folder):
            run_github_job("rollback", values, place, folder)
            return False
    return True


def test_the_workflow_ramps_and_asks_at_each_step(place: Site, tmp_path: Path) -> None:
    assert run_workflow(place, tmp_path)
    assert place.gate.stages == ["green-ready", *STEPS]
    assert place.shares[-1] == 1


def test_the_workflow_gives_the_traffic_back_where_a_step_is_no_go(
    place: Site, tmp_path: Path
) -> None:
    place.gate.answers["ramp-20"] = [Outcome.NO_GO]
    assert not run_workflow(place, tmp_path)
    assert place.shares == [0.1, 0.2, 0]
    job = loaded("github-actions/release.yml")["jobs"]["rollback"]
    assert set(job["needs"]) == {"ready", "ramp"}
    assert "always()" in job["if"]
    assert "needs.ramp.result != 'success'" in job["if"]


def test_each_action_of_the_workflow_is_pinned_to_a_commit() -> None:
    text = (PIPELINES / "github-actions" / "release.yml").read_text()
    uses = re.findall(r"uses: (\S+)", text)
    others = [name for name in uses if not name.startswith("./")]
    assert others
    assert [name for name in others if not re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", name)] == []


def run_gitlab_pipeline(place: Site) -> bool:
    """Run the jobs of GitLab stage by stage, each script as the runner does."""
    pipeline = loaded("gitlab/release.gitlab-ci.yml")
    jobs = {name: job for name, job in pipeline.items() if isinstance(job, dict) and "stage" in job}
    for stage in pipeline["stages"]:
        (job,) = [job for job in jobs.values() if job["stage"] == stage]
        if job.get("when") == "on_failure":
            continue
        whole = {**pipeline.get(job.get("extends"), {}), **job}
        variables = {**pipeline["variables"], **whole.get("variables", {}), "HOLD_SECONDS": "0"}
        if place.run(["sh", "-ec", "\n".join(whole["script"])], ROOT, variables).code != 0:
            (last,) = [job for job in jobs.values() if job.get("when") == "on_failure"]
            place.run(["sh", "-ec", "\n".join(last["script"])], ROOT)
            return False
    return True


def test_gitlab_ramps_and_asks_at_each_step(place: Site) -> None:
    assert run_gitlab_pipeline(place)
    assert place.gate.stages == ["green-ready", *STEPS]
    assert place.shares[-1] == 1


def test_gitlab_gives_the_traffic_back_where_a_step_is_a_rollback(place: Site) -> None:
    place.gate.answers["ramp-20"] = [Outcome.ROLLBACK]
    assert not run_gitlab_pipeline(place)
    assert place.shares == [0.1, 0.2, 0]


def run_jenkins_pipeline(place: Site) -> bool:
    """Run the shell steps of the Jenkinsfile in their order: those of the loop for each percent."""
    text = (PIPELINES / "jenkins" / "Jenkinsfile").read_text()
    ready, *of_step, back = re.findall(r"sh '(.*)'", text)
    percents = re.findall(r"\d+", re.findall(r"percent in \[(.*)\]", text)[0])
    if place.run(["sh", "-xec", ready], ROOT, {"TARGET": "green"}).code != 0:
        return False
    for percent in percents:
        for step in of_step:
            command = step.replace(" 3600", " 0")
            variables = {"TARGET": "green", "PERCENT": percent}
            if place.run(["sh", "-xec", command], ROOT, variables).code != 0:
                place.run(["sh", "-xec", back], ROOT)
                return False
    return True


def test_jenkins_ramps_and_asks_at_each_step(place: Site) -> None:
    assert run_jenkins_pipeline(place)
    assert place.gate.stages == ["green-ready", *STEPS]
    assert place.shares[-1] == 1


def test_jenkins_gives_the_traffic_back_where_there_is_no_decision(place: Site) -> None:
    place.gate.answers["ramp-20"] = [None]
    assert not run_jenkins_pipeline(place)
    assert place.shares == [0.1, 0.2, 0]
