"""Evidence made by hand, for tests of the judge."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from worlds import ROOT

from gates.judging import decide as judge
from gates.judging.answers import key
from gates.model import (
    LEFT_NOTHING,
    CheckOutcome,
    CheckResult,
    ChecksObjective,
    Decision,
    Evidence,
    Measured,
    Run,
    RunState,
    Sample,
    SampleSet,
    Series,
    ServedBuild,
    ShareObjective,
    Stage,
)
from gates.policy import policy_file as policy
from gates.policy import target_file as target

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
AT = NOW.timestamp()
POLICY = policy.load(ROOT / "policies" / "release.toml")
GREEN = target.load("green", ROOT / "targets")
STAGES = {stage.name: stage for stage in POLICY.stages}
READY = STAGES["green-ready"]


def stage_of(*names: str, share: float) -> Stage:
    """A stage with these objectives of the policy."""
    known = {objective.name: objective for stage in POLICY.stages for objective in stage.objectives}
    chosen = [known[name] for name in names]
    return Stage(
        name="made",
        title="made",
        guide="3",
        share=share,
        objectives=tuple(
            replace(objective, share=share) if isinstance(objective, ShareObjective) else objective
            for objective in chosen
        ),
    )


# Ratios over a window, at a tenth of the traffic.
RAMP = stage_of(
    "served-build",
    "smoke-in-ramp",
    "live-build",
    "traffic-share",
    "error-ratio",
    "latency-p95",
    "cache-hits",
    share=0.1,
)
CHECKS = next(
    objective for objective in READY.objectives if isinstance(objective, ChecksObjective)
).checks
# The checks that the gate itself has run during the ramp.
COLLECTED = tuple(
    check
    for objective in STAGES["ramp-30"].objectives
    if isinstance(objective, ChecksObjective) and objective.collected is not None
    for check in objective.checks
)


def collected_run() -> Run:
    """A passed run of the checks that the gate has run, of a minute ago."""
    at = NOW - timedelta(minutes=1)
    results = [
        CheckResult(check, CheckOutcome.PASSED, at, "", "n") for check in (*COLLECTED, LEFT_NOTHING)
    ]
    return passed_run(
        run_id="c1", started_at=at, expected=frozenset(COLLECTED), results=tuple(results)
    )


def passed_run(**changes: Any) -> Run:
    at = NOW - timedelta(minutes=5)
    run = Run(
        run_id="r1",
        state=RunState.FINISHED,
        problem="",
        started_at=at,
        target="green",
        base_url=GREEN.addresses.api,
        target_digest=GREEN.digest,
        build=GREEN.expected,
        build_at_end=GREEN.expected,
        boot=None,
        limits=POLICY.limits_digest,
        expected=frozenset(CHECKS),
        results=tuple(
            CheckResult(check, CheckOutcome.PASSED, at, "", "n")
            for check in (*CHECKS, LEFT_NOTHING)
        ),
    )
    return replace(run, **changes)


SERVED = ServedBuild(Measured.OK, 200, GREEN.expected, "green", "http://h", "")


def rising(total: float, seconds: int, labels: dict[str, str]) -> Series:
    """A counter that rose evenly from 0 to total over the last seconds."""
    steps = max(1, seconds // 15)
    samples = tuple(
        Sample(AT - 15 * (steps - step), round(total * step / steps)) for step in range(steps + 1)
    )
    return Series({"instance": "i", **labels}, samples)


def level(value: float, seconds: int, labels: dict[str, str]) -> Series:
    steps = max(1, seconds // 15)
    samples = tuple(Sample(AT - 15 * (steps - step), value) for step in range(steps + 1))
    return Series({"instance": "i", **labels}, samples)


def series_for(selector: str, *, errors: int, requests: int) -> tuple[Series, ...]:
    """What a healthy Prometheus answers to a selector of the policy."""
    if selector.startswith("haproxy_server_weight"):
        shares = {"blue": 90.0, "green": 10.0}
        return tuple(level(share, 660, {"server": name}) for name, share in shares.items())
    if selector.startswith("kirana_build_info"):
        build = GREEN.expected
        labels = {"release": build.release, "version": build.version, "digest": build.digest}
        return (level(1, 600, labels),)
    if selector.startswith("process_start_time_seconds"):
        return (level(1000, 600, {}),)
    if "status!" in selector:
        return (rising(errors, 600, {}),)
    if selector.startswith("cache_hits"):
        return (rising(0.9 * requests, 600, {}),)
    return (rising(requests, 600, {}),)


def evidence(stage: Stage = RAMP, *, errors: int = 1, requests: int = 6000) -> Evidence:
    samples = {}
    for selector, seconds in judge.needed_selectors(stage, GREEN):
        samples[key(selector, seconds)] = SampleSet(
            query=key(selector, seconds),
            source="http://p",
            window=timedelta(seconds=seconds),
            evaluated_at=AT,
            measured=Measured.OK,
            problem="",
            series=series_for(selector, errors=errors, requests=requests),
        )
    return Evidence(target=GREEN, served=SERVED, runs=(passed_run(),), samples=samples)


def decide(facts: Evidence, stage: Stage = RAMP) -> Decision:
    return judge.judge(stage, facts, NOW)
