"""What was concluded: measurements, findings, and the decision they add up to."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum


class Measured(Enum):
    """Was it measured?"""

    OK = "ok"
    NO_DATA = "no_data"
    ERROR = "error"
    STALE = "stale"


class Verdict(Enum):
    """Does it meet the objective? Worst wins: pass, then inconclusive, then fail."""

    PASS = "pass"  # noqa: S105 - a verdict, not a password
    INCONCLUSIVE = "inconclusive"
    FAIL = "fail"


class Outcome(Enum):
    """What the gate answers."""

    GO = "go"
    HOLD = "hold"
    NO_GO = "no_go"
    ROLLBACK = "rollback"


@dataclass(frozen=True, slots=True)
class Measurement:
    """One thing that was read to reach a finding.

    Args:
        source: where it was read.
        query: what was asked there.
        window_seconds: how far back it reaches; None where it is of one moment.
        samples: how many samples it rests on.
        age_seconds: the age of the newest; None where there is none.
        value: what it came to, in words or figures.
    """

    source: str
    query: str
    window_seconds: float | None
    samples: int
    age_seconds: float | None
    value: str


@dataclass(frozen=True, slots=True)
class Finding:
    """What one objective concluded.

    Args:
        objective: the objective's name.
        guide: the guide's section.
        measured: was it measured.
        verdict: does it meet the objective.
        sentence: why, with figures.
        next_step: what to do or type now; empty for a pass.
        measurements: what it rests on.
        breach: what a fail of it means.
    """

    objective: str
    guide: str
    measured: Measured
    verdict: Verdict
    sentence: str
    next_step: str
    measurements: tuple[Measurement, ...]
    breach: Outcome = Outcome.NO_GO


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer to one question.

    Args:
        outcome: go, hold, no_go or rollback.
        reason: one sentence.
        stage: the stage asked about.
        target: the target's name.
        build: the build that was served, as text; ``unknown`` when nobody answered.
        at: when it was asked, UTC.
        findings: worst first.
        time_scale: every duration of the policy was divided by it; over 1 it is a rehearsal.
        policy: the policy file, its SHA-256, and whether it is the installed one; empty for none.
        warnings: what is wrong beside the findings, such as a damaged ledger; a sentence each.
    """

    outcome: Outcome
    reason: str
    stage: str
    target: str
    build: str
    at: datetime
    findings: tuple[Finding, ...]
    time_scale: float = 1.0
    policy: "PolicyFile | None" = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PolicyFile:
    """The policy that a decision was judged by.

    Args:
        path: the file.
        digest: SHA-256 of it.
        installed: whether it is the installed one.
    """

    path: str
    digest: str
    installed: bool
