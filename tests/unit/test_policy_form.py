"""The policy's form of 0.2 says what its form of 0.1 said: the same objectives, stages, limits."""

import json
from datetime import timedelta
from typing import Any

import pytest
from worlds import ROOT

from gates.errors import UnknownNameError
from gates.model import (
    AvailabilityObjective,
    ChecksObjective,
    ComparisonObjective,
    EventIndicator,
    ListedChecksObjective,
    LiveBuildObjective,
    LoadObjective,
    Objective,
    Part,
    ProcessIndicator,
    RatioObjective,
    RestartsObjective,
    ServedBuildObjective,
    ShareObjective,
    SignOffObjective,
    StageRole,
    Terms,
    ThroughputObjective,
    TrafficObjective,
    TriggerObjective,
)
from gates.policy import policy_file, schedule

FILE = ROOT / "policies" / "release.toml"
POLICY = policy_file.load(FILE)
BEFORE: dict[str, Any] = json.loads((ROOT / "tests/support/policy_0_1.json").read_text())
BEFORE_BY_NAME = {entry["name"]: entry for entry in BEFORE["objectives"]}
OBJECTIVES = {
    objective.name: objective for stage in POLICY.stages for objective in stage.objectives
}
TERMS = (
    "limit", "fast", "slow", "history", "ramp", "steps", "warm_up", "patience", "alike", "stop_at",
    "worry_at",
)  # fmt: skip


def seconds(duration: timedelta) -> float:
    return duration.total_seconds()


def terms(value: Terms) -> dict[str, Any]:
    return {name: getattr(value, name) for name in TERMS} | {"recent": list(value.recent)}


def events(indicator: EventIndicator) -> dict[str, Any]:
    return {"reads": indicator.reads, "part": indicator.selected, "total": indicator.total}


def flat(objective: Objective) -> dict[str, Any]:
    """An objective as version 0.1 wrote it down, but for its share."""
    common = {"kind": type(objective).__name__, "name": objective.name, "guide": objective.guide}
    return common | parts(objective)


def parts(objective: Objective) -> dict[str, Any]:
    match objective:
        case ServedBuildObjective():
            return {}
        case ChecksObjective():
            return {"checks": list(objective.checks), "max_age": seconds(objective.max_age)}
        case ListedChecksObjective():
            return {"known": sorted(objective.known), "max_age": seconds(objective.max_age)}
        case SignOffObjective():
            return {"item": objective.item, "people": objective.people}
        case LoadObjective():
            return {
                "profile": objective.profile, "users": objective.at_least_users,
                "seconds": objective.at_least_seconds, "limits": dict(objective.limits),
                "p95": dict(objective.p95), "knee": objective.finds_knee,
                "max_age": seconds(objective.max_age),
            }  # fmt: skip
        case _:
            return sampled(objective) | {"age": seconds(objective.max_sample_age)}


def sampled(objective: Objective) -> dict[str, Any]:
    """An objective about samples."""
    match objective:
        case LiveBuildObjective():
            selector = objective.indicator.selector
            return {"selector": selector, "window": seconds(objective.window)}
        case RatioObjective():
            return events(objective.indicator) | {
                "reads": objective.reads, "limit": objective.limit, "below": objective.below,
                "minimum": objective.minimum_events, "window": seconds(objective.window),
            }  # fmt: skip
        case ShareObjective():
            return {
                "selector": objective.indicator.selector,
                "label": objective.indicator.server_label,
                "bake": seconds(objective.bake), "longest": seconds(objective.longest),
            }  # fmt: skip
        case ComparisonObjective():
            return events(objective.indicator) | {
                "good": objective.indicator.part is Part.GOOD, "relative": objective.relative,
                "terms": terms(objective.terms), "rollback_over": objective.rollback_over,
                "minimum": objective.minimum_events,
            }  # fmt: skip
        case ThroughputObjective():
            return events(objective.indicator) | {
                "terms": terms(objective.terms), "least": objective.least_ratio,
                "hold": objective.hold_ratio,
            }  # fmt: skip
        case _:
            return counted(objective)


def counted(objective: Objective) -> dict[str, Any]:
    match objective:
        case TriggerObjective():
            return events(objective.indicator) | {
                "good": objective.indicator.part is Part.GOOD, "over": objective.over,
                "window": seconds(objective.window), "lasting": seconds(objective.lasting),
                "minimum": objective.minimum_events,
            }  # fmt: skip
        case TrafficObjective():
            return {
                "reads": objective.indicator.reads, "total": objective.indicator.total,
                "tolerance": objective.tolerance, "minimum": objective.minimum_events,
            }  # fmt: skip
        case RestartsObjective():
            return {"total": objective.indicator.total, "most": objective.max_restarts}
        case AvailabilityObjective():
            bake = seconds(objective.bake)
            return {"reads": objective.reads, "least": objective.least, "bake": bake}
        case _:
            raise AssertionError(objective.name)


def test_there_are_the_same_objectives() -> None:
    assert set(OBJECTIVES) == set(BEFORE_BY_NAME)


@pytest.mark.parametrize("name", sorted(BEFORE_BY_NAME))
def test_an_objective_is_as_it_was(name: str) -> None:
    assert flat(OBJECTIVES[name]) == BEFORE_BY_NAME[name]


def test_every_stage_is_as_it_was() -> None:
    now = [
        {
            "name": stage.name, "title": stage.title, "guide": stage.guide, "share": stage.share,
            "objectives": sorted(objective.name for objective in stage.objectives),
        }
        for stage in POLICY.stages
    ]  # fmt: skip
    assert now == BEFORE["stages"]


def test_every_limit_is_as_it_was() -> None:
    assert POLICY.latency_limits == BEFORE["latency"]
    assert POLICY.security_limits == BEFORE["security"]
    assert POLICY.nightly_limits == BEFORE["nightly"]
    assert POLICY.hold_seconds == BEFORE["hold"]
    assert POLICY.no_go_rolls_back == BEFORE["no_go"]
    assert POLICY.on_crash.value == BEFORE["crash"]


def test_the_schedule_is_the_guides() -> None:
    steps = schedule.of_policy(POLICY, "the policy")
    assert [step.stage for step in steps] == [
        *(f"ramp-{percent}" for percent in range(10, 101, 10)), "stabilise", "hour-1",
    ]  # fmt: skip
    assert [step.bake_seconds for step in steps] == [600.0] * 10 + [1800.0, 3600.0]


def test_the_policy_reads_like_a_policy() -> None:
    lines = FILE.read_text().splitlines()
    assert len(lines) < 700
    assert POLICY.ready.name == "green-ready"
    assert [stage.share for stage in POLICY.steps] == [tenth / 10 for tenth in range(1, 11)]
    assert {stage.role for stage in POLICY.stages} == set(StageRole)
    kinds = [type(indicator) for indicator in POLICY.indicators.values()]
    assert kinds.count(ProcessIndicator) == 1


@pytest.mark.parametrize(
    ("profile", "stage"),
    [("smoke", "load-smoke"), ("load", "load-test"), ("stress", "stress-test"),
     ("spike", "spike-test"), ("soak", "soak-test")],
)  # fmt: skip
def test_a_load_run_is_judged_by_the_stage_for_runs_of_any_size(profile: str, stage: str) -> None:
    assert policy_file.load_stage(POLICY, profile).name == stage


def test_a_profile_that_no_stage_judges_is_an_error() -> None:
    with pytest.raises(UnknownNameError, match=r"no load profile 'spkie'.*Did you mean spike"):
        policy_file.load_stage(POLICY, "spkie")
