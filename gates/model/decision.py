"""Measurements, the findings that follow from measurements, and the decision of the gate."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum


class Measured(Enum):
    """Whether a value was measured: with data, without data, with an error, or with old data."""

    OK = "ok"
    NO_DATA = "no_data"
    ERROR = "error"
    STALE = "stale"


class Verdict(Enum):
    """Whether an objective is met; the worst verdict counts: fail, inconclusive, then pass."""

    PASS = "pass"  # noqa: S105 - a verdict, not a password
    INCONCLUSIVE = "inconclusive"
    FAIL = "fail"


class Outcome(Enum):
    """The outcome of a decision: whether the release may go on at a stage."""

    GO = "go"
    HOLD = "hold"
    NO_GO = "no_go"
    ROLLBACK = "rollback"


@dataclass(frozen=True, slots=True)
class Measurement:
    """One value that a finding is based on.

    Args:
        source: where the value is from: the address of a source, or the kind of run.
        query: the query that returned the value, or the id of the run.
        window_seconds: the length of the window; None for a value of one moment.
        samples: the number of samples.
        age_seconds: the age of the newest sample; None without samples.
        value: the value, as text.
    """

    source: str
    query: str
    window_seconds: float | None
    samples: int
    age_seconds: float | None
    value: str


@dataclass(frozen=True, slots=True)
class Figure:
    """The measured value of a finding and its limit, for a dashboard.

    The verdict depends on the value, on the limit, and on the number of events.

    Args:
        value: the measured value; a ratio is from 0 to 1.
        limit: the limit, in the unit of the value; None where the objective states no limit.
    """

    value: float
    limit: float | None


@dataclass(frozen=True, slots=True)
class Override:
    """An override: people let the release go on in spite of a finding that is not a pass.

    Args:
        people: a text for each person who signed: the name, whether the signature is verified, and
            the source of the name.
        reasons: the reason of each person, in the order of ``people``.
        until: the moment at which the override ends, UTC.
        entries: the id of the ledger entry of each person, in the order of ``people``.
    """

    people: tuple[str, ...]
    reasons: tuple[str, ...]
    until: datetime
    entries: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Advisory:
    """The trial of an objective; the findings of the objective do not count during the trial.

    Args:
        owner: the person who decides whether the objective becomes a requirement.
        until: the moment from which the findings count, UTC.
    """

    owner: str
    until: datetime

    def is_over(self, now: datetime) -> bool:
        """Return whether the trial has ended.

        Args:
            now: the moment of the question, UTC.
        """
        return now >= self.until


@dataclass(frozen=True, slots=True)
class Finding:
    """The conclusion of one objective.

    Args:
        objective: the objective's name.
        guide: the section of the deployment guide that requires the objective.
        measured: whether the value was measured.
        verdict: whether the objective is met.
        sentence: the reason for the verdict, with numbers.
        next_step: the next step for the reader, or the command to type; empty for a pass.
        measurements: the values that the finding is based on.
        breach: the outcome of the decision if the verdict is a fail.
        subjects: the checks that the finding is about; empty where the finding is about the whole
            objective, or about a part of the objective (``objective`` then names the part).
        override: the override of the finding; None where the finding has no override.
        figure: the measured value and its limit; None where the finding is not about a number.
        advisory: the trial of the objective, while it lasts; None for a finding that counts.
    """

    objective: str
    guide: str
    measured: Measured
    verdict: Verdict
    sentence: str
    next_step: str
    measurements: tuple[Measurement, ...]
    breach: Outcome = Outcome.NO_GO
    subjects: tuple[str, ...] = ()
    override: Override | None = None
    figure: Figure | None = None
    advisory: Advisory | None = None

    @property
    def counts(self) -> bool:
        """Whether the decision depends on the finding."""
        return self.override is None and self.advisory is None


@dataclass(frozen=True, slots=True)
class Decision:
    """The decision of the gate about one stage of one target.

    Args:
        outcome: go, hold, no_go or rollback.
        reason: the reason for the outcome, in one sentence.
        stage: the name of the stage.
        target: the target's name.
        build: the build that was served, as text; ``unknown`` where the target named no build.
        at: the moment of the question, UTC.
        findings: the findings of all objectives, the worst finding first.
        time_scale: the factor by which every duration of the policy was divided; a rehearsal has a
            factor of more than 1.
        policy: the policy file; None where the policy came from stored evidence.
        warnings: problems that are not findings, such as a damaged ledger; one sentence each.
        entry_id: the id of the decision's ledger entry; empty before the entry is written.
        build_digest: the whole digest of the served build; empty where the build is unknown.
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
    entry_id: str = ""
    build_digest: str = ""


@dataclass(frozen=True, slots=True)
class PolicyFile:
    """The policy file of a decision.

    Args:
        path: the path of the file.
        digest: SHA-256 of the file.
        installed: whether the file is the policy that is installed with gates.
    """

    path: str
    digest: str
    installed: bool
