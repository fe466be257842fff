"""Advisory objectives are judged, and are not part of the answer while their trial lasts."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from format_documents import finding
from in_process import gates
from judge_simulation import HEALTHY, PAST, errors
from judging import NOW, RAMP, STAGES, decide, evidence
from recorded_ramps import lines, write
from worlds import ROOT

from gates.backtest import recording_file
from gates.backtest.replay import replay
from gates.coverage.item_problems import PolicyNames
from gates.errors import ConfigurationError
from gates.evidence import codec
from gates.exitcodes import ExitCode
from gates.judging.decide import worst_outcome
from gates.judging.live.queries import LivePlan
from gates.model import (
    Advisory,
    ComparisonObjective,
    Decision,
    Finding,
    Outcome,
    Policy,
    RatioObjective,
    Stage,
    Verdict,
)
from gates.policy import policy_file
from gates.policy.linting import policy_problems

TEXT = (ROOT / "policies" / "release.toml").read_text()
TRIAL = Advisory("Asha Rao", NOW + timedelta(days=7))
OVER = Advisory("Asha Rao", NOW - timedelta(days=1))
KEYS = 'advisory = true, owner = "Asha Rao", expires = 2026-12-04'
STRICT = f"""[objectives.strict-errors]
kind = "comparison"
guide = "3, phase 2"
indicator = "request_errors"
below = 0.0003
minimum_events = 10000
warm_up_seconds = 60
{KEYS.replace(", ", chr(10))}

[groups]
"""


def policy_of(folder: Path, *changes: tuple[str, str]) -> Policy:
    """The release policy with replacements."""
    text = TEXT
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    path = folder / "policy.toml"
    path.write_text(text)
    return policy_file.load(path)


def with_strict_errors(folder: Path) -> Policy:
    """A policy with a second, stricter comparison of errors, which is advisory."""
    return policy_of(
        folder,
        ("[groups]\n", STRICT),
        ('"with-traffic", "only-listed"', '"with-traffic", "strict-errors", "only-listed"'),
    )


def advised(stage: Stage, *names: str, trial: Advisory = TRIAL) -> Stage:
    """The stage with these objectives on trial."""
    return replace(stage, advisories=dict.fromkeys(names, trial))


def by_objective(decision: Decision) -> dict[str, Finding]:
    return {finding.objective: finding for finding in decision.findings}


def test_a_policy_states_the_trial_of_an_objective(tmp_path: Path) -> None:
    stage = policy_file.stage_named(with_strict_errors(tmp_path), "ramp-30", "here")
    ended = datetime(2026, 12, 5, tzinfo=UTC)
    assert stage.advisories == {"strict-errors": Advisory("Asha Rao", ended)}
    assert [objective.name for objective in stage.trials] == ["strict-errors"]
    assert stage.trials[0] not in stage.required


def test_a_trial_changes_no_objective_that_counts(tmp_path: Path) -> None:
    """Comparisons share an error budget: a trial takes nothing of it, and has its later share."""
    plain = policy_of(tmp_path)
    policy = with_strict_errors(tmp_path)
    assert [stage.required for stage in policy.stages] == [
        stage.objectives for stage in plain.stages
    ]
    trial = policy.steps[0].trials[0]
    assert isinstance(trial, ComparisonObjective)
    counting = {item.name: item for item in policy.steps[0].required}["errors-against-blue"]
    assert isinstance(counting, ComparisonObjective)
    comparisons = sum(
        isinstance(item, ComparisonObjective) and not item.relative
        for item in policy.steps[0].required
    )
    assert trial.terms.stop_at == counting.terms.stop_at * (comparisons + 1) / comparisons


def test_a_trial_has_a_judge_of_its_own(tmp_path: Path) -> None:
    """Its missing samples then affect no objective that counts, and nor do its selectors."""
    policy = with_strict_errors(tmp_path)
    plan, plain = LivePlan.of(policy.steps[0]), LivePlan.of(STAGES["ramp-10"])
    assert plan is not None
    assert plain is not None
    groups = [[objective.name for objective in group] for group in plan.groups()]
    assert ["strict-errors"] in groups
    groups.remove(["strict-errors"])
    assert groups == [[objective.name for objective in group] for group in plain.groups()]


MISTAKES = [
    (KEYS.replace(', owner = "Asha Rao"', ""), "owner: missing"),
    (KEYS.replace("Asha Rao", " "), "owner: expected a text"),
    (KEYS.replace("Asha Rao", "a" * 81), "owner: expected a name of at most 80"),
    (KEYS.replace(", expires = 2026-12-04", ""), "expires: missing"),
    (KEYS.replace("2026-12-04", '"2026-12-04"'), "expires: expected a date such as 2026-12-04"),
    (KEYS.replace("2026-12-04", "2026-12-04T00:00:00Z"), "expires: expected a date"),
    (KEYS.replace("2026-12-04", "9999-12-31"), "expires: 9999-12-31 is too far away"),
    (KEYS.replace("true", '"yes"'), "advisory: expected true or false"),
    (KEYS.replace("true", "false"), "owner: unknown key"),
    ('owner = "Asha Rao"', "owner: unknown key"),
]


@pytest.mark.parametrize(("keys", "message"), MISTAKES, ids=range(len(MISTAKES)))
def test_a_mistake_in_a_trial_is_named(tmp_path: Path, keys: str, message: str) -> None:
    old = 'indicator = "request_errors", below = 0.005, minimum_events = 600 }'
    with pytest.raises(ConfigurationError, match=re.escape(f"objectives.error-ratio.{message}")):
        policy_of(tmp_path, (old, f"{old[:-2]}, {keys} }}"))


REFUSED = [
    ("[objectives.errors-trigger]\n", "a rollback trigger cannot be advisory"),
    ('data-corruption = { kind = "checks",', "is a rollback trigger, and cannot be advisory"),
    ('security-vulnerability = { kind = "no_failed_checks",', "is a rollback trigger"),
    ('anything-refused = { kind = "comparison",', "can roll back, so it cannot be advisory"),
    ("[objectives.errors-against-blue]\n", "can roll back, so it cannot be advisory"),
    ('served-build = { kind = "served_build",', "depend on this objective"),
    ('live-build = { kind = "live_build",', "depend on this objective"),
    ("[objectives.traffic-share]\n", "depend on this objective"),
    ('rollback-known = { kind = "rollback",', "depend on this objective"),
]


@pytest.mark.parametrize(("place", "message"), REFUSED, ids=[place for place, _ in REFUSED])
def test_what_every_decision_needs_cannot_be_advisory(
    tmp_path: Path, place: str, message: str
) -> None:
    keys = f"{KEYS}, " if "{" in place else KEYS.replace(", ", "\n") + "\n"
    new = place.replace("{ ", f"{{ {keys}") if "{" in place else place + keys
    with pytest.raises(ConfigurationError, match=re.escape(message)):
        policy_of(tmp_path, (place, new))


def test_the_lint_does_not_accept_a_trial_where_it_asks_for_an_objective(tmp_path: Path) -> None:
    keys = f"traffic-seen]\n{KEYS.replace(', ', chr(10))}\n"
    policy = policy_of(tmp_path, ("traffic-seen]\n", keys))
    problems = policy_problems.problems(policy, None)
    assert (
        "stages.ramp-10: the stage has traffic, but is judged without the traffic that each "
        "colour answered (kind traffic); add an objective about this"
    ) in problems
    assert policy_problems.problems(policy_of(tmp_path), None) == []


def test_the_lint_does_not_ask_a_trial_for_every_check_of_a_suite(tmp_path: Path) -> None:
    short = ('"smoke.login", ', "")
    checks = 'checks = "smoke", max_age_seconds = 3600 }'
    suites = ROOT / "suites"
    problems = policy_problems.problems(policy_of(tmp_path, short), suites)
    assert [problem for problem in problems if problem.startswith("objectives.smoke:")] != []
    policy = policy_of(tmp_path, short, (checks, f"{checks[:-2]}, {KEYS} }}"))
    problems = policy_problems.problems(policy, suites)
    assert [problem for problem in problems if problem.startswith("objectives.smoke:")] == []


@pytest.mark.parametrize(("days_before", "expected"), [(31, 0), (32, 1), (-1, 0)])
def test_the_lint_names_a_trial_of_more_than_a_month(
    tmp_path: Path, days_before: int, expected: int
) -> None:
    now = datetime(2026, 12, 5, tzinfo=UTC) - timedelta(days=days_before)
    problems = policy_problems.trial_problems(with_strict_errors(tmp_path), now)
    assert len(problems) == expected
    assert all("expires: the trial lasts more than 31 days" in problem for problem in problems)


def test_the_command_lint_names_a_long_trial(tmp_path: Path) -> None:
    text = TEXT.replace("[groups]\n", STRICT.replace("2026-12-04", "2999-12-04"), 1)
    steps = '"with-traffic", "only-listed"'
    path = tmp_path / "policy.toml"
    path.write_text(text.replace(steps, f'"strict-errors", {steps}', 1))
    done = gates("lint", "--policy", str(path), "--targets", str(ROOT / "targets"))
    assert done.code == ExitCode.USAGE
    assert "objectives.strict-errors: expires: the trial lasts more than 31 days" in done.out


def test_an_advisory_objective_that_fails_leaves_the_answer_as_it_is() -> None:
    facts = evidence(errors=60)
    assert decide(facts).outcome is Outcome.NO_GO
    decision = decide(facts, advised(RAMP, "error-ratio"))
    without = replace(
        RAMP, objectives=tuple(item for item in RAMP.objectives if item.name != "error-ratio")
    )
    assert decision.outcome is decide(facts, without).outcome is Outcome.GO
    failed = by_objective(decision)["error-ratio"]
    assert (failed.verdict, failed.advisory) == (Verdict.FAIL, TRIAL)
    assert decision.reason.endswith("; advisory, not counted: 1 fail (error-ratio)")


def test_an_advisory_objective_without_data_leaves_the_answer_as_it_is() -> None:
    facts = evidence(requests=10, errors=0)
    names = [item.name for item in RAMP.objectives if isinstance(item, RatioObjective)]
    assert decide(facts).outcome is Outcome.HOLD
    decision = decide(facts, advised(RAMP, *names))
    assert decision.outcome is Outcome.GO
    assert "advisory, not counted: 3 unsure" in decision.reason


def test_past_its_date_the_objective_stops_the_release() -> None:
    facts = evidence(errors=60)
    decision = decide(facts, advised(RAMP, "error-ratio", trial=OVER))
    assert decision.outcome is Outcome.NO_GO
    assert by_objective(decision)["error-ratio"].advisory is None
    assert "because its trial ended at 2026-11-21 12:00 UTC (owner: Asha Rao)" in decision.reason
    first_moment = decide(facts, advised(RAMP, "error-ratio", trial=Advisory("a", NOW)))
    assert first_moment.outcome is Outcome.NO_GO


def test_findings_that_are_all_advisory_are_no_go_on() -> None:
    trials = [replace(finding(Verdict.PASS, "a"), advisory=TRIAL)]
    outcome, reason = worst_outcome(trials)
    assert outcome is Outcome.HOLD
    assert reason.startswith("every objective of the stage is advisory, so no finding is a reason")


def test_an_advisory_pass_does_not_replace_a_required_finding() -> None:
    trial = replace(finding(Verdict.PASS, "a"), advisory=TRIAL)
    outcome, _ = worst_outcome([trial, finding(Verdict.INCONCLUSIVE, "b")])
    assert outcome is Outcome.HOLD


def test_kept_evidence_has_the_trials_and_older_evidence_has_none() -> None:
    stage = advised(RAMP, "error-ratio")
    content = json.loads(json.dumps(codec.to_json(stage)))
    assert codec.from_json(Stage, content) == stage
    del content["advisories"]
    assert codec.from_json(Stage, content) == RAMP


def test_the_coverage_does_not_let_a_trial_decide_an_item(tmp_path: Path) -> None:
    from gates.coverage import guide_file
    from gates.coverage.item_problems import problems

    policy = with_strict_errors(tmp_path)
    item = guide_file.GuideItem(
        "a.b", guide_file.ItemKind.CHECKBOX, "a", ("strict-errors",), (), (), (), why_not=""
    )
    assert list(problems(item, PolicyNames.of(policy))) == [
        "every objective of the item is advisory, so no objective decides the item"
    ]


def test_a_backtest_says_when_a_trial_would_have_stopped(tmp_path: Path) -> None:
    """Green alone has 0.2 % errors: under the limit that counts, and over that of the trial."""
    policy = with_strict_errors(tmp_path)
    file = write(tmp_path / "ramp.jsonl", lines(errors(0.002, -PAST)))
    ramp = recording_file.read(file, policy.indicators)
    before = replay(ramp, policy_of(tmp_path))
    result = replay(ramp, policy)
    assert (result.decision, result.stopped_at) == (before.decision, None)
    assert [step.decision for step in result.steps] == [step.decision for step in before.steps]
    trial = result.trials["strict-errors"]
    assert trial.stopped_at is not None
    ended = replay(ramp, policy, datetime(2026, 12, 5, tzinfo=UTC))
    assert ended.decision is Outcome.NO_GO
    assert ended.stopped_at == trial.stopped_at
    assert ended.trials == {}


def test_the_command_backtest_says_how_often_a_trial_would_have_stopped(tmp_path: Path) -> None:
    text = TEXT.replace("[groups]\n", STRICT.replace("2026-12-04", "2999-12-04"), 1)
    steps = '"with-traffic", "only-listed"'
    path = tmp_path / "policy.toml"
    path.write_text(text.replace(steps, f'"strict-errors", {steps}', 1))
    good = write(tmp_path / "good.jsonl", lines(HEALTHY["error 0.1 %"])[:400])
    bad = write(tmp_path / "bad.jsonl", lines(errors(0.002, -PAST)))
    done = gates("backtest", str(good), str(bad), "--policy", str(path))
    assert done.out.splitlines()[-1] == (
        "the advisory objective strict-errors would have stopped 1 and held 1 of the 2 recordings "
        "in which it was judged"
    )
    content = json.loads(gates("backtest", str(bad), "--policy", str(path), "--json").out)
    assert content["advisory"]["strict-errors"]["stopped_at"] > 0
