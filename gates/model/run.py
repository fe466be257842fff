"""The record of a suite run: the results of the checks, the tested target, and the times."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from gates.model.target import Build


class CheckOutcome(Enum):
    """How one check of a run ended; only ``passed`` can count as a pass."""

    PASSED = "passed"
    FAILED = "failed"
    ERROR = "error"
    SKIPPED = "skipped"
    XFAILED = "xfailed"
    XPASSED = "xpassed"
    NOT_APPLICABLE = "not_applicable"
    INCONCLUSIVE = "inconclusive"


# The check at the end of every run: the run left nothing in the database.
LEFT_NOTHING = "run.left_nothing"


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One result of one check.

    Args:
        check: the check's id.
        outcome: how the check ended.
        at: when the check ended, UTC.
        message: why the check failed, or why the check did not run; an empty text for a pass.
        nodeid: pytest's name of the test.
    """

    check: str
    outcome: CheckOutcome
    at: datetime
    message: str
    nodeid: str


class RunState(Enum):
    """Whether a run's record is complete."""

    FINISHED = "finished"
    UNFINISHED = "unfinished"
    DAMAGED = "damaged"


@dataclass(frozen=True, slots=True)
class Boot:
    """A moment on the clock that counts since the boot of the machine; nobody can set this clock.

    Args:
        machine: the id of the boot of the machine.
        seconds: the time since the boot.
    """

    machine: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Run:
    """The record of one run of suites.

    Args:
        run_id: the run's id.
        state: whether the record is complete.
        problem: why the record is not complete; an empty text for a complete record.
        started_at: when the run started, UTC.
        target: the target's name; an empty text where the record has no name.
        base_url: the address of the store that the run tested.
        target_digest: SHA-256 of the target file that the run used.
        build: the build that the target served at the start; None where the target named no build.
        build_at_end: the build that the target served at the end; None where it is unknown.
        limits: SHA-256 of the policy's limits that the checks used.
        boot: the start of the run on the clock that counts from the boot of the machine; None where
            the machine has no such clock.
        expected: the ids of the checks that the run had to execute; None when the run ended
            before the ids were known.
        results: every result of a check, in the order of the record.
        record_size: the size of the record, in bytes.
        record_digest: SHA-256 of the record.
        since: a violation that is older than this moment (UTC) does not fail a check of the run;
            None where every violation in the data fails a check.
    """

    run_id: str
    state: RunState
    problem: str
    started_at: datetime
    target: str
    base_url: str
    target_digest: str
    build: Build | None
    build_at_end: Build | None
    limits: str
    boot: Boot | None
    expected: frozenset[str] | None
    results: tuple[CheckResult, ...]
    record_size: int = 0
    record_digest: str = ""
    since: datetime | None = None

    def counts_violations_since(self, moment: datetime | None) -> bool:
        """Return whether every violation since a moment fails a check of the run.

        Args:
            moment: the moment, UTC; None for violations of any time.
        """
        return self.since is None or (moment is not None and self.since <= moment)


@dataclass(frozen=True, slots=True)
class Collection:
    """An attempt of the gate to run the checks of a set before a decision.

    Args:
        check_set: the name of the set in the policy.
        at: when the attempt began, UTC.
        ended_at: when the attempt ended, UTC; the checks that it ran ended earlier.
        problem: why there is no new run; an empty text where the collector wrote a run record.
    """

    check_set: str
    at: datetime
    ended_at: datetime
    problem: str


@dataclass(frozen=True, slots=True)
class JudgedRun:
    """A run that a decision is based on, as the ledger entry of the decision names the run.

    Args:
        kind: ``checks`` for a run of suites, ``load`` for a load run.
        run_id: the run's id.
        record_size: the size of the run's record, in bytes.
        record_digest: SHA-256 of the run's record.
        sealed: whether the record was complete.
        started_at: when the run started, UTC.
        build: the build that the run tested, as text; empty where the build is unknown.
        subjects: the checks of the run, or the profile of a load run.
        failed: the checks that failed.
    """

    kind: str
    run_id: str
    record_size: int
    record_digest: str
    sealed: bool
    started_at: datetime
    build: str
    subjects: frozenset[str]
    failed: frozenset[str]


@dataclass(frozen=True, slots=True)
class LostRun:
    """A run that an earlier decision named, and that is gone or was changed since then.

    Args:
        run_id: the run's id.
        problem: ``is gone`` or ``was changed``.
        started_at: when the run started, UTC.
        build: the build that the run tested, as text; an empty text where unknown.
        subjects: the checks that the run had to execute, or the profile of a load run.
        failed: the checks that failed.
        decision: the id of the ledger entry that named the run.
    """

    run_id: str
    problem: str
    started_at: datetime
    build: str
    subjects: frozenset[str]
    failed: frozenset[str]
    decision: str
