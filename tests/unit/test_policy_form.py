"""The objectives, limits and steps that version 0.1 of the policy had are as they were."""

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
    NoFailedChecksObjective,
    Objective,
    Part,
    ProcessIndicator,
    RatioObjective,
    RestartsObjective,
    RollbackObjective,
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
    "limit",
    "fast",
    "slow",
    "history",
    "ramp",
    "steps",
    "warm_up",
    "patience",
    "alike",
    "stop_at",
    "worry_at",
)


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
        case ServedBuildObjective() | RollbackObjective():
            return {}
        case ChecksObjective() | NoFailedChecksObjective():
            return {"checks": list(objective.checks), "max_age": seconds(objective.max_age)}
        case ListedChecksObjective():
            return {"known": sorted(objective.known), "max_age": seconds(objective.max_age)}
        case SignOffObjective():
            return {"item": objective.item, "people": objective.people}
        case LoadObjective():
            return {
                "profile": objective.profile,
                "users": objective.at_least_users,
                "seconds": objective.at_least_seconds,
                "limits": dict(objective.limits),
                "p95": dict(objective.p95),
                "knee": objective.finds_knee,
                "max_age": seconds(objective.max_age),
            }
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
                "reads": objective.reads,
                "limit": objective.limit,
                "below": objective.below,
                "minimum": objective.minimum_events,
                "window": seconds(objective.window),
            }
        case ShareObjective():
            return {
                "selector": objective.indicator.selector,
                "label": objective.indicator.server_label,
                "bake": seconds(objective.bake),
                "longest": seconds(objective.longest),
            }
        case ComparisonObjective():
            return events(objective.indicator) | {
                "good": objective.indicator.part is Part.GOOD,
                "relative": objective.relative,
                "terms": terms(objective.terms),
                "rollback_over": objective.rollback_over,
                "minimum": objective.minimum_events,
            }
        case ThroughputObjective():
            return events(objective.indicator) | {
                "terms": terms(objective.terms),
                "least": objective.least_ratio,
                "hold": objective.hold_ratio,
            }
        case _:
            return counted(objective)


def counted(objective: Objective) -> dict[str, Any]:
    match objective:
        case TriggerObjective():
            return events(objective.indicator) | {
                "good": objective.indicator.part is Part.GOOD,
                "over": objective.over,
                "window": seconds(objective.window),
                "lasting": seconds(objective.lasting),
                "minimum": objective.minimum_events,
            }
        case TrafficObjective():
            return {
                "reads": objective.indicator.reads,
                "total": objective.indicator.total,
                "tolerance": objective.tolerance,
                "minimum": objective.minimum_events,
            }
        case RestartsObjective():
            return {"total": objective.indicator.total, "most": objective.max_restarts}
        case AvailabilityObjective():
            bake = seconds(objective.bake)
            return {"reads": objective.reads, "least": objective.least, "bake": bake}
        case _:
            raise AssertionError(objective.name)


# An unknown status counts as a failure since then.
STRICTER = {
    'status=~"5.."': 'status!~"|[1-4]([0-9][0-9]|xx)"',
    'status="failed"': 'status!~"|captured|declined|pending"',
}


def test_no_objective_was_removed() -> None:
    assert set(BEFORE_BY_NAME) <= set(OBJECTIVES)


@pytest.mark.parametrize("name", sorted(set(BEFORE_BY_NAME) - {"only-listed"}))
def test_an_objective_is_as_it_was(name: str) -> None:
    before = json.dumps(BEFORE_BY_NAME[name])
    for old, new in STRICTER.items():
        before = before.replace(json.dumps(old)[1:-1], json.dumps(new)[1:-1])
    assert flat(OBJECTIVES[name]) == json.loads(before)


def test_the_policy_lists_the_checks_that_it_listed_and_those_that_came_later() -> None:
    now, before = flat(OBJECTIVES["only-listed"]), BEFORE_BY_NAME["only-listed"]
    added = set(now["known"]) - set(before["known"])
    assert {**now, "known": before["known"]} == before
    assert set(before["known"]) <= set(now["known"])
    assert {check.split(".")[0] for check in added} == {"platform", "consistency"}


# The stages before the first move of traffic, which the release asked for in version 0.1.
UNCHANGED = ("staging", "performance", "security", "green-ready")
# The checks of consistency came later, and make the stage of the 30 tests stricter.
ADDED = {"staging": {"consistency"}}


@pytest.mark.parametrize("name", [stage["name"] for stage in BEFORE["stages"]])
def test_a_stage_asks_for_what_it_asked_for(name: str) -> None:
    (before,) = [stage for stage in BEFORE["stages"] if stage["name"] == name]
    (stage,) = [stage for stage in POLICY.stages if stage.name == name]
    objectives = {objective.name for objective in stage.objectives}
    assert stage.share == before["share"]
    assert set(before["objectives"]) <= objectives
    assert name not in UNCHANGED or objectives - set(before["objectives"]) == ADDED.get(name, set())


def test_the_stages_are_those_of_the_guide_in_its_order() -> None:
    steps = [f"ramp-{percent}" for percent in range(10, 101, 10)]
    assert [stage.name for stage in POLICY.stages] == [
        "staging",
        "performance",
        "security",
        "pre-deployment",
        "day-of",
        "green-ready",
        *steps,
        "stabilise",
        "hour-1",
        "hour-2",
        "hour-4",
        "week-1",
        "rollback-verified",
        "load-smoke",
        "load-test",
        "stress-test",
        "spike-test",
        "soak-test",
    ]


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
        *(f"ramp-{percent}" for percent in range(10, 101, 10)),
        "stabilise",
        "hour-1",
    ]
    assert [step.bake_seconds for step in steps] == [600.0] * 10 + [1800.0, 3600.0]


def test_the_policy_reads_like_a_policy() -> None:
    lines = FILE.read_text().splitlines()
    assert len(lines) < 750
    assert POLICY.ready.name == "green-ready"
    assert [stage.share for stage in POLICY.steps] == [tenth / 10 for tenth in range(1, 11)]
    roles = {stage.role for stage in POLICY.stages}
    assert roles >= {StageRole.READY, StageRole.STEP, StageRole.OTHER}
    kinds = [type(indicator) for indicator in POLICY.indicators.values()]
    assert kinds.count(ProcessIndicator) == 1


@pytest.mark.parametrize(
    ("profile", "stage"),
    [
        ("smoke", "load-smoke"),
        ("load", "load-test"),
        ("stress", "stress-test"),
        ("spike", "spike-test"),
        ("soak", "soak-test"),
    ],
)
def test_a_load_run_is_judged_by_the_stage_for_runs_of_any_size(profile: str, stage: str) -> None:
    assert policy_file.load_stage(POLICY, profile).name == stage


def test_a_profile_that_no_stage_judges_is_an_error() -> None:
    with pytest.raises(UnknownNameError, match=r"no load profile 'spkie'.*Did you mean spike"):
        policy_file.load_stage(POLICY, "spkie")
