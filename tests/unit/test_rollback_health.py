"""What keeps a rollback from moving traffic to blue, and what only is a note."""

import pytest

from gates.model import Build, Measured, ServedBuild
from gates.ramp.rollback import Baseline, Health, _health_in
from gates.sources.health import parse

OLD, HOTFIX = Build("v4", "4.2.0", "sha256:a"), Build("v4", "4.2.1", "sha256:b")
BLUE = Baseline("blue", health="http://127.0.0.1:1/api/health", deployment="blue", build=OLD)


def served(build: Build = OLD, *, status: int = 200, deployment: str = "blue") -> ServedBuild:
    return ServedBuild(Measured.OK, status, build, deployment, BLUE.health, "")


def test_another_build_is_a_note_and_no_reason_to_leave_the_traffic_on_green() -> None:
    health = _health_in(BLUE, served(HOTFIX))
    assert health.problem == ""
    assert "4.2.1" in health.note
    assert _health_in(BLUE, served()) == Health()


def test_a_healthy_response_without_a_build_is_a_note() -> None:
    answer = parse(BLUE.health, 200, b'{"status": "UP"}')
    assert _health_in(BLUE, answer) == Health(note=answer.problem)


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (served(status=503), "its health response has status 503"),
        (served(deployment="green"), "its health response names green, expected blue"),
        (parse(BLUE.health, 404, b"not found"), "its health response has status 404"),
    ],
)
def test_an_unhealthy_or_wrong_colour_gets_no_traffic(answer: ServedBuild, problem: str) -> None:
    assert _health_in(BLUE, answer) == Health(problem)
