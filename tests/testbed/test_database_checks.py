"""The checks of the database on a testbed: all pass, a fault reddens its checks, no false alarm."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from commands import environment
from fault_table_data import REDDENS_DATA
from pymongo import MongoClient
from pymongo.database import Database
from worlds import ROOT, TestWorld, recorded, results, run

from gates.evidence.suite_runs import read_run
from gates.model import CheckOutcome, Run, RunState
from suites.client.waiting import wait_until
from suites.database.invariants import INVARIANTS

FILES = ("suites/platform/test_database.py", "suites/platform/test_integrity.py")
INTEGRITY = sorted(invariant.check for invariant in INVARIANTS.values())
REPLICATION = "platform.database.replication"
ACKNOWLEDGED = "platform.integrity.orders_acknowledged"
SHOPPERS, READINGS, ORDERS = 30, 4, 5
Collect = Callable[..., Run]


@pytest.fixture
def shop(world: TestWorld) -> Iterator[Database[dict[str, Any]]]:
    """The database of the testbed."""
    uri = world.state["environment"]["KIRANA_DATABASE_URI"]
    with MongoClient[dict[str, Any]](uri, tz_aware=True) as client:
        yield client.get_default_database()


@pytest.fixture
def collect(world: TestWorld, tmp_path: Path) -> Collect:
    """Runs the collector with a policy that has a set of all its checks; the run it recorded."""
    integrity, after = [*INTEGRITY, REPLICATION], [*INTEGRITY, ACKNOWLEDGED]
    sets = f"every_invariant = {json.dumps(integrity)}\nwith_acknowledged = {json.dumps(after)}\n"
    text = (ROOT / "policies" / "release.toml").read_text()
    policy, out = tmp_path / "policy.toml", tmp_path / "out"
    policy.write_text(text.replace("[check_sets]\n", f"[check_sets]\n{sets}"))

    def run_collector(check_set: str, *options: str) -> Run:
        done = run(
            "suites.collector",
            "--target",
            "green",
            "--targets",
            str(world.targets),
            "--policy",
            str(policy),
            "--out",
            str(out),
            "--set",
            check_set,
            *options,
        )
        assert done.code == 0, done.err
        return read_run(out / "runs" / done.out.strip(), "")

    return run_collector


def failed(collected: Run) -> dict[str, str]:
    """The messages of the checks that did not pass."""
    return {
        result.check: result.message
        for result in collected.results
        if result.outcome is not CheckOutcome.PASSED
    }


@pytest.mark.slow  # proof-platform runs it
def test_every_check_passes_and_nothing_is_left(world: TestWorld, tmp_path: Path) -> None:
    done = world.pytest(tmp_path / "out", *FILES, "-q")
    assert done.code == 0, done.out
    assert set(recorded(tmp_path / "out").values()) == {"passed"}
    assert set(INTEGRITY) < set(recorded(tmp_path / "out"))
    report = (tmp_path / "out" / "latest" / "junit.xml").read_text()
    assert 'name="replication" value="a single node, replica set' in report


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["stock.lost_update", "database.payments_index_lost"])
def test_a_fault_reddens_its_checks_and_no_others(
    world: TestWorld, tmp_path: Path, fault: str
) -> None:
    with world.fault(fault):
        done = world.pytest(tmp_path / "out", *FILES, "-q")
    outcomes = results(tmp_path / "out")
    assert {check for check, outcome in outcomes.items() if outcome == "failed"} == (
        REDDENS_DATA[fault]
    ), done.out


def test_the_collector_records_a_run_of_the_served_build(collect: Collect) -> None:
    collected = collect("every_invariant")
    assert (collected.state, failed(collected)) == (RunState.FINISHED, {})
    assert collected.build is not None
    assert collected.build == collected.build_at_end
    assert {result.check for result in collected.results} == {
        *INTEGRITY,
        REPLICATION,
        "run.left_nothing",
    }


@pytest.mark.slow  # proof-platform runs it
def test_the_collector_names_what_is_wrong_and_tells_old_from_new(
    collect: Collect, shop: Database[dict[str, Any]]
) -> None:
    written = datetime.now(UTC) - timedelta(minutes=10)
    session = {"_id": "ses_lost", "user_id": "usr_gone", "refresh_digest": "x"}
    shop.sessions.insert_one({**session, "opened_at": written})
    try:
        without = collect("every_invariant")
        before = collect("every_invariant", "--since", (written - timedelta(minutes=1)).isoformat())
        after = collect("every_invariant", "--since", (written + timedelta(minutes=1)).isoformat())
    finally:
        shop.sessions.delete_one({"_id": "ses_lost"})
    assert set(failed(without)) == set(failed(before)) == {"platform.integrity.sessions"}
    assert "user usr_gone does not exist" in failed(without)["platform.integrity.sessions"]
    assert failed(after) == {}
    messages = {result.check: result.message for result in after.results}
    assert "not counted: 1 document" in messages["platform.integrity.sessions"]


@pytest.mark.slow
def test_many_shoppers_raise_no_false_alarm_and_a_lost_order_is_named(
    world: TestWorld, collect: Collect, tmp_path: Path
) -> None:
    shoppers = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "load",
            "shop",
            "--target",
            "green",
            "--users",
            str(SHOPPERS),
            "--duration",
            "300s",
            "--targets",
            str(world.targets),
            "--out",
            str(tmp_path),
        ],
        cwd=ROOT,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        orders = wait_until(
            "some orders are acknowledged",
            lambda: [
                path
                for path in tmp_path.glob("shopping/*/orders.jsonl")
                if path.read_text().count("order") >= ORDERS
            ],
            lambda paths: len(paths) == 1,
            seconds=120,
        )[0]
        options = ("with_acknowledged", "--orders", str(orders))
        alarms = [failed(collect(*options)) for _ in range(READINGS)]
        with orders.open("a") as file:
            file.write('{"at": 1, "order": "ord_lost"}\n')
        lost = failed(collect(*options))
    finally:
        shoppers.send_signal(signal.SIGINT)
        shoppers.wait(120)
    assert alarms == [{}] * READINGS
    assert set(lost) == {ACKNOWLEDGED}
    assert "acknowledged orders are not in the database: ord_lost" in lost[ACKNOWLEDGED]
