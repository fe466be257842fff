"""The pytest plugin as a QA engineer meets it."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from secured_prometheus import kept_texts
from worlds import ROOT, Done, TestWorld, recorded, results, run


@pytest.mark.slow  # proof-suites runs it
def test_blue_passes_with_what_v4_declares_and_what_is_not_applicable_is_never_a_go(
    world: TestWorld, tmp_path: Path
) -> None:
    done = world.pytest(tmp_path, "-m", "smoke", "-q", target="blue")
    outcomes = results(tmp_path)
    assert done.code == 0, done.out
    assert f"report: {tmp_path / 'report' / 'index.html'} is written by: gates report" in done.out
    assert outcomes.pop("smoke.realtime") == "not_applicable"
    assert set(outcomes.values()) == {"passed"}
    answer = world.gates(tmp_path, "green-ready", target="blue")
    assert answer.code == 3
    assert "smoke.realtime was not applicable" in answer.out


def test_a_mistyped_target_exits_4_and_names_the_nearest() -> None:
    done = run("pytest", "-m", "smoke", "--target", "grene")
    assert done.code == 4
    assert "Did you mean green?" in done.err


@pytest.mark.slow  # proof-suites runs it
def test_without_a_target_it_says_which_there_are() -> None:
    done = run("pytest", "-m", "smoke")
    assert done.code == 4
    assert "these checks need --target NAME; known targets: blue, green" in done.err + done.out


@pytest.mark.slow  # proof-suites runs it
def test_two_workers_give_the_same_evidence(
    world: TestWorld, passed_out: Path, tmp_path: Path
) -> None:
    done = world.pytest(tmp_path, "-m", "smoke", "-q", "-n", "2")
    assert done.code == 0, done.out
    assert results(tmp_path) == results(passed_out)
    assert set(skeleton(tmp_path)) == set(skeleton(passed_out))
    assert world.gates(tmp_path, "green-ready").code == 0


def skeleton(out: Path) -> list[tuple[str, ...]]:
    """The events without times, durations and names of runs."""
    lines = (out / "latest" / "checks.jsonl").read_text().splitlines()
    events = [json.loads(line) for line in lines]
    names = ("event", "id", "outcome", "nodeid", "message", "checks", "build", "target")
    return [tuple(json.dumps(event.get(name)) for name in names) for event in events]


@pytest.mark.slow  # proof-suites runs it
def test_it_runs_from_any_directory_as_an_installed_package(
    world: TestWorld, tmp_path: Path
) -> None:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    done = run(
        "pytest",
        "--pyargs",
        "suites",
        "-m",
        "smoke",
        "--target",
        "green",
        "-p",
        "no:cacheprovider",
        folder=folder,
        variables={"KIRANA_TARGETS": str(world.targets)},
    )
    assert done.code == 0, done.out + done.err
    assert f"from {world.targets} (KIRANA_TARGETS)" in done.out
    assert len(results(folder / "out")) == 17


def smoke(targets: Path, out: Path) -> Done:
    """A smoke run on the target green of a folder."""
    places = (f"--targets={targets}", f"--out={out}")
    return run("pytest", "-m", "smoke", "--target", "green", "-q", *places)


def test_an_unreachable_target_is_one_clear_failure(world: TestWorld, tmp_path: Path) -> None:
    targets = tmp_path / "targets"
    targets.mkdir()
    text = (world.targets / "green.toml").read_text()
    closed = text.replace(str(world.ports["green_api"]), "1")
    (targets / "green.toml").write_text(closed.replace("../", f"{world.folder}/"))
    done = smoke(targets, tmp_path / "out")
    assert done.code == 4
    said = done.out + done.err
    assert said.count("cannot be reached at http://127.0.0.1:1") == 1
    answer = run(
        "gates",
        "check",
        "green-ready",
        "--target",
        "green",
        "--targets",
        str(targets),
        "--out",
        str(tmp_path / "out"),
    )
    assert answer.code == 3
    assert "has not finished" in answer.out


def test_junit_and_allure_stand_beside_the_record(passed_out: Path) -> None:
    folder = passed_out / "latest"
    cases = ET.parse(folder / "junit.xml").getroot().iter("testcase")  # noqa: S314 - our own file
    assert len(list(cases)) == 17
    assert len(list((folder / "allure").glob("*-result.json"))) == 17


def test_an_unknown_check_is_refused(world: TestWorld, tmp_path: Path) -> None:
    done = world.pytest(tmp_path, "--check", "smoke.logni")
    assert done.code == 4
    assert "no check 'smoke.logni'" in done.err


@pytest.mark.slow  # proof-suites runs it
def test_a_run_id_is_used_once(world: TestWorld, tmp_path: Path) -> None:
    once = world.pytest(tmp_path, "-q", "--check", "smoke.health", "--run-id", "mine")
    twice = world.pytest(tmp_path, "-q", "--check", "smoke.health", "--run-id", "mine")
    wrong = world.pytest(tmp_path, "-q", "--check", "smoke.health", "--run-id", "../x")
    assert (once.code, twice.code, wrong.code) == (0, 4, 4)


def limits_digest(out: Path) -> str:
    """The digest of the limits that the latest run judged by."""
    started = json.loads((out / "latest" / "checks.jsonl").read_text().splitlines()[0])
    return str(started["limits"])


def changed_policy(tmp_path: Path) -> Path:
    """The release policy with another limit of latency."""
    text = (ROOT / "policies" / "release.toml").read_text()
    changed = re.sub(
        r"^permission_check = .*$", "permission_check = 0.123", text, flags=re.MULTILINE
    )
    assert changed != text
    path = tmp_path / "changed.toml"
    path.write_text(changed)
    return path


@pytest.mark.slow  # proof-suites runs it
def test_option_and_variable_choose_the_policy_whose_limits_are_recorded(
    world: TestWorld, passed_out: Path, tmp_path: Path
) -> None:
    path = changed_policy(tmp_path)
    by_option = world.pytest(tmp_path / "a", "--check", "smoke.health", f"--policy={path}")
    by_variable = world.pytest(tmp_path / "b", "--check", "smoke.health", KIRANA_POLICY=str(path))
    assert (by_option.code, by_variable.code) == (0, 0), by_option.out + by_variable.out
    digest = limits_digest(tmp_path / "a")
    assert limits_digest(tmp_path / "b") == digest
    assert limits_digest(passed_out) not in ("", digest)
    assert f"policy: {path} (--policy); limits {digest[:12]}" in by_option.out
    assert f"policy: {path} (KIRANA_POLICY); limits {digest[:12]}" in by_variable.out


def test_the_checks_use_the_limits_of_the_chosen_policy(world: TestWorld, tmp_path: Path) -> None:
    module = tmp_path / "test_limit.py"
    module.write_text(
        "from suites.pytest_plugin.marks import check\n\n@check('smoke.cart', needs='cart')\n"
        "def test_it(policy):\n    assert policy.latency_limits['permission_check'] == 0.123\n"
    )
    chosen = f"--policy={changed_policy(tmp_path)}"
    done = world.pytest(tmp_path / "out", "-q", chosen, f"--rootdir={tmp_path}", str(module))
    assert done.code == 0, done.out


@pytest.mark.parametrize("text", [None, "not = [toml", "[latency_limits]\nsearch = 0\n"])
def test_a_policy_that_cannot_be_read_is_a_usage_error(
    world: TestWorld, tmp_path: Path, text: str | None
) -> None:
    path = tmp_path / "broken.toml"
    if text is not None:
        path.write_text(text)
    done = world.pytest(tmp_path / "out", "--check", "smoke.health", f"--policy={path}")
    assert done.code == 4, done.out
    assert str(path) in done.err
    assert not (tmp_path / "out" / "runs").exists()


def test_a_target_that_does_not_allow_a_suite_does_not_run_it(
    world: TestWorld, tmp_path: Path
) -> None:
    targets = tmp_path / "targets"
    targets.mkdir()
    text = (world.targets / "green.toml").read_text().replace("../", f"{world.folder}/")
    (targets / "green.toml").write_text(text.replace('"smoke", ', ""))
    done = smoke(targets, tmp_path / "out")
    assert done.code == 5
    assert set(results(tmp_path / "out").values()) == {"skipped"}


def test_nothing_is_left_in_the_database(world: TestWorld, passed_out: Path) -> None:
    from pymongo import MongoClient

    del passed_out
    with MongoClient[dict[str, object]](
        world.state["environment"]["KIRANA_DATABASE_URI"]
    ) as client:
        database = client.get_default_database()
        users = [user["_id"] for user in database.users.find()]
        assert [name for name in users if "seed" not in str(name)] == []
        assert database.orders.count_documents({}) == 0
        assert database.order_events.count_documents({}) == 0
        assert database.products.count_documents({"visibility": "unlisted"}) == 0


@pytest.mark.slow  # proof-suites runs it
def test_no_log_in_of_a_target_file_is_in_any_file_or_line(
    world: TestWorld, tmp_path: Path
) -> None:
    """A run whose checks fail, with curl lines, and the gate's answer on it."""
    word = "log-in" + "-of-the-gate" * 2
    shutil.copytree(world.folder / "targets", tmp_path / "targets")
    path = tmp_path / "targets" / "green.toml"
    text = path.read_text().replace('version = "5.0.0"', 'version = "5.0.1"')
    text = text.replace("../", f"{world.folder}/")
    for part in ("api", "health", "prometheus", "balancer_control"):
        text += f'\n[access.{part}]\nsecret_headers = {{ X-Key = "KIRANA_TEST_KEY" }}\n'
    path.write_text(text)
    places = (f"--targets={tmp_path / 'targets'}", f"--out={tmp_path / 'out'}")
    variables = {"KIRANA_TEST_KEY": word}
    tested = run(
        "pytest",
        "--target=green",
        *places,
        "-p",
        "no:cacheprovider",
        "--check=smoke.version",
        "--check=smoke.catalogue",
        variables=variables,
    )
    assert tested.code == 1, tested.out
    assert '-H "X-Key: $KIRANA_TEST_KEY"' in tested.out
    answer = run("gates", "check", "ramp-10", "--target=green", *places, variables=variables)
    assert answer.code in (1, 3)
    texts = kept_texts(tmp_path / "out")
    assert len(texts) > 5
    assert [text for text in texts if word in text] == []
    assert word not in tested.out + tested.err + answer.out + answer.err


def test_no_secret_is_in_any_file_of_a_run(world: TestWorld, passed_out: Path) -> None:
    environment = world.state["environment"]
    secrets = [environment[name] for name in ("KIRANA_WEBHOOK_KEY", "KIRANA_EXEMPTION_KEY")]
    texts = [path.read_text(errors="replace") for path in passed_out.rglob("*") if path.is_file()]
    assert texts
    assert [secret for secret in secrets for text in texts if secret in text] == []
    assert [text for text in texts if "eyJ" in text or "4111111111111111" in text] == []


@pytest.mark.parametrize("suite", ["smoke"])
def test_every_check_of_a_suite_is_in_the_policy_and_the_other_way_round(
    passed_out: Path, suite: str
) -> None:
    import tomllib

    policy = tomllib.loads((ROOT / "policies" / "release.toml").read_text())
    assert set(results(passed_out)) == set(policy["check_sets"][suite])


BAD_MODULES = {
    "import fails": ("import nothing_like_this\n", 2, {}),
    "skipped after it failed": (
        (
            "@pytest.fixture\ndef late():\n    yield\n    pytest.skip('late')\n\n"
            "@check('smoke.login', needs='auth')\ndef test_it(late):\n    assert 1 == 2\n"
        ),
        1,
        {"smoke.login": "failed"},
    ),
    "named as another check": (
        (
            "@check('smoke.login', needs='auth')\ndef test_it(record_property):\n"
            "    record_property('kirana_check', 'smoke.health')\n"
        ),
        0,
        {"smoke.login": "passed"},
    ),
}


@pytest.mark.parametrize("what", BAD_MODULES)
def test_a_module_cannot_talk_its_way_to_a_pass(
    world: TestWorld, tmp_path: Path, what: str
) -> None:
    text, code, outcomes = BAD_MODULES[what]
    module = tmp_path / "test_bad.py"
    module.write_text(f"import pytest\nfrom suites.pytest_plugin.marks import check\n\n{text}")
    out = tmp_path / "out"
    done = world.pytest(out, "-q", f"--rootdir={tmp_path}", str(module))
    assert done.code == code, done.out
    assert results(out) == outcomes
    lines = (out / "latest" / "checks.jsonl").read_text()
    assert ('"collected"' in lines) == bool(outcomes)


def test_without_assertions_nothing_is_checked(world: TestWorld, tmp_path: Path) -> None:
    done = world.pytest(tmp_path, "-q", "--check", "smoke.health", PYTHONOPTIMIZE="1")
    # Here warnings are errors and pytest itself refuses first; elsewhere the plugin does.
    assert done.code in (1, 4)
    assert not (tmp_path / "runs").exists()


LEAKING = """
import suites.testdata.ownership
from suites.pytest_plugin.marks import check

@check("smoke.login", needs="auth")
def test_it(database, run_id):
    database.carts.insert_one({"_id": f"usr_{run_id}_x", "items": []})
    suites.testdata.ownership.remove_everything = lambda database, run_id: None
"""


def test_what_a_run_leaves_behind_fails_it(world: TestWorld, tmp_path: Path) -> None:
    (tmp_path / "test_leak.py").write_text(LEAKING)
    done = world.pytest(tmp_path / "out", "-q", f"--rootdir={tmp_path}", f"{tmp_path}/test_leak.py")
    assert done.code == 1, done.out
    assert recorded(tmp_path / "out") == {"smoke.login": "passed", "run.left_nothing": "failed"}
    assert (
        "left behind in the database: not true within 5 s: all data of the run is deleted; "
        "last value: {'carts': 1}" in (done.out)
    )


def test_a_failing_run_leaves_nothing(world: TestWorld, tmp_path: Path) -> None:
    module = tmp_path / "test_bad.py"
    module.write_text(
        "from suites.pytest_plugin.marks import check\n\n@check('smoke.cart', needs='cart')\n"
        "def test_it(shopper, order):\n    assert order is None\n"
    )
    done = world.pytest(tmp_path / "out", "-q", f"--rootdir={tmp_path}", str(module))
    assert done.code == 1, done.out
    assert recorded(tmp_path / "out") == {"smoke.cart": "failed", "run.left_nothing": "passed"}


@pytest.mark.slow  # proof-suites runs it
def test_an_interrupted_run_leaves_nothing_and_counts_for_nothing(
    world: TestWorld, tmp_path: Path
) -> None:
    command = (
        "pytest",
        "-m",
        "integration",
        "--target",
        "green",
        f"--targets={world.targets}",
        f"--out={tmp_path}",
        "-p",
        "no:cacheprovider",
        "-q",
    )
    clean = {name: value for name, value in os.environ.items() if not name.startswith("KIRANA_")}
    with subprocess.Popen(
        [sys.executable, "-m", *command], cwd=ROOT, env=clean, stdout=subprocess.PIPE, text=True
    ) as going:
        record, deadline = tmp_path / "latest" / "checks.jsonl", time.monotonic() + 30
        while not (record.exists() and record.read_text().count('"check"') >= 2):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        going.send_signal(signal.SIGINT)
        said, _ = going.communicate(timeout=30)
    assert going.returncode == 2
    assert "left behind in the database: nothing" in said
    assert recorded(tmp_path)["run.left_nothing"] == "passed"
    assert '"finished"' not in record.read_text()


RERUNNING = """
from _pytest.runner import runtestprotocol

def pytest_runtest_protocol(item, nextitem):
    for attempt in range(2):
        reports = runtestprotocol(item, nextitem=nextitem, log=False)
        if attempt == 1 or not any(report.failed for report in reports):
            for report in reports:
                item.ihook.pytest_runtest_logreport(report=report)
            return True
"""
UNSTEADY = """
import pathlib
from suites.pytest_plugin.marks import check

@check("smoke.health", needs="auth")
def test_it():
    mark = pathlib.Path(__file__).with_name("mark")
    tried = mark.exists()
    mark.touch()
    assert tried
"""


@pytest.mark.slow  # proof-suites runs it
def test_a_rerun_that_hides_the_first_failure_is_a_failure(
    world: TestWorld, tmp_path: Path
) -> None:
    (tmp_path / "rerunning.py").write_text(RERUNNING)
    module = tmp_path / "test_unsteady.py"
    module.write_text(UNSTEADY)
    done = world.pytest(
        tmp_path / "out",
        "-q",
        "-p",
        "rerunning",
        f"--rootdir={tmp_path}",
        str(module),
        PYTHONPATH=str(tmp_path),
    )
    # pytest would say 0; a run in which not one check passed is no success.
    assert done.code == 5, done.out
    assert results(tmp_path / "out") == {"smoke.health": "failed"}


@pytest.mark.slow  # proof-suites runs it
def test_a_worker_that_dies_is_no_pass(world: TestWorld, tmp_path: Path) -> None:
    module = tmp_path / "test_dying.py"
    module.write_text(
        "import os\nfrom suites.pytest_plugin.marks import check\n\n"
        "@check('smoke.health', needs='auth')\n"
        "def test_it():\n    os._exit(0)\n"
    )
    done = world.pytest(tmp_path / "out", "-q", "-n", "1", f"--rootdir={tmp_path}", str(module))
    assert done.code == 1, done.out
    assert "passed" not in results(tmp_path / "out").values()
    assert world.gates(tmp_path / "out", "green-ready").code != 0
