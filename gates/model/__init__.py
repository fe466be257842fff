"""The values that cross module boundaries; standard library only.

target    what is judged: Build, Target
evidence  what was seen: CheckResult, Run, Sample, Series, SampleSet, Evidence
load      what a load run measured: LoadRun, LoadPhase, Latency, Generator
live      what a live judge is fed: Scrape, Move
policy    what is required: the objectives, Stage, Policy
decision  what was concluded: Measurement, Finding, Decision
"""

from gates.model.decision import (
    Decision,
    Finding,
    Measured,
    Measurement,
    Outcome,
    PolicyFile,
    Verdict,
)
from gates.model.evidence import (
    LEFT_NOTHING,
    Boot,
    CheckOutcome,
    CheckResult,
    Evidence,
    LostRun,
    Run,
    RunState,
    Sample,
    SampleSet,
    Series,
    ServedBuild,
)
from gates.model.live import Move, Scrape
from gates.model.load import ALL, ANSWERS, RECOVERY, TOTAL, Generator, Latency, LoadPhase, LoadRun
from gates.model.policy import (
    AvailabilityObjective,
    ChecksObjective,
    ComparisonObjective,
    ListedChecksObjective,
    LiveBuildObjective,
    LiveObjective,
    LoadObjective,
    Objective,
    OnCrash,
    Policy,
    RatioObjective,
    RestartsObjective,
    ServedBuildObjective,
    ShareObjective,
    Stage,
    Terms,
    ThroughputObjective,
    TrafficObjective,
    TriggerObjective,
)
from gates.model.target import Addresses, Build, Target

__all__ = [
    "ALL",
    "ANSWERS",
    "LEFT_NOTHING",
    "RECOVERY",
    "TOTAL",
    "Addresses",
    "AvailabilityObjective",
    "Boot",
    "Build",
    "CheckOutcome",
    "CheckResult",
    "ChecksObjective",
    "ComparisonObjective",
    "Decision",
    "Evidence",
    "Finding",
    "Generator",
    "Latency",
    "ListedChecksObjective",
    "LiveBuildObjective",
    "LiveObjective",
    "LoadObjective",
    "LoadPhase",
    "LoadRun",
    "LostRun",
    "Measured",
    "Measurement",
    "Move",
    "Objective",
    "OnCrash",
    "Outcome",
    "Policy",
    "PolicyFile",
    "RatioObjective",
    "RestartsObjective",
    "Run",
    "RunState",
    "Sample",
    "SampleSet",
    "Scrape",
    "Series",
    "ServedBuild",
    "ServedBuildObjective",
    "ShareObjective",
    "Stage",
    "Target",
    "Terms",
    "ThroughputObjective",
    "TrafficObjective",
    "TriggerObjective",
    "Verdict",
]
