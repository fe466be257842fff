"""What the gate makes of runs: clocks, leaks, limits, checks nobody lists."""

from dataclasses import replace
from datetime import timedelta

from judging import (
    CHECKS,
    GREEN,
    NOW,
    READY,
    SERVED,
    STAGES,
    decide,
    evidence,
    passed_run,
)

from gates.judging import decide as judge
from gates.model import (
    LEFT_NOTHING,
    Boot,
    CheckOutcome,
    CheckResult,
    Evidence,
    Outcome,
    Run,
    RunState,
    Verdict,
)


def listed_finding(*runs: Run) -> tuple[Verdict, str]:
    staging = STAGES["staging"]
    decided = judge.judge(staging, Evidence(GREEN, SERVED, runs, {}), NOW)
    finding = next(finding for finding in decided.findings if finding.objective == "only-listed")
    return finding.verdict, finding.sentence


def test_a_check_that_no_set_lists_is_a_finding() -> None:
    extra = CheckResult("smoke.extra", CheckOutcome.PASSED, NOW, "", "n")
    announced = passed_run(expected=frozenset({*CHECKS, "smoke.announced"}))
    reported = passed_run(run_id="r2", results=(*passed_run().results, extra))
    old = passed_run(
        expected=frozenset({"smoke.old"}), started_at=NOW - timedelta(days=2), results=()
    )
    elsewhere = passed_run(target="blue", expected=frozenset({"smoke.other"}))
    assert listed_finding(passed_run(), old, elsewhere)[0] is Verdict.PASS
    verdict, sentence = listed_finding(announced, reported)
    assert verdict is Verdict.INCONCLUSIVE
    assert "2 checks" in sentence
    assert "smoke.announced, smoke.extra" in sentence
    assert listed_finding(old)[0] is Verdict.INCONCLUSIVE


def test_a_run_that_a_set_back_clock_makes_look_older_is_not_passed_over() -> None:
    newest = passed_run(boot=Boot("m", 1000.0))
    earlier = NOW - timedelta(hours=1)
    failed = replace(passed_run().results[0], outcome=CheckOutcome.FAILED, at=earlier)
    hidden = passed_run(run_id="r2", started_at=earlier, results=(failed,), boot=Boot("m", 1300.0))
    honest = replace(hidden, boot=Boot("m", 700.0))
    elsewhere = replace(hidden, boot=Boot("another machine", 1300.0))

    def outcome(*runs: Run) -> Outcome:
        return judge.judge(READY, Evidence(GREEN, SERVED, runs, {}), NOW).outcome

    assert outcome(newest, honest) is Outcome.GO
    assert outcome(newest, elsewhere) is Outcome.GO
    assert outcome(newest, hidden) is Outcome.HOLD


def test_a_bucket_that_changes_its_spelling_is_not_counted() -> None:
    whole = evidence()
    bucket = next(name for name in whole.samples if "_bucket" in name and '"green"' in name)
    (series,) = whole.samples[bucket].series
    two = tuple(replace(series, labels={**series.labels, "le": name}) for name in ("1.0", "1"))
    samples = {**whole.samples, bucket: replace(whole.samples[bucket], series=two)}
    decided = decide(replace(whole, samples=samples))
    assert decide(whole).outcome is Outcome.GO
    assert decided.outcome is Outcome.HOLD
    assert "a bucket is spelled 1 and 1.0 in the window;" in decided.findings[0].sentence


def with_left(outcome: CheckOutcome | None) -> Run:
    """A passed run that says so of what it left, or says nothing."""
    kept = [result for result in passed_run().results if result.check != LEFT_NOTHING]
    left = [] if outcome is None else [CheckResult(LEFT_NOTHING, outcome, NOW, "2 carts", "")]
    return passed_run(results=(*kept, *left))


def test_a_run_that_left_something_proves_nothing_whatever_a_later_one_says() -> None:
    left_nothing = CheckResult(LEFT_NOTHING, CheckOutcome.PASSED, NOW, "", "")
    others = frozenset({"smoke.other"})
    clean = passed_run(run_id="r2", started_at=NOW, expected=others, results=(left_nothing,))
    for outcome in (CheckOutcome.FAILED, CheckOutcome.SKIPPED, None):
        decided = judge.judge(READY, Evidence(GREEN, SERVED, (with_left(outcome), clean), {}), NOW)
        assert decided.outcome is Outcome.HOLD
        assert "may have left something in the database" in decided.reason


def test_a_run_that_judged_by_other_limits_proves_nothing() -> None:
    for limits in ("", "0" * 64):
        run = passed_run(limits=limits)
        decided = judge.judge(READY, Evidence(GREEN, SERVED, (run,), {}), NOW)
        assert decided.outcome is Outcome.HOLD
        assert "used the limits of another policy" in decided.reason


def test_an_unlisted_check_cannot_hide() -> None:
    extra = CheckResult("smoke.extra", CheckOutcome.FAILED, NOW, "", "n")
    damaged = passed_run(run_id="r2", state=RunState.DAMAGED, target="", expected=None, results=())
    long_ago = passed_run(run_id="r2", started_at=NOW - timedelta(hours=25), results=(extra,))
    nameless = passed_run(run_id="r2", expected=frozenset({""}))
    for hidden in (damaged, long_ago, nameless):
        assert listed_finding(passed_run(), hidden)[0] is Verdict.INCONCLUSIVE
