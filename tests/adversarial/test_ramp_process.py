"""The ramp as a process: signals, a full disk, a lying balancer, and ``watch`` after it."""

import re
import resource
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from balancing import Balancer, Site, site
from ledgers import json_entries
from worlds import ROOT, run

from gates.cli import printing

SCALE = ("--time-scale", "60")


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Site]:
    with site(tmp_path, Balancer()) as place:
        yield place


def wait_for_share(here: Site, share: float) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until and here.balancer.green != share:
        time.sleep(0.02)
    assert here.balancer.green == share


def wait_for_move(here: Site, *arguments: str) -> subprocess.Popen[str]:
    """A ramp that has given green its first share."""
    ramp = here.begin("ramp", *SCALE, *arguments)
    wait_for_share(here, 0.1)
    return ramp


def short_steps(here: Site) -> tuple[str, ...]:
    """Options of a ramp whose steps last seconds, and which waits on a hold for as long."""
    path = here.place.folder / "schedule.toml"
    path.write_text("[ramp-10]\nbake_seconds = 200\n[ramp-100]\nbake_seconds = 200\n")
    return "--schedule", str(path), "--hold", "60s"


def policy_with(here: Site, old: str, new: str) -> tuple[str, str]:
    """The policy with another text in one place; the option that names it."""
    text = (ROOT / "policies" / "release.toml").read_text()
    assert old in text
    path = here.place.folder / "policy.toml"
    path.write_text(text.replace(old, new))
    return "--policy", str(path)


def entries(here: Site) -> list[dict[str, Any]]:
    return json_entries(here.out)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_ramp_that_is_told_to_end_gives_the_traffic_back(here: Site, number: int) -> None:
    ramp = wait_for_move(here)
    ramp.send_signal(number)
    _, err = ramp.communicate(timeout=60)
    assert (ramp.returncode, here.balancer.green) == (70, 0.0), err
    assert "the ramp could not go on: interrupted by a signal" in err
    assert "ramp rolled_back: the control endpoint says: green 0 %" in err
    assert entries(here)[-1]["how"] == "rolled_back"
    assert entries(here)[-1]["verified"]["weights"].startswith("agrees")


def test_a_second_signal_does_not_cut_off_the_rollback(here: Site) -> None:
    ramp = wait_for_move(here)
    ramp.send_signal(signal.SIGTERM)
    wait_for_share(here, 0.0)
    ramp.send_signal(signal.SIGTERM)
    ramp.communicate(timeout=60)
    assert (ramp.returncode, entries(here)[-1]["how"]) == (70, "rolled_back")


def test_traffic_stays_where_the_policy_says_so(here: Site) -> None:
    leave = policy_with(here, 'on_crash = "rollback"', 'on_crash = "leave"')
    ramp = here.begin("ramp", *SCALE, *leave)
    wait_for_share(here, 0.1)
    ramp.send_signal(signal.SIGTERM)
    _, err = ramp.communicate(timeout=60)
    assert (ramp.returncode, here.balancer.green) == (70, 0.1), err
    assert "ramp left: the control endpoint says: green 10 %" in err
    assert "gates rollback --target green --baseline blue" in err
    assert entries(here)[-1]["how"] == "left"
    report = here.out / "report" / "index.html"
    assert f"report: {report}" in err
    assert "the ramp could not go on" in report.read_text()


def test_a_full_disk_gives_the_traffic_back(here: Site) -> None:
    ramp = wait_for_move(here, *short_steps(here))
    resource.prlimit(ramp.pid, resource.RLIMIT_FSIZE, (0, 0))
    _, err = ramp.communicate(timeout=90)
    assert (ramp.returncode, here.balancer.green) == (70, 0.0), err
    assert "not in the ledger" in err
    assert "the report could not be written: " in err
    assert not (here.out / "report" / "index.html").exists()


@pytest.mark.slow  # proof-ramp runs it
def test_a_ramp_whose_reader_is_gone_goes_on(here: Site) -> None:
    ramp = wait_for_move(here, *short_steps(here))
    assert ramp.stderr is not None
    assert ramp.stdout is not None
    ramp.stderr.close()
    ramp.stdout.close()
    assert ramp.wait(timeout=200) == 3
    assert (here.balancer.green, entries(here)[-1]["how"]) == (0.1, "held")


@pytest.mark.slow  # proof-ramp runs it
def test_a_swapped_control_endpoint_ends_the_ramp_within_a_minute(here: Site) -> None:
    here.balancer.mode = "swapped"
    code, out, err = here.run("ramp")
    assert (code, here.balancer.green) == (4, 0.0), out + err
    assert [share for _, share in here.balancer.shares[1:]] == [0.9, 0.0]
    assert here.balancer.shares[2][0] - here.balancer.shares[1][0] < 60
    assert "Prometheus shows that green has 90 % of the weights; 10 % were intended" in err
    rollback, end, question = entries(here)[-3:]
    assert (end["how"], end["why"][:12]) == ("rolled_back", "not verified")
    assert rollback["proof"] == "NOT verified: contradicted"
    assert (question["kind"], question["target"]) == ("decision", "blue")


def test_a_control_endpoint_that_moves_nothing_ends_the_ramp(here: Site) -> None:
    here.balancer.mode = "liar"
    code, _, err = here.run("ramp", *SCALE)
    assert (code, here.balancer.green) == (4, 0.0), err
    assert "Prometheus shows that green has 0 % of the weights; 10 % were intended" in err


@pytest.mark.slow  # proof-ramp runs it
def test_requests_contradict_a_swapped_endpoint_where_no_weights_are_scraped(here: Site) -> None:
    here.balancer.mode, here.balancer.weights_scraped = "swapped", False
    code, _, err = here.run("ramp", *SCALE)
    assert (code, here.balancer.green) == (4, 0.0), err
    assert "customer requests; 10 % were intended" in err


def test_a_killed_ramp_is_found_by_watch_and_given_back(here: Site) -> None:
    ramp = wait_for_move(here)
    ramp.kill()
    ramp.communicate()
    code, _, err = here.run("watch", *SCALE, "--for", "30s")
    assert (code, here.balancer.green) == (70, 0.0), err
    assert "a ramp of green was cut off" in err
    assert "the orphaned ramp ended with rolled_back; the control endpoint says: green 0 %" in err
    assert entries(here)[-2]["how"] == "rolled_back"
    assert entries(here)[-2]["why"] == "orphaned"


def test_a_killed_ramp_is_left_by_watch_where_the_policy_says_so(here: Site) -> None:
    ramp = wait_for_move(here)
    ramp.kill()
    ramp.communicate()
    leave = policy_with(here, 'on_crash = "rollback"', 'on_crash = "leave"')
    code, _, err = here.run("watch", *SCALE, "--for", "1s", *leave)
    assert (code, here.balancer.green) == (3, 0.1), err
    assert err.count("traffic stays where it is") == 1
    assert [entry["how"] for entry in entries(here) if entry.get("event") == "ended"] == ["left"]


def test_traffic_of_a_killed_ramp_that_somebody_moved_is_left_alone(here: Site) -> None:
    ramp = wait_for_move(here)
    ramp.kill()
    ramp.communicate()
    here.balancer.give(0.7)
    code, _, err = here.run("watch", *SCALE, "--for", "1s")
    assert (code, here.balancer.green) == (3, 0.7), err
    assert "which the ramp did not set" in err


def test_watch_leaves_a_ramp_that_is_under_way_alone(here: Site) -> None:
    ramp = wait_for_move(here)
    try:
        code, _, err = here.run("watch", *SCALE, "--for", "1s")
        assert (code, here.balancer.green) == (3, 0.1), err
        assert "cut off" not in err
    finally:
        ramp.kill()
        ramp.communicate()


def test_a_dry_run_takes_no_lock(here: Site) -> None:
    assert here.run("ramp", "--dry-run")[0] == 3
    assert not (here.out / "ramp-green.lock").exists()


def test_watch_looks_for_as_long_as_it_was_told(here: Site) -> None:
    began = time.monotonic()
    code, _, _ = here.run("watch", "--for", "4s")
    assert code == 3
    assert 4 <= time.monotonic() - began < 14


def test_watch_without_a_trigger_is_a_hold(here: Site, tmp_path: Path) -> None:
    text = (ROOT / "policies" / "release.toml").read_text()
    for name in ("errors-trigger", "latency-trigger"):
        start = text.index(f"[objectives.{name}]")
        end = text.index("\n\n", start)
        text = text[:start] + text[end:]
        text = text.replace(f'"{name}", ', "").replace(f', "{name}"', "").replace(f'"{name}"', "")
    text = text.replace(', breach = "rollback"', "")
    (tmp_path / "policy.toml").write_text(text)
    code, _, err = here.run("watch", "--for", "30s", "--policy", str(tmp_path / "policy.toml"))
    assert code == 3
    assert "no stage with a share and a rollback trigger" in err


def test_the_command_that_explains_a_decision_works_as_printed(here: Site) -> None:
    _, out, _ = here.run("check", "green-ready")
    printed = out.split("explained by: ")[1].split()
    assert printed[:2] == ["gates", "explain"]
    done = run(*printed)
    assert (done.code, done.out.splitlines()[0]) == (0, out.splitlines()[0])


def test_a_ramp_prints_how_its_decisions_are_explained(here: Site) -> None:
    here.balancer.mode = "liar"
    _, _, err = here.run("ramp", *SCALE)
    printed = re.search(r"GO  green-ready: .* \((gates explain .*)\)", err)
    assert printed is not None
    assert run(*printed[1].split()).out.startswith("GO  green-ready")


def test_the_usual_folder_is_not_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KIRANA_OUT", raising=False)
    assert printing.explain_command(Path("out"), "abc") == "gates explain abc"
    assert printing.explain_command(Path("a b"), "abc") == "gates explain abc --out 'a b'"
