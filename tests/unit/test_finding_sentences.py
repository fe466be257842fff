"""Sentences of findings: a reader sees the value, its subject, and what was expected."""

from worlds import ROOT

from gates.judging.live.findings import FindingBasis, conclude
from gates.judging.live.live_judge import LiveJudge
from gates.judging.live.objective_judges import RestartCount
from gates.model import Measured, Move, RestartsObjective
from gates.policy import policy_file
from suites.probes.api import Exchange
from suites.security.test_authorisation import difference


def exchange(status: int, text: str) -> Exchange:
    return Exchange("GET", "http://127.0.0.1/orders/x", "", status, {}, text, 0.01)


def test_equal_statuses_with_different_bodies_show_that_the_bodies_differ() -> None:
    sentence = difference("get_order", exchange(404, "of another user"), exchange(404, "unknown"))
    assert "404 for the id of another user, and 404 for an unknown id" in sentence
    assert "the bodies are different; both responses must be equal" in sentence


def test_equal_answers_show_that_the_bodies_are_equal() -> None:
    sentence = difference("get_order", exchange(404, "unknown"), exchange(404, "unknown"))
    assert "the bodies are equal" in sentence


def test_restarts_are_those_of_the_instance_with_the_most_restarts() -> None:
    stages = policy_file.load(ROOT / "policies" / "release.toml").stages
    objective = next(
        each for stage in stages for each in stage.objectives if isinstance(each, RestartsObjective)
    )
    live = LiveJudge([objective], ("green", "blue"), 30.0)
    live.move(Move(0.0, 0.1))
    judge = live.judges[0]
    assert isinstance(judge, RestartCount)
    for instance in ("a", "b", "c", "a", "b", "c"):
        judge.add_restart(1.0, instance)
    findings = conclude(live, 10.0, (Measured.OK, ""), FindingBasis({}, {}))
    sentence = "the largest number of restarts of one instance of green in this step is 2"
    assert sentence in findings[0].sentence
