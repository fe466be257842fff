"""Load evidence: only a whole, current run of the served build that met every limit gives GO."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from judging import GREEN, NOW, POLICY, SERVED, STAGES, decide

from gates.judging.load import load_limits
from gates.model import (
    Boot,
    Decision,
    Evidence,
    Generator,
    Latency,
    LoadPhase,
    LoadRun,
    Outcome,
    RunState,
    Verdict,
)
from gates.policy import policy_file as policy

LOAD, STRESS, SPIKE, SOAK = (STAGES[f"{name}-test"] for name in ("load", "stress", "spike", "soak"))
BUILD = GREEN.expected
OTHER = replace(BUILD, version="5.0.1")


def latency(p95: float = 0.1, done: int = 3000, **changes: Any) -> Latency:
    latency = Latency(
        done=done,
        failed=0,
        unanswered=0,
        samples=done,
        p50=p95 / 2,
        p95=p95,
        p95_at_least=0.98 * p95,
        p95_at_most=1.02 * p95,
        p99=2 * p95,
    )
    return replace(latency, **changes)


def phase(**changes: Any) -> LoadPhase:
    operations = {
        "total": latency(done=24_000),
        "search": latency(),
        "place_order": latency(done=400),
        "process_payment": latency(done=400),
    }
    load_phase = LoadPhase(
        name="plateau",
        judged="all",
        seconds=120.0,
        users_planned=1000,
        users_reached=1000,
        due=24_000,
        unfinished=0,
        oldest_unfinished_seconds=0.0,
        longest_gap_seconds=0.3,
        operations=operations,
    )
    return replace(load_phase, **changes)


def with_operation(name: str, **changes: Any) -> LoadPhase:
    load_phase = phase()
    return replace(
        load_phase,
        operations={**load_phase.operations, name: replace(load_phase.operations[name], **changes)},
    )


KEPT_UP = Generator(
    workers=1, workers_gone=0, processor_share=(0.1,), memory_bytes=(10**8,), lag_p99_seconds=0.003
)


def good(**changes: Any) -> LoadRun:
    run = LoadRun(
        run_id="l1",
        state=RunState.FINISHED,
        problem="",
        profile="load",
        started_at=NOW - timedelta(minutes=8),
        ended_at=NOW - timedelta(minutes=5),
        target="green",
        base_url=GREEN.addresses.api,
        target_digest=GREEN.digest,
        build=BUILD,
        build_at_end=BUILD,
        limits=POLICY.limits_digest,
        boot=None,
        users=1000,
        judged_seconds=120.0,
        phases=(phase(),),
        reasons={},
        memory=(),
        recovery_seconds=None,
        generator=KEPT_UP,
        left_behind="",
    )
    return replace(run, **changes)


def judged(*runs: LoadRun, stage: Any = LOAD) -> Decision:
    return decide(Evidence(GREEN, SERVED, (), {}, runs), stage)


def test_a_good_run_is_go() -> None:
    decided = judged(good())
    assert decided.outcome is Outcome.GO, decided.reason
    assert len(decided.findings) == 12
    assert all(finding.sentence and finding.measurements for finding in decided.findings)


HOLDS: dict[str, tuple[LoadRun, str]] = {
    "unfinished": (good(state=RunState.UNFINISHED, ended_at=None), "has not finished"),
    "damaged": (good(state=RunState.DAMAGED, problem="was changed"), "is damaged"),
    "old": (
        good(started_at=NOW - timedelta(hours=3), ended_at=NOW - timedelta(hours=2)),
        "ended 2.0 h ago",
    ),
    "of the future": (good(started_at=NOW + timedelta(minutes=1)), "start time in the future"),
    "ends in the future": (good(ended_at=NOW + timedelta(minutes=1)), "impossible end time"),
    "ended before it began": (good(ended_at=NOW - timedelta(minutes=9)), "impossible end time"),
    "another build": (good(build=OTHER, build_at_end=OTHER), "is served now"),
    "build unknown": (good(build=None), "unknown"),
    "build changed": (good(build_at_end=OTHER), "build changed"),
    "end unknown": (good(build_at_end=None), "build changed"),
    "another target file": (good(target_digest="0" * 64), "target file was changed"),
    "other limits": (good(limits="0" * 64), "the limits of another policy"),
    "left something": (good(left_behind="orders: 3"), "left something"),
    "no generator": (good(generator=None), "sent no requests"),
    "nothing sent": (good(generator=replace(KEPT_UP, lag_p99_seconds=None)), "sent no requests"),
    "no processes": (good(generator=replace(KEPT_UP, processor_share=())), "sent no requests"),
    "worker gone": (
        good(generator=replace(KEPT_UP, workers=2, workers_gone=1)),
        "1 of 2 workers of the load generator",
    ),
    "lagging": (good(generator=replace(KEPT_UP, lag_p99_seconds=0.3)), "was the bottleneck"),
    "busy": (good(generator=replace(KEPT_UP, processor_share=(0.2, 0.97))), "was the bottleneck"),
    "use unknown": (good(generator=replace(KEPT_UP, processor_share=(None,))), "did not record"),
    "no phases": (good(phases=()), "did not reach a phase to which all limits apply"),
    "no judged phase": (good(phases=(phase(judged=""),)), "did not reach a phase to which all"),
    "too few users": (good(phases=(phase(users_reached=990),)), "was not reached"),
    "too short": (good(phases=(phase(seconds=60.0),)), "was not reached"),
    "nothing due": (good(phases=(phase(due=0),)), "0 of 0 requests due"),
    "no payments": (good(phases=(with_operation("process_payment", done=0),)), "0 of 0 payments"),
    "P95 unsure": (
        good(phases=(with_operation("search", p95=0.499, p95_at_least=0.49, p95_at_most=0.51),)),
        "P95 of search is 499 ms",
    ),
    "P95 from few": (good(phases=(with_operation("search", p95_at_most=None),)), "and unknown"),
}


@pytest.mark.parametrize("name", HOLDS)
def test_what_cannot_be_believed_is_a_hold(name: str) -> None:
    run, said = HOLDS[name]
    decided = judged(run)
    assert decided.outcome is Outcome.HOLD, decided.reason
    assert any(
        said in finding.sentence
        for finding in decided.findings
        if finding.verdict is Verdict.INCONCLUSIVE
    ), decided


STOPS: dict[str, tuple[LoadRun, str]] = {
    "too few done": (good(phases=(with_operation("total", done=23_000),)), "23,000 of 24,000"),
    "hanging": (good(phases=(replace(with_operation("total", done=23_100), unfinished=900,
                                     oldest_unfinished_seconds=60.0),)),
                "900 were not finished and have waited for up to 60.0 s"),
    "failures": (good(phases=(with_operation("total", failed=168),), reasons={"status 500": 168}),
                 ("168 of 24,000 requests due in plateau failed or were not finished; "
                  "the ratio must be under 0.5 %; the most frequent reason: status 500")),
    "a gap": (good(phases=(phase(longest_gap_seconds=8.0),)), "in plateau was 8.0 s; the time"),
    "too few orders": (good(phases=(with_operation("place_order", done=150),)), "75 a minute"),
    "failing payments": (good(phases=(with_operation("process_payment", done=380, failed=20),)),
                         "380 of 400 payments"),
    "slow": (good(phases=(with_operation("search", p95=0.6, p95_at_least=0.55),)),
             "P95 of search is 600 ms"),
    "no samples": (good(phases=(with_operation("search", samples=0, p95=None),)),
                   "no request (search) in plateau was answered"),
    "operation missing": (good(phases=(phase(operations={"total": latency(done=24_000)}),)),
                          "no request (search) in plateau was answered"),
}  # a table, one row a line # fmt: skip


@pytest.mark.parametrize("name", STOPS)
def test_a_broken_limit_is_a_no_go_that_names_it(name: str) -> None:
    run, said = STOPS[name]
    decided = judged(run)
    assert decided.outcome is Outcome.NO_GO, decided.reason
    assert any(
        said in finding.sentence for finding in decided.findings if finding.verdict is Verdict.FAIL
    )
    assert all(
        finding.next_step for finding in decided.findings if finding.verdict is not Verdict.PASS
    )


def test_every_limit_of_the_policy_is_looked_at() -> None:
    handled = {
        *load_limits.PER_PHASE,
        *load_limits.PER_RUN,
        "generator_processor",
        "generator_lag_seconds",
        "requests_per_user_minute",
    }
    assert handled == set(policy.LOAD_LIMITS)
    assert set(load_limits.OF_ANSWERS) <= set(load_limits.PER_PHASE)


def test_a_run_whose_phases_are_smaller_than_itself_is_a_hold() -> None:
    load_phase = phase(users_planned=1, users_reached=1, due=20)
    few = replace(load_phase, operations={**load_phase.operations, "total": latency(done=20)})
    assert judged(good(phases=(few,))).outcome is not Outcome.GO


def test_no_run_at_all_is_a_hold() -> None:
    assert judged().outcome is Outcome.HOLD
    assert judged(good(profile="smoke")).outcome is Outcome.HOLD
    assert judged(good(target="blue")).outcome is Outcome.HOLD
    assert judged(good(base_url="http://elsewhere")).outcome is Outcome.HOLD


def test_a_newer_run_decides_whatever_it_says() -> None:
    newer = {"run_id": "l2", "started_at": NOW - timedelta(minutes=4)}
    ended = {**newer, "ended_at": NOW - timedelta(minutes=1)}
    assert (
        judged(good(), good(state=RunState.UNFINISHED, ended_at=None, **newer)).outcome
        is Outcome.HOLD
    )
    assert judged(good(), good(state=RunState.DAMAGED, profile="", **newer)).outcome is Outcome.HOLD
    slow = (with_operation("search", p95_at_least=0.6),)
    assert judged(good(), good(phases=slow, **ended)).outcome is Outcome.NO_GO
    assert judged(good(phases=slow), good(**ended)).outcome is Outcome.GO


def test_a_clock_set_back_between_runs_is_a_hold() -> None:
    first = good(boot=Boot("m", 1000.0))
    later = good(
        run_id="l2",
        boot=Boot("m", 2000.0),
        started_at=NOW - timedelta(hours=3),
        phases=(phase(unfinished=9000),),
    )
    assert judged(first, later).outcome is Outcome.HOLD


def test_a_small_run_is_no_evidence_for_the_release() -> None:
    hour_4 = STAGES["hour-4"]
    wanted = [
        objective
        for objective in hour_4.objectives
        if objective.name in ("served-build", "thousand-users")
    ]
    load_only = replace(hour_4, objectives=tuple(wanted))
    assert judged(good(), stage=load_only).outcome is Outcome.GO
    small = phase(users_planned=50, users_reached=50)
    assert judged(good(users=50, phases=(small,)), stage=load_only).outcome is Outcome.HOLD
    assert judged(good(judged_seconds=30.0), stage=load_only).outcome is Outcome.HOLD
    failed = good(run_id="l0", phases=(phase(unfinished=9000),))
    newer_small = good(
        run_id="l2", users=50, phases=(small,), started_at=NOW - timedelta(minutes=1)
    )
    assert judged(failed, newer_small, stage=load_only).outcome is Outcome.NO_GO


def test_a_starved_generator_is_not_blamed_on_the_store_but_wrong_answers_are() -> None:
    starved = replace(KEPT_UP, lag_p99_seconds=2.0)
    slow = (
        replace(
            with_operation("search", p95_at_least=0.9), unfinished=5000, longest_gap_seconds=9.0
        ),
    )
    decided = judged(good(generator=starved, phases=slow))
    assert decided.outcome is Outcome.HOLD
    assert any(
        "not judged, because the load generator may be the cause" in finding.sentence
        for finding in decided.findings
    )
    wrong = (with_operation("total", failed=2400, done=21_600),)
    assert judged(good(generator=starved, phases=wrong)).outcome is Outcome.NO_GO


def steps(broken_at: int) -> tuple[LoadPhase, ...]:
    phases = []
    for users in (250, 500, 750, 1000, 1250, 1500):
        load_phase = phase(
            name=f"step-{users}", users_planned=users, users_reached=users, seconds=60.0
        )
        phases.append(replace(load_phase, unfinished=5000) if users >= broken_at else load_phase)
        if users >= broken_at:
            break
    return tuple(phases)


@pytest.mark.parametrize(
    ("broken_at", "outcome", "said"),
    [
        (1250, Outcome.GO, "met up to 1,000 users; with 1,250 users: "),
        (9999, Outcome.GO, "met up to 1,500 users"),
        (1000, Outcome.NO_GO, "met up to 750 users; with 1,000 users: "),
        (250, Outcome.NO_GO, "met up to 0 users; with 250 users: "),
    ],
)
def test_stress_finds_the_knee(broken_at: int, outcome: Outcome, said: str) -> None:
    decided = judged(
        good(profile="stress", judged_seconds=240.0, phases=steps(broken_at)), stage=STRESS
    )
    assert decided.outcome is outcome
    assert any(said in finding.sentence for finding in decided.findings)


def spike_phases() -> tuple[LoadPhase, ...]:
    names = {
        "before": (100, "all"),
        "spike": (1000, "answers"),
        "recovery": (100, "answers"),
        "after": (100, "all"),
    }
    return tuple(
        replace(
            phase(),
            name=name,
            users_planned=users,
            users_reached=users,
            judged=which,
            seconds=60.0,
            is_recovery=name == "recovery",
        )
        for name, (users, which) in names.items()
    )


@pytest.mark.parametrize(
    ("seconds", "outcome"), [(3.0, Outcome.GO), (45.0, Outcome.NO_GO), (None, Outcome.HOLD)]
)
def test_a_spike_is_judged_by_the_recovery(seconds: float | None, outcome: Outcome) -> None:
    run = good(profile="spike", phases=spike_phases(), recovery_seconds=seconds)
    assert judged(run, stage=SPIKE).outcome is outcome


@pytest.mark.parametrize(
    ("number", "changes", "outcome", "said"),
    [
        (1, {"unfinished": 10_000}, Outcome.NO_GO, "due in spike failed or were not finished"),
        (1, {"users_reached": 100}, Outcome.HOLD, "100 of 1,000 users were active in spike"),
        (
            1,
            {"longest_gap_seconds": 9.0},
            Outcome.NO_GO,
            "without a correct answer in spike was 9.0 s",
        ),
        (2, {"unfinished": 300}, Outcome.NO_GO, "due in recovery failed"),
        (
            3,
            {"operations": {**phase().operations, "total": latency(p95=1.5)}},
            Outcome.NO_GO,
            "P95 of total is 1.50 s in after",
        ),
    ],
)
def test_a_spike_itself_counts(
    number: int, changes: dict[str, Any], outcome: Outcome, said: str
) -> None:
    phases = list(spike_phases())
    phases[number] = replace(phases[number], **changes)
    run = good(profile="spike", phases=tuple(phases), recovery_seconds=2.0)
    decided = judged(run, stage=SPIKE)
    assert decided.outcome is outcome, decided.reason
    assert any(said in finding.sentence for finding in decided.findings), decided


def test_without_a_marked_phase_the_recovery_is_unknown() -> None:
    unmarked = tuple(replace(each, is_recovery=False) for each in spike_phases())
    run = good(profile="spike", phases=unmarked, recovery_seconds=3.0)
    assert judged(run, stage=SPIKE).outcome is Outcome.HOLD


def test_what_never_recovered_fails_however_short_it_was_looked_at() -> None:
    short = tuple(replace(phase, seconds=8.0) for phase in spike_phases())
    run = good(profile="spike", phases=short, recovery_seconds=16.0, judged_seconds=16.0)
    decided = judged(run, stage=SPIKE)
    assert decided.outcome is Outcome.NO_GO
    assert any(
        "not correct and fast again in the 16 s" in finding.sentence for finding in decided.findings
    )


def with_due(due: int) -> LoadPhase:
    load_phase = with_operation("total", done=due)
    return replace(load_phase, due=due)


def test_a_run_of_slow_shoppers_is_no_load() -> None:
    decided = judged(good(phases=(with_due(2_000),)))
    assert decided.outcome is Outcome.HOLD
    sentences = " ".join(finding.sentence for finding in decided.findings)
    assert "1.0 requests a minute were due from each user" in sentences


def test_few_requests_are_not_held_against_the_store() -> None:
    few = replace(with_due(80), users_planned=10, users_reached=10, seconds=40.0)
    total = replace(few.operations["total"], done=79, failed=1)
    one_failed = replace(few, operations={"total": total}, longest_gap_seconds=5.5)
    decided = judged(
        good(profile="smoke", users=10, judged_seconds=40.0, phases=(one_failed,)),
        stage=STAGES["load-smoke"],
    )
    assert decided.outcome is not Outcome.GO
    assert [
        finding.sentence for finding in decided.findings if finding.verdict is Verdict.FAIL
    ] == [
        "the longest time without a correct answer in plateau was 5.5 s; the time must be under 5 s"
    ]


def test_timeouts_of_a_starved_generator_are_not_wrong_answers() -> None:
    starved = replace(KEPT_UP, lag_p99_seconds=3.0)
    late = (with_operation("total", failed=400, unanswered=400, done=23_600),)
    assert judged(good(generator=starved, phases=late)).outcome is Outcome.HOLD
    assert judged(good(phases=late)).outcome is Outcome.NO_GO


def windows(growth: float) -> tuple[LoadPhase, ...]:
    return tuple(
        replace(
            with_operation("total", p50=0.02 * (1 + growth * at / 5)),
            name=f"window-{at + 1}",
            users_planned=300,
            users_reached=300,
            seconds=20.0,
        )
        for at in range(6)
    )


@pytest.mark.parametrize(
    ("latency_growth", "memory_growth", "outcome", "said"),
    [
        (0.0, 0.0, Outcome.GO, "grew by 0.0 %"),
        (0.5, 0.0, Outcome.NO_GO, "the median latency grew by 50.0 %"),
        (0.0, 0.4, Outcome.NO_GO, "the target's memory grew by 40.0 %"),
        (0.0, None, Outcome.HOLD, "0 measurements of the target's memory"),
    ],
)
def test_a_soak_is_judged_by_what_grows(
    latency_growth: float, memory_growth: float | None, outcome: Outcome, said: str
) -> None:
    memory = (
        ()
        if memory_growth is None
        else tuple((float(at), 1e8 * (1 + memory_growth * at / 29)) for at in range(30))
    )
    run = good(profile="soak", users=300, phases=windows(latency_growth), memory=memory)
    decided = judged(run, stage=SOAK)
    assert decided.outcome is outcome, decided.reason
    assert any(said in finding.sentence for finding in decided.findings)


def test_a_jump_in_the_last_window_is_growth() -> None:
    steady = windows(0.0)
    jumped = (
        *steady[:-1],
        replace(steady[-1], operations={**steady[-1].operations, "total": latency(p95=0.8)}),
    )
    memory = tuple((float(at), 1e8) for at in range(30))
    run = good(profile="soak", users=300, phases=jumped, memory=memory)
    decided = judged(run, stage=SOAK)
    assert decided.outcome is Outcome.NO_GO
    assert any("the last values is +" in finding.sentence for finding in decided.findings)
