"""Ramp, rollback, watch and recordings on a real testbed: weights, locks, crashes."""

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from customers import send
from ledgers import json_entries
from worlds import ROOT, Done, TestWorld, environment, run

from gates import ledger

SCALE = ("--time-scale", "60")


@pytest.fixture(autouse=True)
def all_traffic_on_blue(world: TestWorld) -> Iterator[None]:
    yield
    if has(world) > 0:
        give(world, 0.0)
        time.sleep(2.2)  # Prometheus must have seen that it ended


@pytest.fixture
def out(passed_out: Path, tmp_path: Path) -> Path:
    """An output folder of its own, with the passed run."""
    place = tmp_path / "out"
    place.mkdir()
    (place / "runs").symlink_to(passed_out / "runs")
    return place


def give(world: TestWorld, green: float) -> None:
    url = f"http://127.0.0.1:{world.ports['control']}/config"
    shares = {"blue": round(1 - green, 2), "green": green}
    assert requests.post(url, json=shares, timeout=5).status_code == 200


def has(world: TestWorld) -> float:
    url = f"http://127.0.0.1:{world.ports['control']}/config"
    return float(requests.get(url, timeout=5).json()["green"])


def command(world: TestWorld, out: Path, *arguments: str) -> list[str]:
    places = ("--targets", str(world.targets), "--out", str(out), "--target", "green")
    return ["gates", *arguments, *places]


def gates(world: TestWorld, out: Path, *arguments: str) -> Done:
    return run(*command(world, out, *arguments))


def begun(world: TestWorld, out: Path, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", *command(world, out, *arguments)],
        cwd=ROOT,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def wait_for_share(world: TestWorld, share: float) -> None:
    until = time.monotonic() + 20
    while time.monotonic() < until and has(world) != share:
        time.sleep(0.05)
    assert has(world) == share


def test_a_rollback_takes_seconds_and_is_verified(world: TestWorld, out: Path) -> None:
    give(world, 0.4)
    done = gates(world, out, "rollback")
    assert (done.code, has(world)) == (0, 0.0), done.out + done.err
    # The question about the baseline comes after this answer, and takes at most 20 s more.
    took = re.search(r"^rollback verified in ([0-9.]+) s$", done.out, re.MULTILINE)
    assert took
    assert float(took[1]) < 15
    assert "blue is healthy" in done.out
    assert "Prometheus shows that green has 0 % of the weights, as intended" in done.out
    assert "rollback verified" in done.out
    assert json_entries(out)[0]["verified"] is True


def test_a_rollback_to_a_blue_that_is_not_well_moves_nothing(world: TestWorld, out: Path) -> None:
    give(world, 0.4)
    world.testbed("fault", "on", "health.database_down", "--on", "blue")
    try:
        done = gates(world, out, "rollback")
    finally:
        world.testbed("fault", "off", "health.database_down", "--on", "blue")
    assert (done.code, has(world)) == (70, 0.4)
    assert "blue is not healthy" in done.out
    assert "mongorestore" in done.out
    assert "the restore deletes all orders" in done.out


def test_a_dry_run_moves_nothing(world: TestWorld, out: Path) -> None:
    done = gates(world, out, "ramp", "--dry-run")
    assert (done.code, has(world)) == (3, 0.0)
    assert "ramp-100" in done.out
    assert "no traffic was moved" in done.out


def test_without_evidence_nothing_is_moved(world: TestWorld, tmp_path: Path) -> None:
    done = gates(world, tmp_path, "ramp", *SCALE)
    assert (done.code, has(world)) == (3, 0.0)
    assert "no run on green" in done.out


def test_traffic_nobody_here_moved_is_left_alone(world: TestWorld, out: Path) -> None:
    give(world, 0.2)
    done = gates(world, out, "ramp", *SCALE)
    assert (done.code, has(world)) == (2, 0.2)
    assert "no ramp of the ledger set this share" in done.err


def test_two_ramps_at_once_are_refused_and_ctrl_c_gives_the_traffic_back(
    world: TestWorld, out: Path
) -> None:
    first = begun(world, out, "ramp", *SCALE)
    try:
        wait_for_share(world, 0.1)
        second = gates(world, out, "ramp", *SCALE)
        assert second.code == 2
        assert "another ramp of green is under way" in second.err
    finally:
        first.send_signal(signal.SIGINT)
        _, said = first.communicate(timeout=20)
    assert first.returncode == 70
    assert b"the ramp could not go on: interrupted by a signal" in said
    assert b"ramp rolled_back: the control endpoint says: blue 100 %, green 0 %" in said
    assert has(world) == 0.0


@pytest.mark.slow  # proof-ramp runs it
def test_a_ramp_without_traffic_is_held(world: TestWorld, out: Path) -> None:
    done = gates(world, out, "ramp", *SCALE, "--hold", "60s")
    assert (done.code, has(world)) == (3, 0.1), done.err
    assert done.out.startswith("HOLD  ramp-10")
    # On a busy machine, a scrape may be older than this fast clock allows; that is a hold, too.
    assert "more events are needed" in done.out or "the newest sample of" in done.out
    again = gates(world, out, "ramp", *SCALE, "--hold", "60s")
    assert (again.code, has(world)) == (3, 0.1)
    assert "continues at ramp-10" in again.err


def killed_and_resumed(world: TestWorld, out: Path, moments: list[float]) -> None:
    """Kill a ramp at each moment, start it again; the weights are what the ledger says."""
    for moment in moments:
        process = begun(world, out, "ramp", *SCALE)
        time.sleep(moment)
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        # At most the last line is incomplete.
        assert len(ledger.verify(out)[1]) <= 1
    done = gates(world, out, "ramp", *SCALE, "--hold", "30s")
    assert done.code in (2, 3), done.out + done.err
    assert ledger.verify(out)[1] == []
    moved = [entry["share"] for entry in json_entries(out) if entry["kind"] == "move"]
    if done.code == 3 and moved:
        assert has(world) == moved[-1]


@pytest.mark.slow  # proof-ramp runs it
def test_a_ramp_killed_at_some_moments_goes_on(world: TestWorld, out: Path) -> None:
    killed_and_resumed(world, out, [0.3, 0.6, 1.0])


@pytest.mark.slow
def test_a_ramp_killed_at_twenty_random_moments_goes_on(
    world: TestWorld, out: Path, tmp_path: Path
) -> None:
    dice = random.Random(6)
    for number in range(20):
        place = tmp_path / f"out-{number}"
        place.mkdir()
        (place / "runs").symlink_to(out / "runs")
        killed_and_resumed(world, place, [dice.uniform(0.05, 2.5)])
        give(world, 0.0)


def test_watch_ends_with_4_when_a_trigger_holds(world: TestWorld, out: Path) -> None:
    url = f"http://127.0.0.1:{world.ports['green_api']}/api/search?q=rice"
    send(f"http://127.0.0.1:{world.ports['blue_api']}/api/products", 20)
    time.sleep(2.5)
    give(world, 0.1)
    watching = begun(world, out, "watch", "--time-scale", "15", "--for", "60s")
    try:
        with world.fault("search.http_500"):
            until = time.monotonic() + 40
            while time.monotonic() < until and watching.poll() is None:
                send(url, 20)
                time.sleep(0.2)
        said, _ = watching.communicate(timeout=20)
    finally:
        watching.kill()
    assert watching.returncode == 4, said
    assert said.startswith(b"ROLLBACK  ramp-10")
    written = json_entries(out)
    assert written[-1]["decision"] == "rollback"
    assert written[-1]["time_scale"] == 15


@pytest.mark.slow  # proof-ramp runs it
def test_check_waits_until_it_is_decided_or_its_time_is_over(world: TestWorld, out: Path) -> None:
    give(world, 0.1)
    began = time.monotonic()
    done = gates(world, out, "check", "ramp-10", "--time-scale", "15", "--wait", "3s")
    assert done.code == 3
    # On a busy machine, a look takes seconds; the bake time of the stage is 40 s.
    assert 3 <= time.monotonic() - began < 25
    assert len([entry for entry in json_entries(out) if entry["kind"] == "decision"]) == 1


@pytest.mark.slow  # proof-ramp runs it
def test_a_recording_of_the_testbed_can_be_judged_again(world: TestWorld, tmp_path: Path) -> None:
    recorded = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "gates",
            "record",
            "--target",
            "green",
            "--targets",
            str(world.targets),
            "--every",
            "500ms",
            "--for",
            "8s",
        ],
        cwd=ROOT,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    time.sleep(3)
    give(world, 0.1)
    send(f"http://127.0.0.1:{world.ports['green_api']}/api/products", 50)
    said, problems = recorded.communicate(timeout=30)
    assert recorded.returncode == 0, problems
    lines = [json.loads(line) for line in said.splitlines()]
    assert lines[0]["t"] < -1
    assert {"t": 0.0, "weight": {"green": 0.1}} in lines
    path = tmp_path / "ramp.jsonl"
    path.write_bytes(said)
    done = run("gates", "backtest", str(path), "--json")
    result = json.loads(done.out)
    assert (done.code, result["decision"], result["stopped_at"]) == (3, "hold", None)


@pytest.mark.slow  # proof-ramp runs it
def test_explain_and_log_show_what_was_decided(world: TestWorld, out: Path) -> None:
    answer = gates(world, out, "check", "ramp-10")
    entry = re.search(r"ledger entry (\w+)", answer.out)
    assert entry is not None
    shown = run("gates", "explain", entry[1][:8], "--out", str(out))
    assert shown.code == 0, shown.err
    assert shown.out.splitlines()[0] == answer.out.splitlines()[0]
    assert "the decision is the same" in shown.out
    logged = run("gates", "log", "--out", str(out))
    assert entry[1] in logged.out
    assert run("gates", "log", "--verify", "--out", str(out)).code == 0
