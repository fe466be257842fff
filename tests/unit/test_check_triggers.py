"""Failed checks as rollback triggers: objectives, keys of the policy, and the decision."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from judging import CHECKS, GREEN, NOW, POLICY, evidence, passed_run
from worlds import ROOT

from gates.errors import ConfigurationError
from gates.judging import decide as judge
from gates.judging.not_counted.overrides import refusal_of
from gates.model import (
    Boot,
    CheckOutcome,
    CheckResult,
    ChecksObjective,
    Decision,
    Evidence,
    LostRun,
    Measured,
    NoFailedChecksObjective,
    Outcome,
    Rollback,
    Run,
    RunState,
    Stage,
    Verdict,
)
from gates.policy import policy_file
from gates.policy.time_scale import scaled

SAMPLES = replace(evidence(), runs=())
TRIGGER = NoFailedChecksObjective(
    name="security-vulnerability",
    guide="6",
    checks=CHECKS,
    limits=POLICY.limits_digest,
    max_age=timedelta(hours=24),
    breach=Outcome.ROLLBACK,
)
REQUIRED = ChecksObjective(
    name="data-corruption",
    guide="6",
    checks=CHECKS,
    limits=POLICY.limits_digest,
    max_age=timedelta(hours=1),
    breach=Outcome.ROLLBACK,
)
TABLE = """
[objectives.vulnerability]
kind = "no_failed_checks"
guide = "6"
checks = "security"
breach = "rollback"

[objectives.corruption]
kind = "checks"
guide = "6"
checks = "smoke"
breach = "rollback"
collected_seconds = 60
max_age_seconds = 300
"""


def decision_of(objective: ChecksObjective | NoFailedChecksObjective, *runs: Run) -> Decision:
    return judged(objective, replace(SAMPLES, runs=runs))


def judged(objective: ChecksObjective | NoFailedChecksObjective, facts: Evidence) -> Decision:
    return judge.judge(Stage("s", "s", "6", None, (objective,)), facts, NOW)


def run_of(run_id: str, minutes: float, **outcomes: CheckOutcome) -> Run:
    """A run that began some minutes ago; every other check passed."""
    at = NOW - timedelta(minutes=minutes)
    passed = passed_run(run_id=run_id, started_at=at)
    changed = {name.replace("_", "."): outcome for name, outcome in outcomes.items()}
    results = tuple(
        replace(result, at=at, outcome=changed.get(result.check, result.outcome))
        for result in passed.results
    )
    return replace(passed, results=results)


FAILED = CheckOutcome.FAILED


def test_a_failed_check_is_a_rollback_where_the_policy_says_so() -> None:
    decision = decision_of(REQUIRED, run_of("r1", 5, smoke_login=FAILED))
    assert decision.outcome is Outcome.ROLLBACK
    assert decision.reason.startswith("smoke.login failed in run r1")
    kept = decision_of(replace(REQUIRED, breach=Outcome.NO_GO), run_of("r1", 5, smoke_login=FAILED))
    assert kept.outcome is Outcome.NO_GO


def test_a_check_that_did_not_run_is_a_hold_and_no_rollback() -> None:
    assert decision_of(REQUIRED).outcome is Outcome.HOLD


def test_a_failure_that_a_run_found_is_a_rollback() -> None:
    decision = decision_of(TRIGGER, run_of("r1", 5, smoke_login=FAILED))
    assert decision.outcome is Outcome.ROLLBACK
    assert "smoke.login failed in run r1" in decision.reason
    assert decision.findings[0].measurements[0].query == "run r1"


@pytest.mark.parametrize("objective", [TRIGGER, REQUIRED])
def test_an_error_of_a_check_is_a_hold_and_no_rollback(
    objective: ChecksObjective | NoFailedChecksObjective,
) -> None:
    decision = decision_of(objective, run_of("r1", 5, smoke_login=CheckOutcome.ERROR))
    assert decision.outcome is Outcome.HOLD
    assert "smoke.login" in decision.reason
    assert "error in run r1" in decision.reason


def test_an_error_of_a_check_that_is_no_trigger_stays_a_no_go() -> None:
    plain = replace(REQUIRED, breach=Outcome.NO_GO)
    decision = decision_of(plain, run_of("r1", 5, smoke_login=CheckOutcome.ERROR))
    assert decision.outcome is Outcome.NO_GO


@pytest.mark.parametrize("objective", [TRIGGER, REQUIRED])
def test_a_rollback_trigger_cannot_be_overridden(
    objective: ChecksObjective | NoFailedChecksObjective,
) -> None:
    assert "rollback" in refusal_of(objective)
    assert refusal_of(replace(objective, breach=Outcome.NO_GO)) == ""


def test_no_run_at_all_passes_and_the_sentence_says_so() -> None:
    decision = decision_of(TRIGGER)
    assert decision.outcome is Outcome.GO
    assert "no run within 24 h includes any of" in decision.findings[0].sentence


def test_a_newer_complete_run_clears_a_failure() -> None:
    decision = decision_of(TRIGGER, run_of("r1", 9, smoke_login=FAILED), run_of("r2", 5))
    assert decision.outcome is Outcome.GO
    assert "2 runs of the last 24 h" in decision.findings[0].sentence


def unfinished(run: Run) -> Run:
    return replace(run, state=RunState.UNFINISHED, problem="aborted")


def by_other_limits(run: Run) -> Run:
    return replace(run, limits="0" * 64)


def of_changed_target(run: Run) -> Run:
    return replace(run, target_digest="other")


def without_the_check(run: Run) -> Run:
    results = tuple(result for result in run.results if result.check != "smoke.login")
    return replace(run, results=results)


def reported_twice(run: Run) -> Run:
    again = CheckResult("smoke.login", CheckOutcome.PASSED, run.started_at, "", "n")
    return replace(run, results=(*run.results, again))


def skipped(run: Run) -> Run:
    return run_of(run.run_id, 5, smoke_login=CheckOutcome.SKIPPED)


def begun_before(run: Run) -> Run:
    return run_of(run.run_id, 10)


@pytest.mark.parametrize(
    "change",
    [
        unfinished,
        by_other_limits,
        of_changed_target,
        without_the_check,
        reported_twice,
        skipped,
        begun_before,
    ],
)
def test_no_other_run_clears_a_failure(change: Callable[[Run], Run]) -> None:
    runs = (run_of("r1", 9, smoke_login=FAILED), change(run_of("r2", 5)))
    assert decision_of(TRIGGER, *runs).outcome is Outcome.ROLLBACK


def test_a_failure_of_another_build_or_of_long_ago_does_not_count() -> None:
    failed = run_of("r1", 5, smoke_login=FAILED)
    other = replace(GREEN.expected, version="4.0.0")
    assert decision_of(TRIGGER, replace(failed, build=other)).outcome is Outcome.GO
    old = run_of("r1", 25 * 60, smoke_login=FAILED)
    assert decision_of(TRIGGER, old).outcome is Outcome.GO
    assert decision_of(TRIGGER, replace(failed, target="blue")).outcome is Outcome.GO


def test_a_failure_of_an_unfinished_run_counts() -> None:
    failed = unfinished(run_of("r1", 5, smoke_login=FAILED))
    assert decision_of(TRIGGER, failed).outcome is Outcome.ROLLBACK


def test_a_damaged_run_may_hide_a_failure() -> None:
    damaged = replace(
        run_of("r1", 5),
        state=RunState.DAMAGED,
        problem="cut",
        target="",
        base_url="",
        build=None,
        expected=None,
        results=(),
    )
    decision = decision_of(TRIGGER, damaged)
    assert decision.outcome is Outcome.HOLD
    assert "run r1 is damaged, and may have reported a failure" in decision.reason


def test_an_unknown_build_is_a_hold() -> None:
    served = replace(SAMPLES.served, measured=Measured.ERROR, build=None, problem="no answer")
    decision = judged(TRIGGER, replace(SAMPLES, served=served))
    assert decision.outcome is Outcome.HOLD


def test_a_failed_run_that_is_gone_is_a_hold_until_a_newer_run_passes() -> None:
    began = NOW - timedelta(minutes=9)
    lost = LostRun(
        "r1",
        "is gone",
        began,
        str(GREEN.expected),
        frozenset(CHECKS),
        frozenset({"smoke.login"}),
        "d1",
    )
    facts = replace(SAMPLES, lost_runs=(lost,))
    decision = judged(TRIGGER, facts)
    assert decision.outcome is Outcome.HOLD
    assert "smoke.login failed in run r1, which is gone" in decision.reason
    passed = judged(TRIGGER, replace(facts, runs=(run_of("r2", 5),)))
    assert passed.findings[0].verdict is Verdict.PASS


def in_the_future(run: Run) -> Run:
    return run_of(run.run_id, -60)


def with_errors(run: Run) -> Run:
    return run_of(run.run_id, 5, smoke_login=CheckOutcome.ERROR)


def with_a_clock_set_back(run: Run) -> Run:
    """A run that says it began after the failed run; the boot clock says it began before."""
    return replace(run, boot=Boot("m", 100.0))


def of_newer_violations(run: Run) -> Run:
    return replace(run, since=run.started_at)


HIDING = (
    unfinished,
    by_other_limits,
    of_changed_target,
    without_the_check,
    reported_twice,
    skipped,
    in_the_future,
    with_errors,
    with_a_clock_set_back,
    of_newer_violations,
)


@pytest.mark.parametrize("objective", [TRIGGER, REQUIRED])
@pytest.mark.parametrize("change", HIDING)
def test_no_incomplete_run_hides_a_failure_of_a_trigger(
    change: Callable[[Run], Run], objective: ChecksObjective | NoFailedChecksObjective
) -> None:
    failed = replace(run_of("r1", 9, smoke_login=FAILED), boot=Boot("m", 200.0))
    decision = decision_of(objective, failed, change(run_of("r2", 5)))
    assert decision.outcome is Outcome.ROLLBACK, decision.reason


def test_a_newer_complete_run_clears_a_failure_of_required_checks() -> None:
    runs = (run_of("r1", 9, smoke_login=FAILED), run_of("r2", 5))
    assert decision_of(REQUIRED, *runs).outcome is Outcome.GO
    old = (run_of("r1", 61, smoke_login=FAILED), unfinished(run_of("r2", 5)))
    assert decision_of(REQUIRED, *old).outcome is Outcome.HOLD


def test_a_failure_counts_also_where_an_earlier_run_is_lost() -> None:
    lost = LostRun("r0", "is gone", NOW, str(GREEN.expected), frozenset(CHECKS), frozenset(), "d1")
    facts = replace(SAMPLES, lost_runs=(lost,), runs=(run_of("r1", 5, smoke_login=FAILED),))
    assert judged(REQUIRED, facts).outcome is Outcome.ROLLBACK


def test_a_run_that_ignores_older_violations_is_no_pass_without_a_rollback() -> None:
    run = of_newer_violations(run_of("r1", 5))
    assert decision_of(REQUIRED, run).outcome is Outcome.HOLD


@pytest.mark.parametrize(("seconds", "outcome"), [(0, Outcome.GO), (1, Outcome.HOLD)])
def test_after_a_rollback_a_run_ignores_only_violations_from_before_it(
    seconds: int, outcome: Outcome
) -> None:
    rollback = Rollback("green", (NOW - timedelta(minutes=9)).timestamp(), "verified")
    since = rollback.counts_since + timedelta(seconds=seconds)
    run = replace(run_of("r1", 5), since=since)
    facts = replace(SAMPLES, rollback=rollback, runs=(run,))
    assert judged(replace(REQUIRED, since_rollback=True), facts).outcome is outcome


def test_a_failure_on_an_unknown_build_is_a_hold() -> None:
    failed = replace(run_of("r1", 5, smoke_login=FAILED), build=None)
    decision = decision_of(TRIGGER, failed)
    assert decision.outcome is Outcome.HOLD
    assert "smoke.login failed in run r1, whose build is unknown" in decision.reason
    assert decision_of(TRIGGER, failed, run_of("r2", 3)).outcome is Outcome.GO


def test_a_failure_counts_also_where_the_address_of_the_target_has_changed() -> None:
    failed = replace(run_of("r1", 5, smoke_login=FAILED), base_url="http://other")
    assert decision_of(TRIGGER, failed).outcome is Outcome.ROLLBACK


def test_a_run_of_another_build_does_not_clear_a_lost_failure() -> None:
    began = NOW - timedelta(minutes=9)
    lost = LostRun(
        "r1",
        "is gone",
        began,
        str(GREEN.expected),
        frozenset(CHECKS),
        frozenset({"smoke.login"}),
        "d1",
    )
    other = replace(run_of("r2", 5), build=replace(GREEN.expected, version="4.0.0"))
    facts = replace(SAMPLES, lost_runs=(lost,), runs=(other,))
    assert judged(TRIGGER, facts).outcome is Outcome.HOLD


def test_the_sentence_names_more_than_one_failed_check() -> None:
    run = run_of("r1", 5, smoke_login=FAILED, smoke_search=FAILED)
    reason = decision_of(TRIGGER, run).reason
    assert "smoke.login failed in run r1" in reason
    assert "other checks with this result: smoke.search" in reason


# The line of the table [ramp] that names the objectives of each step.
RAMP_OBJECTIVES = re.compile(r'(?m)^objectives = \["with-traffic", "only-listed".*\]$')


def policy_text(table: str = TABLE) -> str:
    """The release policy with objectives of this test in the ramp in place of its triggers."""
    text = (ROOT / "policies" / "release.toml").read_text()
    names = [line.split(".")[1].rstrip("]") for line in table.splitlines() if line.startswith("[")]
    quoted = ", ".join(f'"{name}"' for name in names)
    own = f'objectives = ["with-traffic", {quoted}, "only-listed"]'
    changed, count = RAMP_OBJECTIVES.subn(own, text)
    assert count == 1
    return changed + table


def load(folder: Path, text: str) -> dict[str, object]:
    path = folder / "policy.toml"
    path.write_text(text)
    policy = policy_file.load(path)
    return {objective.name: objective for objective in policy.steps[0].objectives}


def test_the_policy_states_the_breach_and_the_age_of_collected_checks(tmp_path: Path) -> None:
    objectives = load(tmp_path, policy_text())
    corruption, vulnerability = objectives["corruption"], objectives["vulnerability"]
    assert isinstance(corruption, ChecksObjective)
    assert isinstance(vulnerability, NoFailedChecksObjective)
    assert corruption.breach is vulnerability.breach is Outcome.ROLLBACK
    assert corruption.collected == timedelta(seconds=60)
    assert corruption.check_set == "smoke"
    assert corruption.max_age == timedelta(seconds=300)
    smoke = objectives["smoke-in-ramp"]
    assert isinstance(smoke, ChecksObjective)
    assert (smoke.breach, smoke.collected) == (Outcome.NO_GO, None)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('breach = "rollback"', 'breach = "hold"', "corruption.breach|vulnerability.breach"),
        ("collected_seconds = 60", "collected_seconds = 301", "corruption.collected_seconds"),
        ("collected_seconds = 60", "collected_seconds = 0", "corruption.collected_seconds"),
    ],
)
def test_wrong_keys_are_refused(tmp_path: Path, old: str, new: str, problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        load(tmp_path, policy_text(TABLE.replace(old, new)))


def test_the_time_scale_divides_the_ages_of_collected_checks_only(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    path.write_text(policy_text())
    policy = policy_file.load(path)
    by_factor = {
        factor: {
            objective.name: objective for objective in scaled(policy, factor).steps[0].objectives
        }
        for factor in (2.0, 60.0)
    }
    for factor, collected, max_age in ((2.0, 30, 150), (60.0, 5, 15)):
        corruption = by_factor[factor]["corruption"]
        assert isinstance(corruption, ChecksObjective)
        assert corruption.collected == timedelta(seconds=collected)
        assert corruption.max_age == timedelta(seconds=max_age)
        smoke = by_factor[factor]["smoke-in-ramp"]
        assert isinstance(smoke, ChecksObjective)
        assert smoke.max_age == timedelta(seconds=14400)
