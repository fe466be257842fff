"""The stage after a rollback: which rollback is known, and what counts only since then."""

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from balancing import BLUE, Balancer, Site, site
from collecting import HandMadeCollector, hand_made
from in_process import gates
from judging import NOW, STAGES, evidence
from ledgers import json_entries
from proving import Place, passing
from records import shifted, write
from test_check_triggers import RAMP_OBJECTIVES
from worlds import ROOT, Done

from gates import ledger
from gates.cli.after_rollback import ask_after_rollback, may_change_soon
from gates.decisions import Context
from gates.errors import ConfigurationError
from gates.judging import last_rollback
from gates.judging.last_rollback import since_rollback
from gates.model import (
    Decision,
    Finding,
    Measured,
    Outcome,
    Policy,
    RatioObjective,
    Rollback,
    RollbackObjective,
    Verdict,
)
from gates.policy import policy_file, schedule, target_file
from gates.policy.linting import policy_problems

CHECKS = ("platform.own.orders", "platform.own.stock")
TABLES = """
[objectives.own-rollback]
kind = "rollback"
guide = "6"
max_age_seconds = 3600

[objectives.own-share]
kind = "share"
guide = "6"
indicator = "traffic_weights"
longest_seconds = 21600
bake_seconds = 40
max_sample_age_seconds = 35

[objectives.own-errors]
kind = "ratio"
guide = "6"
indicator = "request_errors"
below = 0.005
minimum_events = 600
since_rollback = true

[objectives.own-integrity]
kind = "checks"
guide = "6"
checks = "own_integrity"
collected_seconds = 60
max_age_seconds = 300
since_rollback = true

[stages.own-verified]
title = "Blue serves everything, and nothing is lost"
guide = "6"
role = "after_rollback"
share = 1.00
objectives = [
    "served-build", "live-build", "own-rollback", "own-share", "own-errors", "own-integrity",
]
"""
FIRST_STAGE = "[stages.staging]"
AGO = 90.0


def policy_text(tables: str = TABLES) -> str:
    """The release policy, with the stage of this test before its own stage after a rollback."""
    text = (ROOT / "policies" / "release.toml").read_text()
    sets = f'[check_sets]\nown_integrity = ["{CHECKS[0]}", "{CHECKS[1]}"]\n'
    assert text.count(FIRST_STAGE) == 1
    return text.replace("[check_sets]\n", sets).replace(FIRST_STAGE, f"{tables}\n{FIRST_STAGE}")


def loaded(folder: Path, text: str) -> Policy:
    path = folder / "policy.toml"
    path.write_text(text)
    return policy_file.load(path)


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Place]:
    """A blue that has had all traffic for a while."""
    with passing(tmp_path) as place:
        folder = place.folder / "targets"
        blue = (ROOT / "targets" / "blue.toml").read_text()
        expected = target_file.load("blue", ROOT / "targets").expected
        for old, new in (
            ("127.0.0.1:5000", f"127.0.0.1:{place.port}"),
            ("127.0.0.1:9090", f"127.0.0.1:{place.port}"),
            (f'"{expected.digest}"', f'"{BLUE["digest"]}"'),
            (f'"{expected.version}"', f'"{BLUE["version"]}"'),
        ):
            blue = blue.replace(old, new)
        (folder / "blue.toml").write_text(blue)
        place.target = target_file.load("blue", folder)
        place.health = {**BLUE, "status": "ok"}
        place.policy = tmp_path / "policy.toml"
        place.policy.write_text(policy_text())
        moved_at = time.time() - AGO
        names = "haproxy_server_weight"
        place.metrics.change(lambda at, old: 100.0 if at >= moved_at else old, names, server="blue")
        place.metrics.change(lambda at, old: 0.0 if at >= moved_at else old, names, server="green")
        roll_back(place, moved_at)
        yield place


def roll_back(place: Place, at: float, *, target: str = "green", moved: bool = True) -> None:
    """Write a rollback that began at a moment and took ten seconds into the ledger."""
    place.out.mkdir(parents=True, exist_ok=True)
    ledger.append(
        place.out,
        ledger.RollbackEntry(
            target,
            1.0,
            at + 10,
            verified=moved,
            proof="verified",
            moved=moved,
            seconds=10.0,
        ),
    )


@pytest.fixture
def collector(here: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> HandMadeCollector:
    """A collector that finds nothing wrong."""
    collector = hand_made(tmp_path, monkeypatch)
    collector.write("c7", integrity_run(here))
    return collector


def integrity_run(place: Place, outcome: str = "passed") -> list[dict[str, object]]:
    events = place.run_of("c7", checks=CHECKS, **{CHECKS[0]: outcome})
    return [
        {**event, "target": "blue"} if event["event"] == "started" else event for event in events
    ]


def ask(place: Place, *options: str) -> Done:
    return gates(
        "check",
        "own-verified",
        "--target",
        "blue",
        "--targets",
        str(place.folder / "targets"),
        "--out",
        str(place.out),
        "--policy",
        str(place.policy),
        *options,
    )


def test_a_blue_that_recovered_is_a_go(here: Place, collector: HandMadeCollector) -> None:
    done = ask(here)
    assert done.code == 0, done.out
    assert "green gave all traffic back to blue" in done.out
    assert "last 85 s" in done.out or "last 84 s" in done.out or "last 86 s" in done.out
    options = collector.starts()[0]
    since = datetime.fromisoformat(options[options.index("--since") + 1])
    assert abs(since.timestamp() - (time.time() - AGO + 5)) < 10
    assert "--orders" not in options


@pytest.mark.usefixtures("collector")
def test_errors_of_blue_since_the_rollback_are_a_no_go(here: Place) -> None:
    began = time.time() - AGO + 20
    here.metrics.change(
        lambda at, value: value + 50 * max(0.0, at - began),
        "http_requests_total",
        slot="blue",
        status="500",
    )
    assert ask(here).code == 1


@pytest.mark.usefixtures("collector")
def test_errors_of_blue_before_the_rollback_do_not_count(here: Place) -> None:
    ended = time.time() - AGO - 60
    here.metrics.change(
        lambda at, value: value + 50 * min(0.0, at - ended),
        "http_requests_total",
        slot="blue",
        status="500",
    )
    assert ask(here).code == 0


def test_a_violation_since_the_rollback_is_a_no_go(
    here: Place, collector: HandMadeCollector
) -> None:
    collector.write("c7", integrity_run(here, "failed"))
    done = ask(here)
    assert done.code == 1
    assert f"{CHECKS[0]} failed in run c7" in done.out


def test_older_violations_are_named_and_do_not_count(
    here: Place, collector: HandMadeCollector
) -> None:
    events = [
        {**event, "message": "older than 2026-11-27T14:00:00Z, not counted:\n2 orders"}
        if event.get("id") == CHECKS[0]
        else event
        for event in integrity_run(here)
    ]
    collector.write("c7", events)
    done = ask(here)
    assert done.code == 0
    assert "older than 2026-11-27T14:00:00Z, not counted: 2 orders" in done.out


def test_a_run_from_before_the_rollback_does_not_count(
    here: Place, collector: HandMadeCollector
) -> None:
    collector.plan(code=1)
    events = shifted(integrity_run(here, "failed"), timedelta(seconds=-AGO - 30))
    write(here.out / "runs" / "r9" / "checks.jsonl", events)
    done = ask(here)
    assert done.code == 3
    assert "could not run the required checks: the collector ended with exit code 1" in done.out


@pytest.mark.usefixtures("collector")
def test_green_with_traffic_is_a_hold(here: Place) -> None:
    here.metrics.change(lambda _, __: 50.0, "haproxy_server_weight")
    done = ask(here)
    assert done.code == 3
    assert "blue has 50 % of the traffic; this stage requires 100 %" in done.out


def test_no_rollback_is_a_hold_without_a_collector(
    here: Place, collector: HandMadeCollector
) -> None:
    (here.out / ledger.FILE).unlink()
    done = ask(here)
    assert done.code == 3
    assert "the ledger has no rollback to blue" in done.out
    assert collector.starts() == []


@pytest.mark.usefixtures("collector")
def test_a_rollback_that_moved_nothing_does_not_count(here: Place) -> None:
    (here.out / ledger.FILE).unlink()
    roll_back(here, time.time() - 60, moved=False)
    assert ask(here).code == 3


@pytest.mark.usefixtures("collector")
def test_a_rollback_of_another_target_does_not_count(here: Place) -> None:
    (here.out / ledger.FILE).unlink()
    roll_back(here, time.time() - 60, target="staging")
    assert ask(here).code == 3


@pytest.mark.usefixtures("collector")
def test_a_move_to_green_after_the_rollback_is_a_hold(here: Place) -> None:
    ledger.append(here.out, ledger.MoveEntry("green", "ramp-10", 0.1, time.time(), 1.0))
    done = ask(here)
    assert done.code == 3
    assert "after the last move of traffic" in done.out


@pytest.mark.usefixtures("collector")
def test_the_time_of_the_rollback_is_in_the_evidence(here: Place) -> None:
    ask(here)
    entry = ledger.entries(here.out)[-1]
    done = gates("explain", entry.entry_id, "--out", str(here.out))
    assert "judged again from its evidence, the decision is the same" in done.out
    assert "green gave all traffic back to blue" in done.out


def test_an_old_rollback_is_a_hold() -> None:
    objective = RollbackObjective("r", "6", timedelta(hours=1))
    for age, verdict in ((3599.0, Verdict.PASS), (3601.0, Verdict.INCONCLUSIVE)):
        known = Rollback("green", NOW.timestamp() - age, "verified")
        finding = last_rollback.conclude(objective, replace(evidence(), rollback=known), NOW)
        assert finding.verdict is verdict
    finding = last_rollback.conclude(objective, evidence(), NOW)
    assert (finding.measured, finding.verdict) == (Measured.NO_DATA, Verdict.INCONCLUSIVE)


@pytest.mark.parametrize(("ago", "seconds"), [(90.0, 85.0), (2000.0, 600.0), (3.0, 1.0)])
def test_a_window_does_not_begin_before_the_rollback(
    tmp_path: Path, ago: float, seconds: float
) -> None:
    stage = loaded(tmp_path, policy_text()).after_rollback
    assert stage is not None
    at = NOW.timestamp()
    bound = since_rollback(stage, Rollback("green", at - ago, "verified"), at)
    (ratio,) = [
        objective for objective in bound.objectives if isinstance(objective, RatioObjective)
    ]
    assert ratio.window == timedelta(seconds=seconds)
    assert since_rollback(stage, None, at) is stage
    other = STAGES["ramp-10"]
    assert since_rollback(other, Rollback("green", at - ago, ""), at) == other


def test_the_stage_is_no_step_of_a_ramp(tmp_path: Path) -> None:
    policy = loaded(tmp_path, policy_text())
    steps = schedule.of_policy(policy, "policy")
    assert "own-verified" not in [step.stage for step in steps]
    assert policy.after_rollback is not None
    assert not [problem for problem in policy_problems.problems(policy, None) if "own-" in problem]


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('role = "after_rollback"\n', "", "go together"),
        ('"own-rollback", ', "", "go together|no stage asks"),
        ('role = "after_rollback"', 'role = "step"', "own-verified.role"),
        ("since_rollback = true", "since_rollback = 1", "since_rollback"),
        ("bake_seconds = 40", "bake_seconds = 30", "own-share.max_sample_age_seconds"),
    ],
)
def test_mistakes_in_the_stage_are_refused(
    tmp_path: Path, old: str, new: str, problem: str
) -> None:
    assert old in TABLES
    with pytest.raises(ConfigurationError, match=problem):
        loaded(tmp_path, policy_text(TABLES.replace(old, new)))


def test_an_objective_since_the_rollback_needs_a_known_rollback(tmp_path: Path) -> None:
    text = RAMP_OBJECTIVES.sub('objectives = ["with-traffic", "own-errors"]', policy_text())
    with pytest.raises(ConfigurationError, match="own-errors needs an objective of kind rollback"):
        loaded(tmp_path, text)


def without_stage_after_rollback() -> str:
    """The release policy without its stage after a rollback, and without objectives of it alone."""
    text = (ROOT / "policies" / "release.toml").read_text()
    begin = text.rindex("\n[stages.", 0, text.index('role = "after_rollback"'))
    end = text.find("\n[", begin + 1)
    lines = (text[:begin] + (text[end:] if end > 0 else "\n")).splitlines()
    since = [
        line for line in lines if "since_rollback = true" in line or 'kind = "rollback"' in line
    ]
    kept = "\n".join(line for line in lines if line not in since)
    begin = kept.index("[objectives.all-traffic-on-blue]")
    return kept[:begin] + kept[kept.index("\n[", begin) :]


@pytest.fixture
def rolling(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A balancer with traffic on green, and a policy with the stage."""
    hand_made(tmp_path, monkeypatch).plan(code=1)
    balancer = Balancer()
    balancer.give(0.5)
    (tmp_path / "policy.toml").write_text(policy_text())
    with site(tmp_path, balancer) as place:
        yield place


def test_a_rollback_asks_after_its_answer(rolling: Site) -> None:
    policy = rolling.place.folder / "policy.toml"
    code, out, err = rolling.run("rollback", "--policy", str(policy))
    assert (code, rolling.balancer.green) == (0, 0.0), out + err
    lines = out.splitlines()
    assert lines[-2].startswith("rollback verified in")
    assert lines[-1].startswith("own-verified: hold: ")
    assert lines[-1].endswith("to judge again, run: gates check own-verified --target blue")
    kinds = [entry["kind"] for entry in json_entries(rolling.out)]
    assert kinds == ["rollback", "ramp", "decision"]
    assert json_entries(rolling.out)[-1]["target"] == "blue"


@pytest.mark.parametrize("broken", ["no policy", "no stage", "no target"])
def test_a_question_that_fails_changes_no_answer(rolling: Site, broken: str) -> None:
    policy = rolling.place.folder / "policy.toml"
    if broken == "no policy":
        policy.write_text("schema = 0")
    if broken == "no stage":
        policy.write_text(without_stage_after_rollback())
    if broken == "no target":
        path = rolling.targets / "blue.toml"
        path.write_text(path.read_text().replace("schema_version", "schema_versions"))
    code, out, err = rolling.run("rollback", "--policy", str(policy))
    assert (code, rolling.balancer.green) == (0, 0.0), out + err
    assert "not judged" in out.splitlines()[-1]
    assert "rollback verified in" in out


@pytest.mark.usefixtures("collector")
@pytest.mark.parametrize(
    ("at", "seconds"),
    [
        (1e300, 10.0),
        (-1e300, 10.0),
        (0.0, 10.0),
        (1.0e9, 1e300),
        (1.0e9, -1e300),
    ],
)
def test_a_rollback_with_an_impossible_time_is_not_known(
    here: Place, at: float, seconds: float
) -> None:
    ledger.append(
        here.out,
        ledger.RollbackEntry(
            "green",
            1.0,
            at,
            verified=True,
            proof="verified",
            moved=True,
            seconds=seconds,
        ),
    )
    done = ask(here)
    assert done.code == 3, done.err
    assert done.err == ""


@pytest.mark.usefixtures("collector")
def test_a_rollback_in_the_future_is_a_hold(here: Place) -> None:
    roll_back(here, time.time() + 600)
    done = ask(here)
    assert done.code == 3
    assert "the last rollback to blue has a time in the future: a clock was set back" in done.out


@pytest.mark.usefixtures("collector")
def test_after_a_move_that_cannot_be_read_no_rollback_is_known(here: Place) -> None:
    ledger.append(here.out, ledger.MoveEntry("green", "ramp-10", float("nan"), time.time(), 1.0))
    done = ask(here)
    assert done.code == 3
    assert "the ledger has no rollback to blue after the last move of traffic" in done.out


def test_the_line_after_a_rollback_has_no_control_characters() -> None:
    def refuse() -> Context:
        raise ConfigurationError("bad\x1b[2J\nrollback verified")

    lines: list[str] = []
    ask_after_rollback(refuse, lines.append)
    assert lines == ["the baseline was not judged after the rollback: bad�[2J�rollback verified"]


@pytest.mark.parametrize(
    ("measured", "objective", "expected"),
    [
        (Measured.NO_DATA, "errors-recovered", True),
        (Measured.STALE, "all-traffic-on-blue", True),
        (Measured.ERROR, "errors-recovered", False),
        (Measured.NO_DATA, "nothing-lost", True),
        (Measured.ERROR, "nothing-lost", False),
        (Measured.NO_DATA, "rollback-known", False),
    ],
)
def test_a_hold_is_asked_again_only_where_the_next_scrapes_may_change_it(
    measured: Measured, objective: str, *, expected: bool
) -> None:
    stage = STAGES["rollback-verified"]
    finding = Finding(
        objective=objective,
        guide="6",
        measured=measured,
        verdict=Verdict.INCONCLUSIVE,
        sentence="not known yet",
        next_step="ask again",
        measurements=(),
    )
    hold = Decision(
        outcome=Outcome.HOLD,
        reason="not known yet",
        stage=stage.name,
        target="blue",
        build="unknown",
        at=datetime.now(UTC),
        findings=(finding,),
    )
    assert may_change_soon(stage, hold) is expected
