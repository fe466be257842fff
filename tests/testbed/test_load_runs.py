"""Load runs against a real store: a good run passes, a defect is named, bad input is refused.

``make proof-load`` has the other faults, several workers, and generators that are held up.
"""

import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from fault_table import UNDER_LOAD
from load_command import LoadCommand, findings
from worlds import ROOT, TestWorld, run

from gates.exitcodes import ExitCode


@pytest.fixture
def load(world: TestWorld, tmp_path: Path) -> Callable[..., LoadCommand]:
    """Starts load runs that other tests beside them cannot make inconclusive."""
    text = (ROOT / "policies" / "release.toml").read_text()
    for old, new in (
        ("generator_lag_seconds = 0.1", "generator_lag_seconds = 1"),
        ("api = 1.0", "api = 4.0"),
    ):
        assert old in text
        text = text.replace(old, new)
    policy = tmp_path / "busy-machine.toml"
    policy.write_text(text)
    return lambda *arguments: LoadCommand(
        world, tmp_path / "out", *arguments, "--policy", str(policy)
    )


def test_a_healthy_store_passes_and_the_record_is_complete(
    load: Callable[..., LoadCommand], world: TestWorld
) -> None:
    command = load("smoke", "--users", "40", "--duration", "12")
    code, printed = command.ended()
    assert code == ExitCode.GO, printed
    assert len(findings(printed, "pass")) == 7
    folder = next(command.out.glob("runs/*"))
    assert {path.name for path in folder.iterdir()} >= {
        "load.json",
        "locust.html",
        "locust_stats.csv",
        "locust.log",
    }
    assert (
        run(
            "gates",
            "check",
            "hour-4",
            "--target",
            "green",
            "--targets",
            str(world.targets),
            "--out",
            str(command.out),
        ).code
        == ExitCode.HOLD
    )
    text = "".join(path.read_text() for path in folder.iterdir())
    assert "Bearer" not in text
    assert "eyJ" not in text  # a token


@pytest.mark.slow  # proof-load runs it
def test_requests_without_an_end_break_their_limits_and_no_others(
    load: Callable[..., LoadCommand], world: TestWorld
) -> None:
    with world.fault("requests.hang"):
        code, printed = load("smoke", "--users", "40", "--duration", "15").ended()
    assert code == ExitCode.NO_GO, printed
    failed = findings(printed, "FAIL")
    assert any("were not finished" in line for line in failed), printed
    assert {line.split(": ")[1].replace(" ", "-") for line in failed} == UNDER_LOAD["requests.hang"]


@pytest.mark.slow  # proof-load runs it
def test_an_interrupted_run_proves_nothing_and_leaves_nothing(
    load: Callable[..., LoadCommand], world: TestWorld
) -> None:
    command = load("smoke", "--users", "10", "--duration", "20")
    generators = command.generators()
    time.sleep(4)
    command.process.send_signal(signal.SIGINT)
    code, printed = command.ended()
    assert code == ExitCode.INTERNAL, printed
    assert "interrupted" in printed
    assert not any(generator.is_running() for generator in generators)
    assert "measured" not in command.record
    assert world.gates(command.out, "load-smoke").code == ExitCode.HOLD


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({', "load"]': "]"}, "does not allow load"),
        (
            {
                "production = false": "production = true",
                'secrets_file = "../out/testbed/secrets.env"\n': "",
                "[metrics]": f'[policy]\naccepted = ["sha256:{"0" * 64}"]\n\n[metrics]',
            },
            "does not allow load",
        ),
        (
            {
                'source_addresses = "loopback"': 'source_addresses = "own"',
                'exemption_key = "KIRANA_EXEMPTION_KEY"\n': "",
            },
            "exemption_key is missing",
        ),
        ({'"gamification", "offline_sync", ': ""}, "shoppers need: gamification, offline_sync"),
        ({'api = "http://127.0.0.1:5001"': 'api = "http://192.0.2.1:5001"'}, "not on loopback"),
    ],
)
def test_what_a_target_does_not_allow_does_not_run(
    tmp_path: Path, changes: dict[str, str], said: str
) -> None:
    text = (ROOT / "targets" / "green.toml").read_text()
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    (tmp_path / "green.toml").write_text(text)
    done = run(
        "load",
        "run",
        "smoke",
        "--target",
        "green",
        "--targets",
        str(tmp_path),
        "--out",
        str(tmp_path / "out"),
    )
    assert done.code == ExitCode.USAGE
    assert said in done.err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["run"],
        ["run", "lod", "--target", "green"],
        ["run", "load"],
        ["run", "load", "--target", "green", "--users", "0"],
        ["run", "load", "--target", "green", "--scale", "-1"],
        ["run", "load", "--target", "green", "--scale", "1", "--duration", "3"],
        ["run", "load", "--target", "green", "--users", "30000"],
    ],
)
def test_bad_input_is_exit_2(tmp_path: Path, arguments: list[str]) -> None:
    done = run("load", *arguments, variables={"KIRANA_OUT": str(tmp_path)})
    assert done.code == ExitCode.USAGE
    assert done.err
