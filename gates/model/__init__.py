"""The values that cross module boundaries; standard library only.

target      the deployed thing that is judged: Build, Target
run         the record of a suite run: CheckResult, Run, Boot
load_run    the record of a load run: LoadRun, LoadPhase, Latency, Generator
evidence    everything that a decision is based on: SampleSet, SignOff, Evidence and their parts
scrape      what a live judge reads: Scrape, Move
indicators  what is measured: the series that objectives refer to
objectives  what a stage may require, one class a kind
policy      what is required: Stage, Policy
decision    what was concluded: Measurement, Finding, Override, Decision
selector    a parsed vector selector
"""

from gates.model.decision import (
    Decision,
    Finding,
    Measured,
    Measurement,
    Outcome,
    Override,
    PolicyFile,
    Verdict,
)
from gates.model.evidence import (
    CoveredFinding,
    Evidence,
    Identity,
    Person,
    Sample,
    SampleSet,
    Series,
    ServedBuild,
    SignOff,
    SignOffKind,
    SignOffRecord,
)
from gates.model.indicators import (
    SLOT,
    BuildIndicator,
    EventIndicator,
    Indicator,
    Part,
    ProcessIndicator,
    WeightIndicator,
)
from gates.model.load_run import (
    ALL,
    ANSWERS,
    RECOVERY,
    TOTAL,
    Generator,
    Latency,
    LoadPhase,
    LoadRun,
)
from gates.model.objectives import (
    AvailabilityObjective,
    ChecksObjective,
    ComparisonObjective,
    ListedChecksObjective,
    LiveBuildObjective,
    LiveObjective,
    LoadObjective,
    Objective,
    RatioObjective,
    RestartsObjective,
    ServedBuildObjective,
    ShareObjective,
    SignOffObjective,
    Terms,
    ThroughputObjective,
    TrafficObjective,
    TriggerObjective,
)
from gates.model.policy import AlertLevel, OnCrash, Policy, Stage, StageRole
from gates.model.run import (
    LEFT_NOTHING,
    Boot,
    CheckOutcome,
    CheckResult,
    JudgedRun,
    LostRun,
    Run,
    RunState,
)
from gates.model.scrape import SAME_SHARE, SHARE_TOLERANCE, Move, Scrape, is_same_share
from gates.model.target import Addresses, Build, Service, Target

__all__ = [
    "ALL",
    "ANSWERS",
    "LEFT_NOTHING",
    "RECOVERY",
    "SAME_SHARE",
    "SHARE_TOLERANCE",
    "SLOT",
    "TOTAL",
    "Addresses",
    "AlertLevel",
    "AvailabilityObjective",
    "Boot",
    "Build",
    "BuildIndicator",
    "CheckOutcome",
    "CheckResult",
    "ChecksObjective",
    "ComparisonObjective",
    "CoveredFinding",
    "Decision",
    "EventIndicator",
    "Evidence",
    "Finding",
    "Generator",
    "Identity",
    "Indicator",
    "JudgedRun",
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
    "Override",
    "Part",
    "Person",
    "Policy",
    "PolicyFile",
    "ProcessIndicator",
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
    "Service",
    "ShareObjective",
    "SignOff",
    "SignOffKind",
    "SignOffObjective",
    "SignOffRecord",
    "Stage",
    "StageRole",
    "Target",
    "Terms",
    "ThroughputObjective",
    "TrafficObjective",
    "TriggerObjective",
    "Verdict",
    "WeightIndicator",
    "is_same_share",
]
