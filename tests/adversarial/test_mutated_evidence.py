"""Hypothesis: no mutation of meaning of a passing evidence bundle leaves the decision at GO.

A mutation changes what the evidence says about the release, or whether it says anything: each is
drawn with its place and its size.
"""

import math
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from bundle import STEP, Metrics, evidence, healthy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from judging import AT, CHECKS, GREEN, NOW, SERVED, STAGES, collected_run, passed_run
from thorough import runs as number_of_runs

from gates.evidence import codec
from gates.judging import decide as judge
from gates.model import Build, CheckOutcome, Evidence, Measured, Outcome, Run, RunState

# As test_prove_gate: not beside the load runs.
EXAMPLES = int(os.environ.get("KIRANA_EXAMPLES") or number_of_runs(30, whole=500))
RAMP = STAGES["ramp-30"]
OTHER_OUTCOMES = [outcome for outcome in CheckOutcome if outcome is not CheckOutcome.PASSED]
LIVE = (
    "http_requests_total",
    "http_request_duration_seconds_bucket",
    "http_request_duration_seconds_count",
    "payments_total",
    "process_start_time_seconds",
)
Draw = Callable[[st.SearchStrategy[Any]], Any]


def passing(instances: int = 1) -> tuple[Metrics, Evidence]:
    """The bundle that every mutation begins with."""
    metrics = healthy(AT, GREEN.expected, instances=instances, every=30.0)
    runs = (passed_run(), collected_run())
    return metrics, Evidence(target=GREEN, served=SERVED, runs=runs, samples={})


def decided(metrics: Metrics, facts: Evidence) -> Outcome:
    return judge.judge(RAMP, evidence(metrics, RAMP, facts, AT), NOW).outcome


# Of suite results.
def result_changed(draw: Draw, _: Metrics, run: Run) -> Run:
    chosen, outcome = draw(st.sampled_from(CHECKS)), draw(st.sampled_from(OTHER_OUTCOMES))
    return replace(
        run,
        results=tuple(
            replace(result, outcome=outcome) if result.check == chosen else result
            for result in run.results
        ),
    )


def result_lost(draw: Draw, _: Metrics, run: Run) -> Run:
    chosen = draw(st.sampled_from(CHECKS))
    return replace(run, results=tuple(result for result in run.results if result.check != chosen))


def result_twice(draw: Draw, _: Metrics, run: Run) -> Run:
    return replace(run, results=(*run.results, draw(st.sampled_from(run.results))))


def run_aged(draw: Draw, _: Metrics, run: Run) -> Run:
    by = timedelta(hours=draw(st.floats(4.1, 5000)))
    return replace(
        run,
        started_at=run.started_at - by,
        results=tuple(replace(result, at=result.at - by) for result in run.results),
    )


def run_of_another(draw: Draw, _: Metrics, run: Run) -> Run:
    name = draw(st.sampled_from(["target", "base_url", "target_digest", "limits"]))
    return replace(run, **{name: draw(st.text(min_size=0, max_size=9))})


def run_of_another_build(draw: Draw, _: Metrics, run: Run) -> Run:
    part = draw(st.sampled_from(["release", "version", "digest"]))
    build = replace(GREEN.expected, **{part: draw(st.text(min_size=1, max_size=9))})
    return replace(run, build=build, build_at_end=draw(st.sampled_from([build, None])))


def run_not_whole(draw: Draw, _: Metrics, run: Run) -> Run:
    return replace(run, state=draw(st.sampled_from([RunState.UNFINISHED, RunState.DAMAGED])))


# Of metrics; the run stays as it is.
def lines_of(draw: Draw, metrics: Metrics) -> Any:
    name = draw(st.sampled_from(LIVE))
    slot = draw(st.sampled_from(["green", "blue"]))
    labels = {"le": "1.0"} if name.endswith("_bucket") else {}  # others are not read, or of green
    return draw(st.sampled_from(list(metrics.named(name, slot=slot, **labels))))


def no_number(draw: Draw, metrics: Metrics, run: Run) -> Run:
    line = lines_of(draw, metrics)
    at = draw(st.integers(0, len(line.points) - 1))
    line.points[at] = (line.points[at][0], draw(st.sampled_from([math.nan, math.inf, -math.inf])))
    return run


def not_seen_lately(draw: Draw, metrics: Metrics, run: Run) -> Run:
    since = draw(st.floats(75, 3000))
    slot = draw(st.sampled_from(["green", "blue"]))
    name = draw(st.sampled_from(["", *LIVE]))
    metrics.keep(lambda at: at < AT - since, *([name] if name else []), slot=slot)
    return run


def series_lost(draw: Draw, metrics: Metrics, run: Run) -> Run:
    name = draw(st.sampled_from([*LIVE, "haproxy_server_weight", "kirana_build_info"]))
    slots = {} if name.startswith("haproxy") else {"slot": draw(st.sampled_from(["green", "blue"]))}
    if name == "kirana_build_info":
        slots = {"slot": "green"}
    metrics.drop(name, **slots)
    return run


def failures(draw: Draw, metrics: Metrics, run: Run) -> Run:
    """So many of green's requests fail in this step: over the limit."""
    share, since = draw(st.floats(0.02, 1.0)), draw(st.floats(310, STEP))
    for good in metrics.named("http_requests_total", slot="green", status="200"):
        before = max((v for at, v in good.points if at <= AT - since), default=0.0)
        for bad in metrics.named("http_requests_total", slot="green", status="500"):
            bad.points = [
                (at, v + round(max(0.0, w - before) * share) * (at > AT - since))
                for (at, v), (_, w) in zip(bad.points, list(good.points), strict=True)
            ]
        good.points = [
            (at, v - round(max(0.0, v - before) * share) * (at > AT - since))
            for at, v in good.points
        ]
    return run


def slowness(draw: Draw, metrics: Metrics, run: Run) -> Run:
    share, since = draw(st.floats(0.12, 1.0)), draw(st.floats(310, STEP))
    for line in metrics.named("http_request_duration_seconds_bucket", slot="green", le="1.0"):
        before = max((v for at, v in line.points if at <= AT - since), default=0.0)
        line.points = [
            (at, v if at <= AT - since else before + (v - before) * (1 - share))
            for at, v in line.points
        ]
    return run


def relabelled(draw: Draw, metrics: Metrics, run: Run) -> Run:
    part = draw(st.sampled_from(["release", "version", "digest", "deployment"]))
    for line in metrics.named("kirana_build_info", slot="green"):
        line.labels[part] = draw(st.text("abc.019", min_size=1, max_size=6))
    return run


def other_share(draw: Draw, metrics: Metrics, run: Run) -> Run:
    """The balancer's weight has been another one since a while."""
    share, since = (
        draw(st.floats(0.0, 1.0).filter(lambda x: abs(x - 0.3) > 0.02)),
        draw(st.floats(30, 5000)),
    )
    for line in metrics.named("haproxy_server_weight"):
        own = share if line.labels["server"] == "green" else 1 - share
        line.points = [(at, 100 * own if at > AT - since else v) for at, v in line.points]
    return run


def hardly_any(draw: Draw, metrics: Metrics, run: Run) -> Run:
    by = draw(st.floats(8, 1000))
    metrics.change(lambda _, v: float(int(v / by)), *LIVE[:3])
    return run


def another_time(draw: Draw, metrics: Metrics, run: Run) -> Run:
    by = draw(st.floats(90, 1e6)) * draw(st.sampled_from([1, -1]))
    for line in metrics.lines:
        line.points = [(at + by, v) for at, v in line.points]
    return run


MUTATIONS = [
    result_changed,
    result_lost,
    result_twice,
    run_aged,
    run_of_another,
    run_of_another_build,
    run_not_whole,
    no_number,
    not_seen_lately,
    series_lost,
    failures,
    slowness,
    relabelled,
    other_share,
    hardly_any,
    another_time,
]


def test_the_bundle_is_a_go() -> None:
    for instances in (1, 3):
        assert decided(*passing(instances)) is Outcome.GO


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=not os.environ.get("KIRANA_EXAMPLES"),
)
@given(st.data())
def test_no_mutation_of_meaning_is_a_go(data: st.DataObject) -> None:
    mutation = data.draw(st.sampled_from(MUTATIONS))
    metrics, facts = passing(data.draw(st.sampled_from([1, 1, 3])))
    run = mutation(data.draw, metrics, passed_run())
    assert decided(metrics, replace(facts, runs=(run, collected_run()))) is not Outcome.GO, (
        mutation.__name__
    )


@settings(max_examples=number_of_runs(30, whole=144), deadline=None)
@given(
    st.sampled_from([Measured.ERROR, Measured.NO_DATA, Measured.STALE, Measured.OK]),
    st.sampled_from([200, 500, 503, 404]),
    st.sampled_from(["green", "blue", ""]),
    st.sampled_from(["5.0.0", "5.0.1", ""]),
)
def test_only_the_expected_answer_of_the_target_is_a_go(
    measured: Measured, status: int, deployment: str, version: str
) -> None:
    metrics, facts = passing()
    build = Build("v5", version, GREEN.expected.digest) if version else None
    served = replace(SERVED, measured=measured, status=status, deployment=deployment, build=build)
    right = (status, deployment, version) == (200, "green", "5.0.0")
    outcome = decided(metrics, replace(facts, served=served))
    assert (outcome is Outcome.GO) <= right


def test_evidence_kept_is_judged_the_same() -> None:
    metrics, facts = passing()
    whole = evidence(metrics, RAMP, facts, AT)
    again = codec.from_json(Evidence, codec.to_json(whole))
    assert judge.judge(RAMP, again, NOW) == judge.judge(RAMP, whole, NOW)
    assert again.target.secrets == {}
