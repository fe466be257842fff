"""Whole load runs against a real store: a good one passes, and each way to go wrong is named."""

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from fault_table import UNDER_LOAD
from worlds import ROOT, TestWorld, environment, run

from gates.exitcodes import ExitCode
from testbed import ports

# Runs of load keep to one worker: two at once would be each other's disturbance.
pytestmark = pytest.mark.xdist_group("load")

SECONDS = 150


class LoadCommand:
    """``python -m load run`` on a world, while it runs."""

    def __init__(self, world: TestWorld, out: Path, *arguments: str) -> None:
        self.out = out
        self.process = subprocess.Popen(
            [sys.executable, "-m", "load", "run", *arguments, "--target", "green",
             "--targets", str(world.targets), "--out", str(out)],
            cwd=ROOT, env=environment(), text=True, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )  # fmt: skip

    def generators(self) -> list[psutil.Process]:
        """The Locust processes, once they are there; the one that leads comes first."""
        until = time.monotonic() + SECONDS
        while time.monotonic() < until:
            found = [one for one in psutil.Process(self.process.pid).children()
                     if "locust" in " ".join(one.cmdline())]  # fmt: skip
            if found:
                return sorted(found, key=lambda one: one.create_time())
            time.sleep(0.1)
        raise AssertionError("no generator was started")

    def ended(self) -> tuple[int, str]:
        """Exit code, and what was printed."""
        out, _ = self.process.communicate(timeout=SECONDS)
        return self.process.returncode, out

    @property
    def record(self) -> dict[str, object]:
        content: dict[str, object] = json.loads(next(self.out.glob("runs/*/load.json")).read_text())
        return content


@pytest.fixture
def load(world: TestWorld, tmp_path: Path) -> Callable[..., LoadCommand]:
    return lambda *arguments: LoadCommand(world, tmp_path / "out", *arguments)


def findings(printed: str, word: str) -> list[str]:
    return [line.strip() for line in printed.splitlines() if line.strip().startswith(word)]


def test_a_healthy_store_passes_and_the_record_is_complete(
    load: Callable[..., LoadCommand], world: TestWorld
) -> None:
    command = load("smoke", "--users", "40", "--duration", "15")
    code, printed = command.ended()
    assert code == ExitCode.GO, printed
    assert len(findings(printed, "pass")) == 7
    folder = next(command.out.glob("runs/*"))
    assert {one.name for one in folder.iterdir()} >= {
        "load.json", "locust.html", "locust_stats.csv", "locust.log"}  # fmt: skip
    assert run("gates", "check", "hour-4", "--target", "green", "--targets", str(world.targets),
               "--out", str(command.out)).code == ExitCode.HOLD  # fmt: skip
    text = "".join(path.read_text() for path in folder.iterdir())
    assert "Bearer" not in text
    assert "eyJ" not in text  # a token


def test_two_workers_are_merged(load: Callable[..., LoadCommand]) -> None:
    code, printed = load("smoke", "--users", "40", "--duration", "15", "--workers", "2").ended()
    assert code == ExitCode.GO, printed
    assert "40 of 40 users" in printed
    assert "the busiest of 2 processes" in printed


def test_workers_of_other_machines_are_waited_for(load: Callable[..., LoadCommand]) -> None:
    address = f"127.0.0.1:{ports.free()['control']}"
    command = load("smoke", "--users", "30", "--duration", "12", "--workers", "2",
                   "--listen", address)  # fmt: skip
    workers = [subprocess.Popen([sys.executable, "-m", "load", "worker", "--master", address],
                                cwd=ROOT) for _ in range(2)]  # fmt: skip
    code, printed = command.ended()
    assert code == ExitCode.GO, printed
    assert "the busiest of 2 processes" in printed
    assert [one.wait(10) for one in workers] == [0, 0]


def test_a_store_frozen_for_eight_seconds(
    load: Callable[..., LoadCommand], world: TestWorld
) -> None:
    command = load("smoke", "--users", "40", "--duration", "26")
    command.generators()
    green = psutil.Process(world.state["running"]["green"]["pid"])
    time.sleep(9)
    green.send_signal(signal.SIGSTOP)
    time.sleep(8)
    green.send_signal(signal.SIGCONT)
    code, printed = command.ended()
    assert code == ExitCode.NO_GO, printed
    assert any("s without a right answer" in line for line in findings(printed, "FAIL")), printed


# Each fault that only load shows: the run, what is said of it, and whether that is all.
FAULTS: dict[str, tuple[tuple[str, ...], str]] = {
    "requests.hang": (("smoke", "--users", "40", "--duration", "15"), "had no end"),
    "requests.some_fail": (
        ("smoke", "--users", "220", "--duration", "26"),
        "failed or had no end; under 0.5 %; most often: status 500",
    ),
    "search.tail": (("load", "--users", "150", "--duration", "36"), "P95 of search is"),
    "memory.leak": (("soak", "--users", "30", "--duration", "42"), "memory grew by"),
    "latency.growing": (("soak", "--users", "30", "--duration", "42"), "latency grew by"),
}


def test_every_fault_of_load_is_shown() -> None:
    assert set(FAULTS) == set(UNDER_LOAD)


SLOW = ("memory.leak", "latency.growing")


@pytest.mark.parametrize(
    "name", [pytest.param(one, marks=pytest.mark.slow if one in SLOW else ()) for one in FAULTS]
)
def test_a_fault_breaks_its_limits_and_no_others(
    load: Callable[..., LoadCommand], world: TestWorld, name: str
) -> None:
    arguments, said = FAULTS[name]
    with world.fault(name):
        code, printed = load(*arguments).ended()
    assert code == ExitCode.NO_GO, printed
    failed = findings(printed, "FAIL")
    assert any(said in line for line in failed), printed
    broken = {line.split(": ")[1].replace(" ", "-") for line in failed}
    assert broken == UNDER_LOAD[name], printed


@pytest.mark.slow
@pytest.mark.parametrize(("profile", "seconds"), [("stress", "70"), ("spike", "45")])
def test_the_other_profiles_pass_on_a_healthy_store(
    load: Callable[..., LoadCommand], profile: str, seconds: str
) -> None:
    command = load(profile, "--users", "120", "--duration", seconds)
    code, printed = command.ended()
    few = (" p95 ", " payment_success: ")
    lines = [line for line in findings(printed, "UNSURE") if not any(one in line for one in few)]
    # So few requests are too few to be sure of P95 and payments; everything else is.
    assert code in (ExitCode.GO, ExitCode.HOLD), printed
    assert lines == [], printed
    assert findings(printed, "FAIL") == [], printed
    said = {"stress": "every limit held up to 240 users", "spike": "until answers were right"}
    assert said[profile] in printed


def test_a_killed_worker(load: Callable[..., LoadCommand]) -> None:
    command = load("smoke", "--users", "40", "--duration", "20", "--workers", "2")
    until = time.monotonic() + SECONDS
    while len(command.generators()) < 3 and time.monotonic() < until:
        time.sleep(0.1)
    time.sleep(9)
    command.generators()[-1].kill()
    code, printed = command.ended()
    assert code == ExitCode.HOLD, printed
    assert "1 of 2 workers were gone before the end" in printed
    assert findings(printed, "FAIL") == []


def busy() -> None:
    os.sched_setaffinity(0, {0})
    while True:
        pass


def test_a_starved_generator(load: Callable[..., LoadCommand]) -> None:
    command = load("smoke", "--users", "40", "--duration", "15")
    [generator] = command.generators()
    time.sleep(3)
    generator.cpu_affinity([0])
    generator.nice(19)
    hogs = [multiprocessing.get_context("fork").Process(target=busy, daemon=True)
            for _ in range(4)]  # fmt: skip
    for hog in hogs:
        hog.start()
    try:
        threading.Event().wait(14)
    finally:
        for hog in hogs:
            hog.kill()
            hog.join()
    code, printed = command.ended()
    assert code == ExitCode.HOLD, printed
    assert "the generator was the bottleneck" in printed
    assert findings(printed, "FAIL") == []


def test_an_interrupted_run_proves_nothing_and_leaves_nothing(
    load: Callable[..., LoadCommand], world: TestWorld
) -> None:
    command = load("smoke", "--users", "20", "--duration", "20")
    generators = command.generators()
    time.sleep(4)
    command.process.send_signal(signal.SIGINT)
    code, printed = command.ended()
    assert code == ExitCode.INTERNAL, printed
    assert "interrupted" in printed
    assert not any(one.is_running() for one in generators)
    assert "measured" not in command.record
    assert world.gates(command.out, "load-smoke").code == ExitCode.HOLD


@pytest.mark.parametrize(
    ("changes", "said"),
    [({', "load"]': "]"}, "does not allow load"),
     ({"production = false": "production = true",
       'secrets_file = "../out/testbed/secrets.env"\n': "",
       "[metrics]": f'[policy]\naccepted = ["sha256:{"0" * 64}"]\n\n[metrics]'},
      "does not allow load"),
     ({'source_addresses = "loopback"': 'source_addresses = "own"',
       'exemption_key = "KIRANA_EXEMPTION_KEY"\n': ""}, "no exemption_key"),
     ({'"gamification", "offline_sync", ': ""}, "lacks gamification, offline_sync, which shoppers"),
     ({'api = "http://127.0.0.1:5001"': 'api = "http://192.0.2.1:5001"'}, "not on loopback")],
)  # fmt: skip
def test_what_a_target_does_not_allow_does_not_run(
    tmp_path: Path, changes: dict[str, str], said: str
) -> None:
    text = (ROOT / "targets" / "green.toml").read_text()
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    (tmp_path / "green.toml").write_text(text)
    done = run("load", "run", "smoke", "--target", "green", "--targets", str(tmp_path),
               "--out", str(tmp_path / "out"))  # fmt: skip
    assert done.code == ExitCode.USAGE
    assert said in done.err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "arguments", [["run"], ["run", "lod", "--target", "green"], ["run", "load"],
                  ["run", "load", "--target", "green", "--users", "0"],
                  ["run", "load", "--target", "green", "--scale", "-1"],
                  ["run", "load", "--target", "green", "--scale", "1", "--duration", "3"],
                  ["run", "load", "--target", "green", "--users", "30000"]],
)  # fmt: skip
def test_bad_input_is_exit_2(tmp_path: Path, arguments: list[str]) -> None:
    done = run("load", *arguments, variables={"KIRANA_OUT": str(tmp_path)})
    assert done.code == ExitCode.USAGE
    assert done.err
