"""``make proof-load``: load runs with every fault that load shows, and with held-up workers."""

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
import tests_path  # noqa: F401 - what lies in tests/support
from fault_table import UNDER_LOAD
from load_command import SECONDS, LoadCommand, findings
from worlds import ROOT, TestWorld

from gates.exitcodes import ExitCode
from testbed import ports


@pytest.fixture
def load(world: TestWorld, tmp_path: Path) -> Callable[..., LoadCommand]:
    return lambda *arguments: LoadCommand(world, tmp_path / "out", *arguments)


def test_two_workers_are_merged(load: Callable[..., LoadCommand]) -> None:
    code, printed = load("smoke", "--users", "40", "--duration", "15", "--workers", "2").ended()
    assert code == ExitCode.GO, printed
    assert "40 of 40 users" in printed
    assert "the busiest of 2 processes" in printed


def test_workers_of_other_machines_are_waited_for(load: Callable[..., LoadCommand]) -> None:
    address = f"127.0.0.1:{ports.free()['control']}"
    command = load(
        "smoke", "--users", "30", "--duration", "12", "--workers", "2", "--listen", address
    )
    workers = [
        subprocess.Popen([sys.executable, "-m", "load", "worker", "--master", address], cwd=ROOT)
        for _ in range(2)
    ]
    code, printed = command.ended()
    assert code == ExitCode.GO, printed
    assert "the busiest of 2 processes" in printed
    assert [worker.wait(10) for worker in workers] == [0, 0]


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
    assert any("without a correct answer" in line for line in findings(printed, "FAIL")), printed


# Each fault that only load shows: the run, what is said of it, and whether that is all.
FAULTS: dict[str, tuple[tuple[str, ...], str]] = {
    "requests.hang": (("smoke", "--users", "40", "--duration", "15"), "were not finished"),
    "requests.some_fail": (
        ("smoke", "--users", "220", "--duration", "26"),
        "the ratio must be under 0.5 %; the most frequent reason: status 500",
    ),
    "search.tail": (("load", "--users", "150", "--duration", "36"), "P95 of search is"),
    "memory.leak": (("soak", "--users", "30", "--duration", "42"), "memory grew by"),
    "latency.growing": (("soak", "--users", "30", "--duration", "42"), "latency grew by"),
}


def test_every_fault_of_load_is_shown() -> None:
    assert set(FAULTS) == set(UNDER_LOAD)


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_breaks_its_limits_and_no_others(
    load: Callable[..., LoadCommand], world: TestWorld, name: str
) -> None:
    arguments, expected = FAULTS[name]
    with world.fault(name):
        code, printed = load(*arguments).ended()
    assert code == ExitCode.NO_GO, printed
    failed = findings(printed, "FAIL")
    assert any(expected in line for line in failed), printed
    broken = {line.split(": ")[1].replace(" ", "-") for line in failed}
    assert broken == UNDER_LOAD[name], printed


@pytest.mark.parametrize(("profile", "seconds"), [("stress", "70"), ("spike", "45")])
def test_the_other_profiles_pass_on_a_healthy_store(
    load: Callable[..., LoadCommand], profile: str, seconds: str
) -> None:
    command = load(profile, "--users", "120", "--duration", seconds)
    code, printed = command.ended()
    few = (" p95 ", " payment_success: ")
    lines = [
        line
        for line in findings(printed, "UNSURE")
        if not any(sentence in line for sentence in few)
    ]
    # So few requests are too few to be sure of P95 and payments; everything else is.
    assert code in (ExitCode.GO, ExitCode.HOLD), printed
    assert lines == [], printed
    assert findings(printed, "FAIL") == [], printed
    findings_by_name = {
        "stress": "every limit was met up to 240 users",
        "spike": "responses were correct and fast again",
    }
    assert findings_by_name[profile] in printed


def test_a_killed_worker(load: Callable[..., LoadCommand]) -> None:
    command = load("smoke", "--users", "40", "--duration", "20", "--workers", "2")
    until = time.monotonic() + SECONDS
    while len(command.generators()) < 3 and time.monotonic() < until:
        time.sleep(0.1)
    time.sleep(9)
    command.generators()[-1].kill()
    code, printed = command.ended()
    assert code == ExitCode.HOLD, printed
    assert "1 of 2 workers of the load generator ended before the end of the run" in printed
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
    hogs = [multiprocessing.get_context("fork").Process(target=busy, daemon=True) for _ in range(4)]
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
