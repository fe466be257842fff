"""The values that cross module boundaries; standard library only.

target      what is judged: Build, Target
run         what a run of suites recorded: CheckResult, Run, Boot
load_run    what a load run measured: LoadRun, LoadPhase, Latency, Generator
evidence    everything that a decision is based on: Sample, Series, SampleSet, Evidence
scrape      what a live judge reads: Scrape, Move
objectives  what a stage may require, one class a kind
policy      what is required: Stage, Policy
decision    what was concluded: Measurement, Finding, Decision
selector    a parsed vector selector
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
from gates.model.evidence import Evidence, Sample, SampleSet, Series, ServedBuild
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
    Terms,
    ThroughputObjective,
    TrafficObjective,
    TriggerObjective,
)
from gates.model.policy import OnCrash, Policy, Stage
from gates.model.run import LEFT_NOTHING, Boot, CheckOutcome, CheckResult, LostRun, Run, RunState
from gates.model.scrape import Move, Scrape
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
