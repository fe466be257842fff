"""The kinds of objectives; each stage of a policy requires some objectives."""

from gates.model.objectives.live_objectives import (
    AvailabilityObjective,
    ComparisonObjective,
    RestartsObjective,
    Terms,
    ThroughputObjective,
    TrafficObjective,
    TriggerObjective,
)
from gates.model.objectives.release_objectives import (
    RollbackObjective,
    ServedBuildObjective,
    SignOffObjective,
)
from gates.model.objectives.run_objectives import (
    ChecksObjective,
    ListedChecksObjective,
    LoadObjective,
    NoFailedChecksObjective,
)
from gates.model.objectives.window_objectives import (
    LiveBuildObjective,
    RatioObjective,
    ShareObjective,
)

LiveObjective = (
    ComparisonObjective
    | ThroughputObjective
    | TriggerObjective
    | TrafficObjective
    | RestartsObjective
)

Objective = (
    LiveObjective
    | AvailabilityObjective
    | ChecksObjective
    | NoFailedChecksObjective
    | ListedChecksObjective
    | ServedBuildObjective
    | RollbackObjective
    | LoadObjective
    | LiveBuildObjective
    | RatioObjective
    | ShareObjective
    | SignOffObjective
)

__all__ = [
    "AvailabilityObjective",
    "ChecksObjective",
    "ComparisonObjective",
    "ListedChecksObjective",
    "LiveBuildObjective",
    "LiveObjective",
    "LoadObjective",
    "NoFailedChecksObjective",
    "Objective",
    "RatioObjective",
    "RestartsObjective",
    "RollbackObjective",
    "ServedBuildObjective",
    "ShareObjective",
    "SignOffObjective",
    "Terms",
    "ThroughputObjective",
    "TrafficObjective",
    "TriggerObjective",
]
