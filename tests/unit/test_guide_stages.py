"""The stages that people sign are a GO with every signature, and never without."""

import json
from pathlib import Path

import pytest
from in_process import gates
from proving import LOADED, Place, passing
from worlds import Done

from gates.model import SignOffObjective, Stage

STAGES = {stage.name: stage for stage in LOADED.stages}
SIGNED = [
    name
    for name, stage in STAGES.items()
    if any(isinstance(objective, SignOffObjective) for objective in stage.objectives)
]
WITHOUT_LOAD = [name for name in SIGNED if name not in ("hour-4", "week-1")]


def items(stage: Stage) -> list[str]:
    return [item.name for item in stage.objectives if isinstance(item, SignOffObjective)]


def sign(place: Place, item: str, stage: str) -> Done:
    return gates(
        "sign",
        item,
        "--stage",
        stage,
        "--by",
        "Asha Rao",
        "--note",
        "seen",
        "--target",
        "green",
        "--targets",
        str(place.folder / "targets"),
        "--out",
        str(place.out),
    )


def findings(answer: Done) -> dict[str, str]:
    """The verdict on each objective; the worst, where it has several findings."""
    verdicts: dict[str, str] = {}
    for finding in json.loads(answer.out)["findings"]:
        name = finding["objective"].split(":")[0]
        if verdicts.get(name, "pass") == "pass":
            verdicts[name] = finding["verdict"]
    return verdicts


def test_people_sign_at_five_stages() -> None:
    assert SIGNED == ["pre-deployment", "day-of", "hour-2", "hour-4", "week-1"]


@pytest.mark.parametrize("stage", WITHOUT_LOAD)
def test_a_stage_is_a_go_with_every_signature(tmp_path: Path, stage: str) -> None:
    with passing(tmp_path, stage) as place:
        before = place.ask(stage)
        *others, last = items(STAGES[stage])
        for item in others:
            assert sign(place, item, stage).code == 0
        almost = place.ask(stage)
        assert sign(place, last, stage).code == 0
        after = place.ask(stage)
    assert (before.code, almost.code, after.code) == (3, 3, 0), after.out
    assert f"gates sign {last} --stage {stage}" in almost.out


@pytest.mark.parametrize("stage", WITHOUT_LOAD)
def test_a_stage_is_no_go_where_a_check_failed(tmp_path: Path, stage: str) -> None:
    with passing(tmp_path, stage) as place:
        for item in items(STAGES[stage]):
            assert sign(place, item, stage).code == 0
        failed = place.run_of(
            "r2", checks=["platform.services.up"], **{"platform.services.up": "failed"}
        )
        place.keep_run(failed, "r2")
        answer = place.ask(stage)
    assert answer.code == 1
    assert "platform.services.up" in answer.out


def test_a_failed_check_of_the_security_suite_stops_a_ramp(tmp_path: Path) -> None:
    with passing(tmp_path) as place:
        assert place.ask("ramp-30").code == 0
        failed = place.run_of("r2", checks=["security.xss"], **{"security.xss": "failed"})
        place.keep_run(failed, "r2")
        answer = place.ask("ramp-30")
    assert answer.code == 4
    assert "security.xss" in answer.out


def test_a_week_is_judged_by_its_live_metrics(tmp_path: Path) -> None:
    live = ("live-build-week-1", "uptime-week-1", "latency-week-1", "payments-week-1")
    with passing(tmp_path, "week-1") as place:
        place.options = ("--json", "--time-scale", "3")
        good = findings(place.ask("week-1"))
        begin = place.metrics.now - 8000
        failed = {"slot": "green", "status": "500"}
        place.metrics.change(lambda at, _: round(at - begin), "http_requests_total", **failed)
        answer = place.ask("week-1")
    assert {name: good[name] for name in live} == dict.fromkeys(live, "pass")
    assert findings(answer)["uptime-week-1"] == "fail"
    assert answer.code == 1
