"""The testbed: side by side, idempotent, clear when it cannot, and gone when it is down."""

import socket
import subprocess
import sys
from contextlib import ExitStack, nullcontext
from pathlib import Path

import psutil
import pytest
import requests
from worlds import TestWorld

from testbed import ports


@pytest.mark.slow  # proof-suites runs it
def test_two_worlds_side_by_side_and_nothing_left(world: TestWorld, tmp_path: Path) -> None:
    second = TestWorld(tmp_path / "second")
    up = second.testbed("up", "--ports", "free")
    assert up.code == 0, up.err
    state = second.state
    try:
        assert not set(second.ports.values()) & set(world.ports.values())
        for place in (second, world):
            run = place.pytest(tmp_path / "out" / place.folder.name, "-m", "smoke", "-q")
            assert run.code == 0, run.out
            answer = place.gates(tmp_path / "out" / place.folder.name, "green-ready")
            assert answer.code == 0, answer.out
    finally:
        down = second.testbed("down")
    assert (down.code, second.folder.exists(), Path(state["sockets"]).exists()) == (0, False, False)
    pids = [running["pid"] for running in state["running"].values()]
    assert len(pids) == 10
    assert [pid for pid in pids if psutil.pid_exists(pid)] == []
    assert world.testbed("status").code == 0


@pytest.mark.slow  # proof-suites runs it
def test_a_start_that_is_terminated_leaves_no_process(tmp_path: Path) -> None:
    folder = tmp_path / "terminated"
    command = [sys.executable, "-m", "testbed", "--world", str(folder), "up", "--ports", "free"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL) as starting:
        assert starting.stderr is not None
        assert starting.stderr.readline().strip() == b"database ready"
        family = psutil.Process(starting.pid).children(recursive=True)
        starting.terminate()
        starting.stderr.read()
    assert family
    assert starting.returncode != 0
    assert [process for process in family if process.is_running()] == []
    assert not folder.exists()


def test_a_second_up_says_it_is_up_already(world: TestWorld) -> None:
    again = world.testbed("up", "--ports", "free")
    assert (again.code, again.out.splitlines()[0]) == (0, "up already")


def test_status_shows_every_part(world: TestWorld) -> None:
    shown = world.testbed("status")
    assert shown.code == 0
    names = [line.split()[0] for line in shown.out.splitlines()[:-1]]
    assert names == [
        "database",
        "blue",
        "green",
        "balancer",
        "control",
        "prometheus",
        "alertmanager",
        "node-exporter",
        "notifications",
        "grafana",
    ]


def test_down_without_up_is_no_error(tmp_path: Path) -> None:
    down = TestWorld(tmp_path / "none").testbed("down")
    assert (down.code, down.out[:13]) == (0, "nothing is up")


def test_a_taken_port_gives_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from testbed import lifecycle
    from testbed.errors import TestbedError

    chosen = ports.free()
    monkeypatch.setattr(ports, "reserved", lambda: nullcontext(chosen))
    expected = f"port taken: green_api {chosen['green_api']}"
    with (
        socket.create_server(("127.0.0.1", chosen["green_api"])),
        pytest.raises(TestbedError, match=expected),
    ):
        lifecycle.up(tmp_path / "w", free_ports=True, say=print)
    assert not (tmp_path / "w").exists()


def test_free_ports_are_no_ports_of_outgoing_connections() -> None:
    first, _ = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()
    assert max(ports.free().values()) < int(first)


def test_worlds_that_start_at_once_have_ports_of_their_own() -> None:
    with ExitStack() as starting:
        chosen = [starting.enter_context(ports.reserved()) for _ in range(50)]
        numbers = [number for world in chosen for number in world.values()]
        assert len(set(numbers)) == 50 * len(ports.GUIDE)
        assert all(set(world) == set(ports.GUIDE) for world in chosen)
        assert not ports.taken(chosen[0])


def test_an_unknown_fault_names_the_nearest(world: TestWorld) -> None:
    switched = world.testbed("fault", "on", "search.slwo")
    assert switched.code == 1
    assert "did you mean search.slow?" in switched.err


def test_two_faults_in_one_place_are_refused(world: TestWorld) -> None:
    world.testbed("fault", "on", "realtime.silent")
    world.testbed("fault", "on", "search.slow")
    try:
        second = world.testbed("fault", "on", "search.http_500")
    finally:
        world.testbed("fault", "off", "search.slow")
        off = world.testbed("fault", "off", "realtime.silent")
    assert (second.code, "search.slow is on" in second.err) == (1, True)
    assert off.out.strip() == "green: no fault on"


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"{", "not JSON"),
        (b"[]", "must be"),
        (b'{"blue": 1.0}', "must be"),
        (b'{"blue": true, "green": 0}', "a number"),
        (b'{"blue": 1.5, "green": -0.5}', "a number"),
        (b'{"blue": 0.999, "green": 0.001}', "whole percentage"),
        (b'{"blue": 0.5, "green": 0.4}', "add up"),
    ],
)
def test_the_control_endpoint_refuses_wrong_shares(
    world: TestWorld, body: bytes, problem: str
) -> None:
    url = f"http://127.0.0.1:{world.ports['control']}/config"
    before = requests.get(url, timeout=5).json()
    answer = requests.post(url, data=body, timeout=5)
    assert answer.status_code == 400
    assert problem in answer.json()["error"]
    assert requests.get(url, timeout=5).json() == before


def test_weights_move_traffic_and_survive_a_restart_of_the_balancer(world: TestWorld) -> None:
    control = f"http://127.0.0.1:{world.ports['control']}/config"
    edge = f"https://localhost:{world.ports['edge_tls']}/api/health"

    def colours(count: int) -> list[str]:
        with requests.Session() as session:
            session.trust_env = False
            session.verify = str(world.folder / "ca.pem")
            return [session.get(edge, timeout=5).json()["deployment"] for _ in range(count)]

    assert set(colours(10)) == {"blue"}
    assert requests.post(control, json={"blue": 0.7, "green": 0.3}, timeout=5).ok
    assert colours(100).count("green") == 30
    assert world.testbed("restart", "balancer").code == 0
    assert requests.get(control, timeout=5).json() == {"blue": 0.7, "green": 0.3}
    assert requests.post(control, json={"blue": 0.0, "green": 1.0}, timeout=5).ok
    assert set(colours(10)) == {"green"}
    assert requests.post(control, json={"blue": 1.0, "green": 0.0}, timeout=5).ok
    assert set(colours(10)) == {"blue"}
