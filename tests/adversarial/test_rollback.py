"""``gates rollback`` on a balancer that may lie, with files that may be wrong."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from balancing import Balancer, Site, site
from in_process import gates
from ledgers import json_entries
from worlds import Done, run

from gates import ledger
from gates.ramp import rollback


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Site]:
    balancer = Balancer()
    balancer.give(0.5)
    with site(tmp_path, balancer) as place:
        yield place


@pytest.fixture
def brief_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for the second witness for the scrape interval only: these samples are never late."""
    monkeypatch.setattr(rollback, "MIN_WAIT_SECONDS", 1.0)


def by_control(here: Site, *arguments: str) -> Done:
    """A rollback without any file."""
    where = ("--control", here.control, "--out", str(here.out))
    return run("gates", "rollback", *where, *arguments)


def test_a_rollback_is_verified_by_both_witnesses(here: Site) -> None:
    code, out, err = here.run_process("rollback")
    assert (code, here.balancer.green) == (0, 0.0), out + err
    assert "Prometheus shows that green has 0 % of the weights, as intended" in out
    assert "green answers no customer any more" in out
    assert "rollback verified" in out
    kinds = [(entry["kind"], entry.get("how")) for entry in json_entries(here.out)]
    # The decision is the question about the baseline, which comes after the answer.
    assert kinds == [("rollback", None), ("ramp", "rolled_back"), ("decision", None)]
    assert json_entries(here.out)[0]["witness"]["weights"].startswith("agrees")


def test_a_control_endpoint_that_moves_nothing_is_contradicted(here: Site) -> None:
    here.balancer.mode = "liar"
    code, out, _ = here.run("rollback")
    assert code == 70
    assert "Prometheus shows that green has 50 % of the weights; 0 % were intended" in out
    advice = "read the weights in the balancer's own\nstatistics"
    assert out.index(advice) < out.index("the control endpoint may be wrong") < out.index("curl ")
    assert "rollback NOT verified: contradicted" in out
    assert json_entries(here.out)[0]["verified"] is False


@pytest.mark.usefixtures("brief_wait")
def test_a_liar_is_contradicted_by_the_requests_where_no_weights_are_scraped(here: Site) -> None:
    here.balancer.mode, here.balancer.weights_scraped = "liar", False
    code, out, _ = here.run("rollback")
    assert code == 70
    assert "green still answers customers" in out
    assert "rollback NOT verified: contradicted" in out


def test_requests_are_witness_enough_where_no_weights_are_scraped(here: Site) -> None:
    here.balancer.weights_scraped = False
    code, out, err = here.run("rollback")
    assert (code, here.balancer.green) == (0, 0.0), out + err


def test_a_control_endpoint_that_swaps_the_colours_is_moved_the_other_way(here: Site) -> None:
    here.balancer.mode = "swapped"
    code, out, _ = here.run("rollback")
    assert (code, here.balancer.green) == (70, 0.0), out
    assert "the move is repeated with exchanged weights" in out
    assert "rollback NOT verified: contradicted" in out
    assert here.balancer.posts == [{"blue": 1.0, "green": 0.0}, {"blue": 0.0, "green": 1.0}]


@pytest.mark.usefixtures("brief_wait")
def test_a_prometheus_that_stopped_to_scrape_is_not_seen(here: Site) -> None:
    here.balancer.metrics_until = time.time()
    code, out, _ = here.run("rollback")
    assert (code, here.balancer.green) == (70, 0.0)
    assert "Prometheus scraped no weights after the move" in out
    assert "rollback NOT verified: not seen" in out


def test_a_control_endpoint_that_refuses_is_tried_again_and_said(here: Site) -> None:
    here.balancer.mode = "stuck"
    code, out, _ = here.run("rollback")
    assert (code, len(here.balancer.posts), here.balancer.green) == (70, 3, 0.5)
    assert "traffic could not be moved" in out
    assert "rollback NOT verified: not moved" in out
    assert [entry["kind"] for entry in json_entries(here.out)] == ["rollback"]


def test_with_the_control_address_no_file_is_needed(here: Site) -> None:
    done = by_control(
        here, "--targets", "/none", "--policy", "/none", "--prometheus", here.prometheus
    )
    assert (done.code, here.balancer.green) == (0, 0.0), done.out + done.err
    assert "the rollback used the default selectors" in done.out


def test_without_prometheus_it_moves_and_says_that_nobody_saw_it(here: Site) -> None:
    done = by_control(here)
    assert (done.code, here.balancer.green) == (70, 0.0)
    assert "name the address with --prometheus URL" in done.out
    assert "rollback NOT verified: not seen" in done.out


def test_slots_of_other_names_can_be_given(here: Site) -> None:
    by_control(here, "--slots", "blue,green")
    assert here.balancer.posts[0] == {"green": 1.0, "blue": 0.0}


TYPOS = {
    "unknown key": ("production = false", "produktion = false"),
    "not TOML": ("production = false", "production = falsch"),
    "broken table": ("[expected]", "[expected"),
    "wrong type": ("schema_version = 5", 'schema_version = "five"'),
    "misspelled control": ("balancer_control =", "balancer_contrl ="),
    "trailing slash": ('api = "http://127.0.0.1:', 'api = "http//127.0.0.1:'),
    "unknown router": ('router = "config"', 'router = "confg"'),
    "misspelled router": ('router = "config"', 'routr = "config"'),
}


# One mistake in the TOML, one in a key, one in a value; make proof-ramp tries the others.
QUICK = {"unknown key", "not TOML", "unknown router"}


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[] if name in QUICK else [pytest.mark.slow]) for name in TYPOS],
)
def test_a_mistake_in_the_target_file_does_not_block_a_rollback(here: Site, name: str) -> None:
    path = here.targets / "green.toml"
    text = path.read_text()
    assert TYPOS[name][0] in text
    path.write_text(text.replace(*TYPOS[name]))
    code, out, err = here.run("rollback")
    assert (code, here.balancer.green) == (0, 0.0), out + err


def test_a_mistake_in_blues_target_file_is_said_after_the_move(here: Site) -> None:
    (here.targets / "blue.toml").unlink()
    code, out, _ = here.run("rollback")
    assert (code, here.balancer.green) == (0, 0.0)
    assert "blue's health was not checked: the health address of blue is not known" in out
    assert "problem of this rollback: " in out
    assert out.index("the balancer's control endpoint says") < out.index("problem of this rollback")


def test_a_missing_policy_is_said_after_the_move(here: Site) -> None:
    code, out, _ = here.run("rollback", "--policy", "/none.toml")
    assert (code, here.balancer.green) == (0, 0.0)
    assert "/none.toml: the file cannot be read" in out


@pytest.mark.parametrize("content", [b"{\n", b"\x00" * 99 + b"\n", b'{"entry": 1}\n'])
def test_a_damaged_ledger_does_not_block_a_rollback(here: Site, content: bytes) -> None:
    (here.out / "ledger.jsonl").write_bytes(content)
    code, out, err = here.run("rollback")
    assert (code, here.balancer.green) == (0, 0.0), out + err
    assert "rollback verified" in out


def test_a_ledger_that_cannot_be_written_is_said(here: Site, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    done = gates(
        "rollback",
        "--target",
        "green",
        "--targets",
        str(here.targets),
        "--out",
        str(tmp_path / "file"),
    )
    assert (done.code, here.balancer.green) == (0, 0.0), done.out
    assert "the ledger has no entry of this rollback" in done.out


def test_a_ledger_whose_lock_is_held_does_not_hold_up_the_end(here: Site) -> None:
    with ledger.locked(here.out, ledger.LOCK):
        began = time.monotonic()
        code, out, _ = here.run_process("rollback")
    assert (code, here.balancer.green) == (0, 0.0)
    assert "the ledger has no entry of this rollback" in out
    assert time.monotonic() - began < 30


def test_an_unhealthy_blue_stops_the_move_unless_it_is_forced(here: Site) -> None:
    here.balancer.blue_status = 503
    code, out, _ = here.run("rollback")
    assert (code, here.balancer.green, here.balancer.posts) == (70, 0.5, [])
    assert (
        "blue is not healthy: its health response has status 503; the weights stay as they are"
        in out
    )
    assert "mongorestore" in out
    assert "rollback NOT verified: not moved" in out
    code, out, _ = here.run("rollback", "--force")
    assert (code, here.balancer.green) == (0, 0.0)
    assert "moved by --force" in out


def test_blues_health_holds_up_a_forced_move_for_two_seconds_at_most(here: Site) -> None:
    here.balancer.blue_seconds = 20.0
    began = time.time()
    code, _, _ = here.run("rollback", "--force")
    assert (code, here.balancer.green) == (0, 0.0)
    assert here.balancer.shares[-1][0] - began < 15


def test_an_unknown_target_or_no_address_is_a_usage_error(here: Site) -> None:
    done = gates("rollback", "--target", "gren", "--targets", str(here.targets))
    assert (done.code, "Did you mean green?" in done.err) == (2, True)
    done = gates("rollback")
    assert (done.code, "--target NAME or --control URL" in done.err) == (2, True)
    (here.targets / "green.toml").write_text("name = 'green'")
    code, _, err = here.run("rollback")
    assert (code, "gates rollback --control URL" in err) == (2, True)


def test_a_target_that_names_no_router_is_not_moved_by_its_name(here: Site) -> None:
    path = here.targets / "green.toml"
    path.write_text(path.read_text().partition("[traffic]")[0])
    code, _, err = here.run("rollback")
    assert (code, here.balancer.green) == (2, 0.5)
    assert f"gates rollback --control {here.control}" in err


def test_the_ledger_keeps_what_the_witness_said(here: Site) -> None:
    here.run("rollback")
    ended = json_entries(here.out)[1]
    assert ended["verified"]["requests"] == "agrees: green answers no customer any more"


@pytest.mark.slow  # proof-ramp runs it
def test_a_policy_that_cannot_be_read_in_time_holds_up_nothing(here: Site, tmp_path: Path) -> None:
    pipe = tmp_path / "policy.toml"
    os.mkfifo(pipe)  # whoever reads it waits until somebody writes
    code, out, err = here.run_process("rollback", "--policy", str(pipe))
    assert (code, here.balancer.green) == (0, 0.0), out + err
    assert "no result within 3 s; the rollback used the default selectors" in out
    assert out.index("the balancer's control endpoint says") < out.index("the default selectors")


def test_a_number_of_five_thousand_digits_blocks_no_rollback(here: Site) -> None:
    path = here.targets / "green.toml"
    path.write_text(
        path.read_text().replace("schema_version = 5", "schema_version = " + "9" * 5000)
    )
    assert here.run("rollback")[0] == 0


@pytest.mark.usefixtures("brief_wait")
def test_servers_of_the_target_file_are_the_servers_of_green(here: Site) -> None:
    path = here.targets / "green.toml"
    text = path.read_text()
    slot = 'slot = "green"'
    assert slot in text
    path.write_text(text.replace(slot, slot + '\nservers = ["green", "canary-a"]', 1))
    code, out, _ = here.run("rollback")
    assert (code, here.balancer.green) == (70, 0.0), out
    assert "the weights of all servers of green are needed: green, canary-a" in out
    path.write_text(text.replace(slot, slot + '\nservers = ["green"]', 1))
    here.balancer.give(0.5)
    code, out, _ = here.run("rollback")
    assert (code, here.balancer.green) == (0, 0.0), out
