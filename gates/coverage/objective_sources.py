"""Names the sources of the evidence of an objective, such as a suite, a load run or the ledger."""

from enum import Enum
from typing import assert_never

from gates.model import (
    AvailabilityObjective,
    ChecksObjective,
    ComparisonObjective,
    ListedChecksObjective,
    LiveBuildObjective,
    LoadObjective,
    NoFailedChecksObjective,
    Objective,
    RatioObjective,
    RestartsObjective,
    RollbackObjective,
    ServedBuildObjective,
    ShareObjective,
    SignOffObjective,
    ThroughputObjective,
    TrafficObjective,
    TriggerObjective,
)


class Source(Enum):
    """A source of evidence; the value is its name in texts."""

    HEALTH = "health answer"
    SMOKE = "smoke suite"
    INTEGRATION = "integration suite"
    SECURITY = "security suite"
    PERFORMANCE = "performance suite"
    SERVICES = "services"
    PROMETHEUS = "Prometheus checks"
    ALERTMANAGER = "Alertmanager checks"
    GRAFANA = "Grafana checks"
    DATABASE = "database"
    INTEGRITY = "data integrity"
    BACKUP = "backup"
    BALANCER = "balancer checks"
    WEIGHTS = "traffic weights"
    METRICS = "live metrics"
    LOAD = "load run"
    RUN_RECORDS = "run records"
    LEDGER = "ledger"
    SIGN_OFF = "sign-off"


# The first part of a check's id is its suite, and the second part of a platform check its area.
AREAS = {
    "services": Source.SERVICES,
    "prometheus": Source.PROMETHEUS,
    "alertmanager": Source.ALERTMANAGER,
    "grafana": Source.GRAFANA,
    "database": Source.DATABASE,
    "integrity": Source.INTEGRITY,
    "backup": Source.BACKUP,
    "balancer": Source.BALANCER,
}
SUITES = {
    "smoke": Source.SMOKE,
    "security": Source.SECURITY,
    "performance": Source.PERFORMANCE,
}


def checks_of(objective: Objective) -> tuple[str, ...]:
    """Return the ids of the checks that an objective requires; empty where it requires no check."""
    if isinstance(objective, ChecksObjective | NoFailedChecksObjective):
        return objective.checks
    return ()


def sources_of(objective: Objective, checks: tuple[str, ...]) -> tuple[Source, ...]:
    """Return the sources of the evidence of an objective; each source occurs once.

    Args:
        objective: the objective.
        checks: count only the sources of these checks; empty for all checks of the objective.
    """
    if required := checks_of(objective):
        return tuple(dict.fromkeys(_source_of_check(check) for check in checks or required))
    return (_source_of(objective),)


def _source_of(objective: Objective) -> Source:
    match objective:
        case ServedBuildObjective():
            source = Source.HEALTH
        case ShareObjective():
            source = Source.WEIGHTS
        case LoadObjective():
            source = Source.LOAD
        case RollbackObjective():
            source = Source.LEDGER
        case SignOffObjective():
            source = Source.SIGN_OFF
        case ListedChecksObjective() | ChecksObjective() | NoFailedChecksObjective():
            source = Source.RUN_RECORDS
        case (
            LiveBuildObjective()
            | RatioObjective()
            | ComparisonObjective()
            | ThroughputObjective()
            | TriggerObjective()
            | TrafficObjective()
            | RestartsObjective()
            | AvailabilityObjective()
        ):
            source = Source.METRICS
        case _:
            assert_never(objective)
    return source


def _source_of_check(check: str) -> Source:
    suite, area = check.split(".")[:2]
    if suite == "platform":
        return AREAS.get(area, Source.SERVICES)
    return SUITES.get(suite, Source.INTEGRATION)
