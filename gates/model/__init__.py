"""The values that cross module boundaries; standard library only.

target    what is judged: Build, Target
evidence  what was seen: CheckResult, Run, Sample, Series, SampleSet, Evidence
load      what a load run measured: LoadRun, LoadPhase, Latency, Generator
policy    what is required: the objectives, Stage, Policy
decision  what was concluded: Measurement, Finding, Decision
"""

from gates.model.decision import Decision, Finding, Measured, Measurement, Outcome, Verdict
from gates.model.evidence import (
    LEFT_NOTHING,
    Boot,
    CheckOutcome,
    CheckResult,
    Evidence,
    Run,
    RunState,
    Sample,
    SampleSet,
    Series,
    ServedBuild,
)
from gates.model.load import ALL, ANSWERS, RECOVERY, TOTAL, Generator, Latency, LoadPhase, LoadRun
from gates.model.policy import (
    ChecksObjective,
    ListedChecksObjective,
    LiveBuildObjective,
    LoadObjective,
    Objective,
    Policy,
    RatioObjective,
    ServedBuildObjective,
    ShareObjective,
    Stage,
)
from gates.model.target import Addresses, Build, Target

__all__ = [
    "ALL",
    "ANSWERS",
    "LEFT_NOTHING",
    "RECOVERY",
    "TOTAL",
    "Addresses",
    "Boot",
    "Build",
    "CheckOutcome",
    "CheckResult",
    "ChecksObjective",
    "Decision",
    "Evidence",
    "Finding",
    "Generator",
    "Latency",
    "ListedChecksObjective",
    "LiveBuildObjective",
    "LoadObjective",
    "LoadPhase",
    "LoadRun",
    "Measured",
    "Measurement",
    "Objective",
    "Outcome",
    "Policy",
    "RatioObjective",
    "Run",
    "RunState",
    "Sample",
    "SampleSet",
    "Series",
    "ServedBuild",
    "ServedBuildObjective",
    "ShareObjective",
    "Stage",
    "Target",
    "Verdict",
]
