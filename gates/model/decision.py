"""Conclusions: measurements, findings, and the decision that follows from them."""

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
    """The answer of the gate."""

    GO = "go"
    HOLD = "hold"
    NO_GO = "no_go"
    ROLLBACK = "rollback"


@dataclass(frozen=True, slots=True)
class Measurement:
    """One value that a finding is based on.

    Args:
        source: the source of the value.
        query: the query to the source.
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
    """The value of a finding and its limit, for a dashboard.

    The verdict does not follow from these numbers alone: the number of events counts, too.

    Args:
        value: the measured value; a ratio is from 0 to 1.
        limit: the limit in the same unit; None where the objective has no limit of its own.
    """

    value: float
    limit: float | None


@dataclass(frozen=True, slots=True)
class Override:
    """An override of a finding that is not a pass: people let the release go on in spite of it.

    Args:
        people: the people who signed, each with verified or unverified and the name's source.
        reasons: the reason of each person, in the same order.
        until: the moment at which the override ends.
        entries: the ids of the ledger entries, in the same order.
    """

    people: tuple[str, ...]
    reasons: tuple[str, ...]
    until: datetime
    entries: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Advisory:
    """The trial of an objective: until its end, the findings of the objective do not count.

    Args:
        owner: who decides whether the objective becomes a requirement.
        until: the moment from which the findings count, UTC.
    """

    owner: str
    until: datetime

    def is_over(self, now: datetime) -> bool:
        """Whether the trial has ended.

        Args:
            now: the moment of the question, UTC.
        """
        return now >= self.until


@dataclass(frozen=True, slots=True)
class Finding:
    """The conclusion of one objective.

    Args:
        objective: the objective's name.
        guide: the guide's section.
        measured: whether the value was measured.
        verdict: whether the objective is met.
        sentence: the reason, with numbers.
        next_step: the next step, or the command to type; empty for a pass.
        measurements: the values that the finding is based on.
        breach: the outcome that follows from a fail.
        subjects: the checks that the finding is about; empty where it is about the whole objective
            or about the part that ``objective`` names.
        override: the override of the finding; None where the finding counts as it is.
        figure: the value and its limit; None where the finding is not about a number that was
            measured.
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
    """The answer to one question.

    Args:
        outcome: go, hold, no_go or rollback.
        reason: one sentence.
        stage: the name of the stage.
        target: the target's name.
        build: the build that was served, as text; ``unknown`` without an answer.
        at: the moment of the question, UTC.
        findings: the worst finding comes first.
        time_scale: the factor by which every duration of the policy was divided; a rehearsal has a
            factor of more than 1.
        policy: the policy file; None where the policy came from kept evidence.
        warnings: problems that are not findings, such as a damaged ledger; one sentence each.
        entry_id: the id of the ledger entry; empty before the entry is written.
        build_digest: the whole digest of the build that was served; empty without an answer.
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
    """The policy of a decision.

    Args:
        path: the file.
        digest: SHA-256 of the file.
        installed: whether the file is the installed policy.
    """

    path: str
    digest: str
    installed: bool
