"""Platform checks of the services: every stated service is up, and has the stated version."""

import pytest

from gates.model import Service, Target
from suites.monitoring.prometheus_api import PrometheusApi
from suites.monitoring.services import ServiceAnswer, ask_service, up_flaws, version_flaws
from suites.platform.flaw_report import assert_no_flaws
from suites.pytest_plugin.marks import check

pytestmark = pytest.mark.platform

Answers = dict[Service, ServiceAnswer]


@pytest.fixture
def prometheus(target: Target) -> PrometheusApi:
    """Return a client of the target's Prometheus."""
    return PrometheusApi(target.addresses.prometheus, target.access.prometheus)


@pytest.fixture
def answers(target: Target) -> Answers:
    """Ask each service of the target file for its health; return the results, keyed by service."""
    uri = target.secrets.get("database_uri", "")
    return {
        service: ask_service(service, uri, target.access_of(service.address))
        for service in target.services
    }


@check("platform.services.up", needs="monitoring")
def test_every_service_is_up(target: Target, prometheus: PrometheusApi, answers: Answers) -> None:
    """Every service of the target file answers, and its series ``up`` in Prometheus is 1."""
    assert answers, f"{target.name}: the target file has no table [services]; list the services"
    unanswered = [
        f"{service.name}: {service.address} {answer.problem}"
        for service, answer in answers.items()
        if answer.problem
    ]
    down = [flaw for service in target.services for flaw in up_flaws(service, prometheus)]
    assert_no_flaws(
        f"all {target.service_count} services of {target.name} are up",
        [*unanswered, *down],
        again=prometheus.curl("up"),
        next_step="start the service, or correct [services] in the target file",
    )


@check("platform.services.versions", needs="monitoring")
def test_every_service_has_the_stated_version(
    target: Target, prometheus: PrometheusApi, answers: Answers
) -> None:
    """Each service and its ``build_info`` metric name the version that the target file states."""
    stated = [service for service in target.services if service.version]
    assert stated, (
        f"{target.name}: the target file states no version for any service; add version to "
        "[services.NAME]"
    )
    assert_no_flaws(
        f"{len(stated)} services of {target.name} have the version that the target file states",
        [
            flaw
            for service in stated
            for flaw in version_flaws(service, answers[service], prometheus)
        ],
        again=prometheus.curl('{__name__=~".+_build_info"}'),
        next_step="deploy the stated version, or correct [services] in the target file",
    )


@check("platform.services.count", needs="monitoring")
def test_as_many_services_run_as_are_stated(
    target: Target, prometheus: PrometheusApi, answers: Answers
) -> None:
    """As many services run as the target file states, and each service has its own address."""
    running = [
        service
        for service, answer in answers.items()
        if not answer.problem and not up_flaws(service, prometheus)
    ]
    addresses = {service.address for service in running}
    absent = [service.name for service in target.services if service not in running]
    is_complete = target.service_count == len(addresses) > 0
    flaw = f"{len(addresses)} services run; the missing services are: {', '.join(absent) or 'none'}"
    assert_no_flaws(
        f"{target.service_count} services of {target.name} run, at different addresses",
        [] if is_complete else [flaw],
        again=prometheus.curl("up"),
        next_step="start the missing service, or correct [services] count in the target file",
    )
