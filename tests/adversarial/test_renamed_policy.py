"""No decision depends on a name: a policy with every name changed gives the same answers."""

import json
import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from balancing import Balancer, site
from in_process import gates
from judge_simulation import Change, all_declined, no_orders, shared
from proving import Place, passing
from recorded_ramps import lines, write
from renaming import Renaming
from test_prove_customers import answered, declined, logins_refused, no_payments
from thorough import THOROUGH
from worlds import ROOT

from gates.policy import policy_file

TEXT = (ROOT / "policies" / "release.toml").read_text()
RENAMING = Renaming(TEXT)


def nothing(_: Place) -> None:
    """A healthy ramp."""


def failing(place: Place) -> None:
    answered("500")(place)


CASES: dict[str, Callable[[Place], object]] = {
    "healthy": nothing,
    "a tenth of the requests fail": failing,
    "log-ins are refused": logins_refused,
    "payments are declined": declined,
    "no payments": no_payments,
    "Prometheus is silent": lambda place: setattr(place, "answer", lambda _: (503, b"", 0.0)),
    "green is not healthy": lambda place: setattr(place, "status", 503),
}


CELLS = [(stage, case) for case in CASES for stage in ("green-ready", "ramp-30", "hour-1")]


@pytest.fixture
def renamed(tmp_path: Path) -> Path:
    path = tmp_path / "renamed.toml"
    path.write_text(RENAMING.text())
    return path


def test_everything_has_another_name(renamed: Path) -> None:
    before, after = policy_file.load(ROOT / "policies" / "release.toml"), policy_file.load(renamed)
    assert [RENAMING.stage(stage.name) for stage in before.stages] == [
        stage.name for stage in after.stages
    ]
    assert [stage.role for stage in before.stages] == [stage.role for stage in after.stages]
    names = [
        {
            name
            for stage in policy.stages
            for name in (stage.name, *(o.name for o in stage.objectives))
        }
        | set(policy.indicators)
        for policy in (before, after)
    ]
    assert names[0] & names[1] == set()


def findings(out: str) -> list[tuple[str, str, str, str]]:
    return [
        (
            finding["objective"],
            finding["measured"],
            finding["verdict"],
            re.sub(r"\d+", "0", finding["sentence"]),
        )
        for finding in json.loads(out)["findings"]
    ]


@pytest.mark.parametrize(("stage", "case"), CELLS if THOROUGH else CELLS[::2])
def test_check_gives_the_same_answer(tmp_path: Path, renamed: Path, case: str, stage: str) -> None:
    with passing(tmp_path) as place:
        CASES[case](place)
        place.options = ("--json",)
        before = place.ask(stage)
        place.policy = renamed
        after = place.ask(RENAMING.stage(stage))
    assert after.code == before.code
    expected = [
        (RENAMING.objective(name), measured, verdict)
        for name, measured, verdict, _ in findings(before.out)
    ]
    assert sorted(finding[:3] for finding in findings(after.out)) == sorted(expected)


def test_a_healthy_ramp_is_a_go_and_a_failing_one_is_not(tmp_path: Path, renamed: Path) -> None:
    with passing(tmp_path) as place:
        place.policy = renamed
        assert place.ask(RENAMING.stage("ramp-30")).code == 0
        failing(place)
        assert place.ask(RENAMING.stage("ramp-30")).code in (1, 4)


@pytest.mark.parametrize("metrics_until", [None, 0.0], ids=["metrics", "no metrics"])
def test_watch_and_dry_run_give_the_same_exit_codes(
    tmp_path: Path, renamed: Path, metrics_until: float | None
) -> None:
    balancer = Balancer()
    balancer.give(0.3)
    balancer.metrics_until = metrics_until and time.time()
    if metrics_until == 0.0:
        balancer.metrics_until = time.time() - 600
    with site(tmp_path, balancer) as here:
        policy = ("--policy", str(renamed))
        watched = [here.run("watch", "--for", "1s", *options)[0] for options in ((), policy)]
        dry = [here.run("ramp", "--dry-run", *options) for options in ((), policy)]
    assert watched[0] == watched[1]
    assert watched[1] == 3 or metrics_until is None
    assert [code for code, _, _ in dry] == [3, 3]
    pattern = re.compile(r"then check \S+$", re.MULTILINE)
    assert pattern.sub("", dry[0][1]) == pattern.sub("", dry[1][1])


def test_watch_whose_triggers_have_other_names_is_not_blind(tmp_path: Path, renamed: Path) -> None:
    with passing(tmp_path) as place:
        place.policy = renamed
        failing(place)
        command = place.command(RENAMING.stage("ramp-30"))
        done = gates("watch", "--for", "1s", *command[2:])
    assert done.code in (1, 4)


RAMPS: dict[str, tuple[Change, float]] = {
    "healthy": (lambda _: None, 50),
    "both fail": (shared(0.2, 600), 50),
    "declined": (all_declined, 50),
    "no orders": (no_orders, 50),
}


@pytest.mark.parametrize("ramp", list(RAMPS))
def test_backtest_stops_at_the_same_second(tmp_path: Path, renamed: Path, ramp: str) -> None:
    path = write(tmp_path / "ramp.jsonl", lines(*RAMPS[ramp]))
    before = gates("backtest", "--json", str(path))
    after = gates("backtest", "--json", str(path), "--policy", str(renamed))
    assert after.code == before.code
    original, other = json.loads(before.out), json.loads(after.out)
    for key in ("stopped_at", "decision", "reason", "steps"):
        assert original[key] == other[key], key
