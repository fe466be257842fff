"""Negative controls: each fault turns exactly its checks red, and the gate says so."""

from pathlib import Path

import pytest
from fault_table import REDDENS, STOPPED, UNDER_LOAD
from fault_table_regressions import SHOWN_BY_A_LOST_DATABASE
from worlds import ROOT, TestWorld, results

from gates.model import ChecksObjective
from gates.policy import policy_file as policy
from testbed.faults import FAULTS, IN_A_RAMP
from testbed.switch import resolve

# One fault for each way a smoke check is reddened, all on green; `make proof` shows every fault.
SHOWN = (
    "health.database_down",
    "health.wrong_version",
    "health.old_schema",
    "frontend.script_error",
    "metrics.missing",
    "metrics.frozen",
    "auth.any_password",
    "catalogue.stale",
    "search.slow",
    "search.any_word",
    "cart.forgets",
    "orders.http_500",
    "payments.order_unpaid",
    "realtime.refused",
    "edge.no_redirect",
    "edge.swapped",
)


def required_checks() -> set[str]:
    """Every check of the store that some stage of the policy requires."""
    loaded = policy.load(ROOT / "policies" / "release.toml")
    objectives = [objective for stage in loaded.stages for objective in stage.objectives]
    ids = {
        check
        for objective in objectives
        if isinstance(objective, ChecksObjective)
        for check in objective.checks
    }
    return {check for check in ids if not check.startswith("run.")}


def test_the_table_knows_every_fault_and_reddens_every_check() -> None:
    assert {fault.name for fault in FAULTS} == {
        *REDDENS,
        *UNDER_LOAD,
        *STOPPED,
        *SHOWN_BY_A_LOST_DATABASE,
    }
    assert {fault.name for fault in IN_A_RAMP} <= set(STOPPED)
    assert set().union(*REDDENS.values()) == required_checks()


def test_every_fault_names_functions_that_are_there() -> None:
    for fault in FAULTS:
        assert fault.at_edge or fault.replaces or fault.crashes or (fault.part and fault.change)
        defects = [defect for _, defect in fault.replaces] + [fault.change] * bool(fault.change)
        places = [f"testbed.store.{place}" for place, _ in fault.replaces]
        for place in (*places, *(f"testbed.defects.{defect}" for defect in defects)):
            owner, attribute = resolve(place)
            assert hasattr(owner, attribute), place


def test_every_check_is_reddened_by_two_kinds_of_fault() -> None:
    kinds = {fault.name: fault.kind for fault in FAULTS}
    of_check = {
        check: {kinds[name] for name, checks in REDDENS.items() if check in checks}
        for check in required_checks()
        if not check.startswith(("security.", "platform."))
    }
    assert [check for check, faults in of_check.items() if len(faults) < 2] == []


def test_the_security_faults_are_many_and_name_what_they_break() -> None:
    reddening = {
        name
        for name, checks in REDDENS.items()
        if any(check.startswith("security.") for check in checks)
    }
    assert len(reddening) >= 45


def smoke_of(fault: str) -> frozenset[str]:
    """The smoke checks a fault reddens; those of integration are shown red by `make proof`."""
    return frozenset(check for check in REDDENS[fault] if check.startswith("smoke."))


def test_a_fault_reddens_its_check_and_a_check_beside_it_passes(
    world: TestWorld, tmp_path: Path
) -> None:
    with world.fault("cart.forgets"):
        run = world.pytest(tmp_path, "-q", "--check", "smoke.cart", "--check", "smoke.login")
        answer = world.gates(tmp_path, "green-ready")
    assert results(tmp_path) == {"smoke.cart": "failed", "smoke.login": "passed"}
    assert (run.code, answer.code) == (1, 1)
    assert "smoke.cart failed in run" in answer.out


@pytest.mark.slow  # proof-suites runs it
@pytest.mark.parametrize("fault", SHOWN)
def test_fault_reddens_its_checks_and_no_others(
    world: TestWorld, tmp_path: Path, fault: str
) -> None:
    with world.fault(fault):
        run = world.pytest(tmp_path, "-m", "smoke", "-q")
        answer = world.gates(tmp_path, "green-ready")
    red = {check for check, outcome in results(tmp_path).items() if outcome != "passed"}
    assert run.code == 1
    assert red == smoke_of(fault)
    assert answer.code == 1
    assert answer.out.startswith("NO-GO  green-ready")
    assert [
        check
        for check in red
        if f"{check} failed in run" not in answer.out and f"{check} error in run" not in answer.out
    ] == []

    # With another version served, the whole run is evidence of that version: run all of it again.
    rerun = [] if "smoke.version" in red else sorted(red)
    again = [part for check in rerun for part in ("--check", check)]
    assert world.pytest(tmp_path, "-m", "smoke", "-q", *again).code == 0
    recovered = world.gates(tmp_path, "green-ready")
    assert recovered.code == 0
    assert recovered.out.startswith("GO  green-ready")
