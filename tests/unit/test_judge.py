"""The judge on evidence made by hand: worst wins, and nothing unseen is a pass."""

from dataclasses import replace
from datetime import timedelta
from math import inf, nan
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from judging import (
    AT,
    CHECKS,
    GREEN,
    NOW,
    RAMP,
    READY,
    SERVED,
    decide,
    evidence,
    level,
    passed_run,
    rising,
    stage_of,
)

from gates.judging import decide as judge
from gates.model import (
    Build,
    CheckOutcome,
    CheckResult,
    Evidence,
    Measured,
    Outcome,
    Sample,
    Series,
    ServedBuild,
    Verdict,
)


def test_healthy_evidence_is_a_go() -> None:
    decision = decide(evidence())
    assert decision.outcome is Outcome.GO, decision.reason
    assert {finding.verdict for finding in decision.findings} == {Verdict.PASS}


def test_the_same_evidence_gives_the_same_decision() -> None:
    assert decide(evidence()) == decide(evidence())


@pytest.mark.parametrize(
    ("errors", "requests", "outcome"),
    [
        (29, 6000, Outcome.GO),
        (30, 6000, Outcome.NO_GO),
        (600, 6000, Outcome.NO_GO),
        (0, 599, Outcome.HOLD),
        (2, 599, Outcome.HOLD),
        (30, 599, Outcome.NO_GO),
        (0, 600, Outcome.GO),
        (0, 0, Outcome.HOLD),
        (6001, 6000, Outcome.HOLD),
    ],
)
def test_the_error_ratio(errors: int, requests: int, outcome: Outcome) -> None:
    facts = evidence(errors=errors, requests=requests)
    only = next(objective for objective in RAMP.objectives if objective.name == "error-ratio")
    stage = replace(RAMP, objectives=(only,))
    assert decide(facts, stage).outcome is outcome


def test_the_sentence_has_both_colours_the_limit_and_the_window() -> None:
    decision = decide(evidence(errors=60))
    sentence = decision.findings[0].sentence
    assert "green: 60 of 6,000 (1 %) requests failed; the ratio must be under 0.5 %" in sentence
    assert "blue: 60 of 6,000 (1 %)" in sentence
    assert "last 600 s" in sentence
    assert decision.findings[0].next_step.startswith("curl -sG http://p/api/v1/query")


def changed(facts: Evidence, part: str, **changes: Any) -> Evidence:
    """The evidence with every answer to queries that contain the text changed."""
    samples = {
        name: replace(answer, **changes) if part in name else answer
        for name, answer in facts.samples.items()
    }
    return replace(facts, samples=samples)


def old(series: Series) -> Series:
    return replace(series, samples=tuple(Sample(s.at - 120, s.value) for s in series.samples))


LOSSES: dict[str, dict[str, Any]] = {
    "no answer": {"measured": Measured.ERROR, "problem": "no answer", "series": ()},
    "an empty vector": {"measured": Measured.NO_DATA, "problem": "no series", "series": ()},
    "series without samples": {"series": (Series({"instance": "i"}, ()),)},
    "NaN": {"series": (level(nan, 600, {}),)},
    "infinity": {"series": (level(inf, 600, {}),)},
    "negative counts": {"series": (level(-1, 600, {}),)},
    "old samples": {"series": (old(level(1, 600, {})),)},
    "samples of the future": {"series": (Series({"instance": "i"}, (Sample(AT + 600, 1.0),)),)},
}
QUERIES = [
    "status!",
    "http_requests_total{",
    "_bucket{",
    "cache_hits_total{",
    "kirana_build_info{",
    "haproxy_server_weight{",
    "process_start_time_seconds{",
]


@pytest.mark.parametrize("what", LOSSES)
@pytest.mark.parametrize("query", QUERIES)
def test_what_cannot_be_seen_is_never_a_go(query: str, what: str) -> None:
    if what in ("NaN", "infinity", "negative counts") and query in QUERIES[4:]:
        what = "no answer"  # the value of an info series, a weight or a start time is no count
    facts = changed(evidence(), query, **LOSSES[what])
    assert decide(facts).outcome is not Outcome.GO


def test_samples_of_another_build_are_no_evidence() -> None:
    labels = {"release": "v5", "version": "5.0.1", "digest": "sha256:" + "0" * 32}
    facts = changed(evidence(), "kirana_build_info", series=(level(1, 600, labels),))
    decision = decide(facts)
    assert decision.outcome is Outcome.HOLD
    assert "v5 5.0.1" in decision.reason


def test_a_target_that_serves_another_build_is_a_no_go() -> None:
    other = Build("v5", "5.0.1", "sha256:" + "0" * 32)
    decision = decide(replace(evidence(), served=replace(SERVED, build=other)))
    assert decision.outcome is Outcome.NO_GO
    assert "serves v5 5.0.1" in decision.reason


def test_a_target_that_is_another_deployment_is_a_no_go() -> None:
    decision = decide(replace(evidence(), served=replace(SERVED, deployment="blue")))
    assert decision.outcome is Outcome.NO_GO


def test_a_target_that_does_not_answer_is_a_hold() -> None:
    served = ServedBuild(Measured.ERROR, 0, None, "", "http://h", "refused")
    decision = decide(replace(evidence(), served=served))
    assert decision.outcome is Outcome.HOLD
    assert decision.build == "unknown"


def test_a_failure_outweighs_blindness() -> None:
    results = (replace(passed_run().results[0], outcome=CheckOutcome.FAILED),)
    facts = changed(evidence(), "haproxy", **LOSSES["no answer"])
    run = passed_run(results=(*results, *passed_run().results[1:]))
    decision = decide(replace(facts, runs=(run,)))
    assert decision.outcome is Outcome.NO_GO
    order = [finding.verdict for finding in decision.findings]
    assert order == sorted(order, key=judge.WORST_FIRST.index)


def test_a_stage_without_objectives_is_a_hold() -> None:
    decision = decide(evidence(), replace(RAMP, objectives=()))
    assert decision.outcome is Outcome.HOLD


@pytest.mark.parametrize(
    "names",
    [
        ("errors-trigger", "latency-trigger"),
        ("green-up",),
        ("traffic-share", "errors-trigger"),
        ("errors-against-blue", "errors-trigger"),
    ],
)
def test_a_live_objective_without_a_ramp_is_never_a_go(names: tuple[str, ...]) -> None:
    stage = stage_of("served-build", *names, share=0.1)
    decision = decide(evidence(), stage)
    assert decision.outcome is Outcome.HOLD
    live = [finding for finding in decision.findings if finding.objective in names]
    assert {finding.objective for finding in live} == set(names)
    assert "needs an objective of the kind `share`" in decision.reason


def test_the_share_must_have_lasted_for_the_bake() -> None:
    weights = tuple(
        Series(
            {"instance": "lb", "server": name},
            tuple(
                Sample(AT - ago, weight if ago <= 300 else before) for ago in range(660, -1, -15)
            ),
        )
        for name, weight, before in (("blue", 90.0, 100.0), ("green", 10.0, 0.0))
    )
    decision = decide(changed(evidence(), "haproxy", series=weights))
    assert decision.outcome is Outcome.HOLD
    assert (
        "green has had 10 % of the traffic for 300 s; the bake time is 600 s; wait for 300 s more"
        in decision.reason
    )


@given(st.permutations(range(3)))
def test_the_newest_run_counts_in_whatever_order_they_are_read(order: list[int]) -> None:
    failed = replace(passed_run().results[0], outcome=CheckOutcome.FAILED)
    runs = [
        passed_run(run_id="old", started_at=NOW - timedelta(minutes=50)),
        passed_run(run_id="mid", started_at=NOW - timedelta(minutes=30)),
        passed_run(run_id="new", results=(failed, *passed_run().results[1:])),
    ]
    facts = replace(evidence(READY), runs=tuple(runs[position] for position in order))
    assert decide(facts, READY).outcome is Outcome.NO_GO


def ramp(points: dict[int, float], **labels: str) -> Series:
    """A series by seconds ago."""
    samples = tuple(Sample(AT - ago, value) for ago, value in sorted(points.items(), reverse=True))
    return Series({"instance": "i", **labels}, samples)


SCRAPES = range(600, -1, -15)
INFO = {
    "release": GREEN.expected.release,
    "version": GREEN.expected.version,
    "digest": GREEN.expected.digest,
}

# What an attacker, or an unlucky afternoon, makes of healthy evidence: query, series, and why.
TRICKS: dict[str, tuple[str, tuple[Series, ...]]] = {
    "green's weight not seen for ten minutes": (
        "haproxy", (level(90, 660, {"server": "blue"}),
                    ramp(dict.fromkeys(range(660, 599, -15), 10.0), server="green"))),
    "a bake a minute short": (
        "haproxy", tuple(ramp({a: w if a <= 541 else b for a in range(660, -1, -1)}, server=s)
                         for s, w, b in (("blue", 90, 100), ("green", 10, 0)))),
    "a third server with most of the traffic": (
        "haproxy", tuple(level(w, 660, {"server": s})
                         for s, w in (("blue", 90), ("green", 10), ("canary", 900)))),
    "a second balancer with everything on green": (
        "haproxy", tuple(level(w, 660, {"server": s, "instance": i}) for s, w, i in (
            ("blue", 0, "lb1"), ("green", 100, "lb1"), ("blue", 90, "lb2"), ("green", 10, "lb2")))),
    "weights that are no numbers": (
        "haproxy", tuple(ramp({a: w if a in (0, 600) else nan for a in SCRAPES}, server=s)
                         for s, w in (("blue", 90), ("green", 10)))),
    "two processes behind one address": (
        "process_start", (ramp({a: 1000 + 5 * (a % 2) for a in SCRAPES}),)),
    "a clock that was set": (
        "process_start", (ramp({a: 1000 if a > 300 else 1002 for a in SCRAPES}),)),
    "error counters of one of two instances": (
        "http_requests_total{", tuple(rising(6000, 600, {"instance": i}) for i in "ij")),
    "a build named by another instance": (
        "kirana_build_info", (level(1, 600, {**INFO, "instance": "other"}),)),
    "a build of another deployment": (
        "kirana_build_info", (level(1, 600, {**INFO, "deployment": "blue"}),)),
    "an instance that vanished": (
        "kirana_build_info", (level(1, 600, INFO), ramp({600: 1.0, 585: 1.0}, **INFO,
                                                        instance="j"))),
    "only the last half minute of ten": ("kirana_build_info", (level(1, 30, INFO),)),
    "no instance named": ("_bucket{", (replace(rising(5990, 600, {}), labels={}),)),
    "one instance scraped by two jobs": (
        "_count{", tuple(rising(3000, 600, {"job": job}) for job in "ab")),
}  # a table, one row a line # fmt: skip


@pytest.mark.parametrize("what", TRICKS)
def test_a_trick_is_never_a_go(what: str) -> None:
    query, series = TRICKS[what]
    decision = decide(changed(evidence(), query, series=series))
    assert decision.outcome is not Outcome.GO, decision.reason


def test_failures_before_a_new_instance_was_scraped_count() -> None:
    young = changed(evidence(), "process_start", series=(level(AT - 590, 600, {}),))
    late = dict.fromkeys(SCRAPES, 1000.0)
    facts = changed(young, "status!", series=(ramp(late),))
    assert decide(facts).outcome is Outcome.NO_GO


def test_a_counter_that_appears_with_its_first_event_is_no_blindness() -> None:
    late = ramp({a: 6000.0 - 10 * a for a in SCRAPES if a <= 300})
    facts = changed(changed(evidence(), "_bucket{", series=(late,)), "_count{", series=(late,))
    assert decide(facts).outcome is Outcome.GO


def test_instances_not_scraped_from_the_beginning_are_a_hold() -> None:
    facts = changed(evidence(), "process_start", series=(level(1000, 30, {}),))
    decision = decide(facts)
    assert decision.outcome is Outcome.HOLD
    assert "the samples cover only 30 s of the window of 600 s" in decision.reason


def test_counts_are_cut_to_the_moment_both_were_seen() -> None:
    """A scrape between two queries must not look like slow requests."""
    limit = next(objective for objective in RAMP.objectives if objective.name == "latency-p95")
    counted = {a: 6000 * (600 - a) / 600 for a in SCRAPES}
    quick = {a: 5800 * (600 - a) / 600 for a in SCRAPES if a > 0}
    facts = changed(evidence(), "_count{", series=(ramp(counted),))
    facts = changed(facts, "_bucket{", series=(ramp(quick),))
    assert decide(facts, replace(RAMP, objectives=(limit,))).outcome is Outcome.GO


@pytest.mark.parametrize("status", [404, 500, 503])
def test_an_unhealthy_target_is_a_no_go(status: int) -> None:
    facts = replace(evidence(READY), served=replace(SERVED, status=status))
    assert decide(facts, READY).outcome is Outcome.NO_GO


def test_a_failure_after_the_newest_pass_counts_from_whatever_run() -> None:
    first = CheckResult(CHECKS[0], CheckOutcome.FAILED, NOW - timedelta(minutes=1), "", "n")
    long = passed_run(
        run_id="long",
        started_at=NOW - timedelta(minutes=20),
        results=(first, *passed_run().results[1:]),
    )
    short = passed_run(run_id="short", started_at=NOW - timedelta(minutes=15))
    facts = replace(evidence(READY), runs=(long, short))
    assert decide(facts, READY).outcome is Outcome.NO_GO


def test_a_failure_at_another_address_is_not_this_target() -> None:
    failed = replace(passed_run().results[0], outcome=CheckOutcome.FAILED)
    other = passed_run(run_id="z", base_url="http://127.0.0.1:9", results=(failed,))
    facts = replace(evidence(READY), runs=(passed_run(), other))
    assert decide(facts, READY).outcome is Outcome.GO


def test_a_changed_target_file_voids_the_run() -> None:
    facts = replace(evidence(READY), target=replace(GREEN, digest="0" * 64))
    decision = decide(facts, READY)
    assert decision.outcome is Outcome.HOLD
    assert "target file was changed" in decision.reason
