"""Reads the ledger, policy and target that the release report is written from."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from gates import ledger
from gates.decisions import Context
from gates.errors import ConfigurationError, UnknownNameError
from gates.ledger import DecisionEntry, LedgerContent, MoveEntry, RampStartEntry
from gates.model import Policy, Target
from gates.policy import policy_file, target_file
from gates.signing import signature

MOMENT = "%Y-%m-%d %H:%M:%S UTC"


@dataclass(frozen=True, slots=True)
class ReportInput:
    """The ledger, policy, target and folders that the page is written from.

    Args:
        out: the folder of the ledger.
        runs: the folder of runs.
        policy: the policy whose stages and guide the page shows.
        name: the name of the target.
        target: the target; None where no target file has the name.
        content: the content of the ledger.
        key: the key of sign-offs and records; empty where no key is configured.
        now: the moment at which the page is written, UTC.
    """

    out: Path
    runs: Path
    policy: Policy
    name: str
    target: Target | None
    content: LedgerContent
    key: str
    now: datetime

    @classmethod
    def of_context(cls, context: Context) -> "ReportInput":
        """Create the input for a command that has read the policy and the target already.

        Args:
            context: the policy, target and folders of the command.

        Raises:
            ConfigurationError: the environment variable of the key is blank.
            LedgerError: the ledger cannot be read.
        """
        return cls(
            out=context.out,
            runs=context.runs,
            policy=context.policy,
            name=context.target.name,
            target=context.target,
            content=ledger.read(context.out),
            key=signature.configured_key(),
            now=datetime.now(UTC),
        )


@dataclass(frozen=True, slots=True)
class ReportPlaces:
    """The files and folders that the page is written from.

    Args:
        out: the folder of the ledger.
        runs: the folder of runs.
        policy: the policy file.
        targets: the folder of target files.
    """

    out: Path
    runs: Path
    policy: Path
    targets: Path

    def read(self, content: LedgerContent, name: str) -> ReportInput:
        """Create the input from the policy file and the target file.

        The target file may have mistakes; it may be missing where the ledger knows the target.

        Args:
            content: the content of the ledger.
            name: the name of the target; empty for the target of the newest ramp.

        Raises:
            UnknownNameError: neither the ledger nor a target file knows the target.
            ConfigurationError: the policy is wrong, or the variable of the key is blank.
        """
        name = name or newest_target(content)
        return ReportInput(
            out=self.out,
            runs=self.runs,
            policy=policy_file.load(self.policy),
            name=name,
            target=_target(name, self.targets, content),
            content=content,
            key=signature.configured_key(),
            now=datetime.now(UTC),
        )


def _target(name: str, folder: Path, content: LedgerContent) -> Target | None:
    """Load the target with this name; None where only the ledger has the name.

    Raises:
        UnknownNameError: neither the ledger nor a target file knows the name.
    """
    in_ledger = not name or any(record.entry.target == name for record in content.records)
    try:
        return target_file.load(name, folder) if name else None
    except UnknownNameError:
        if in_ledger:
            return None
        raise
    except ConfigurationError:
        return None


def newest_target(content: LedgerContent) -> str:
    """Return the target of the newest ramp, else of the newest decision, else an empty text.

    After a rollback, the newest decision is about the baseline. The report is about the release.
    """
    of_ramps = _newest(content, (RampStartEntry, MoveEntry))
    return of_ramps or _newest(content, (DecisionEntry,))


def _newest(content: LedgerContent, kinds: Sequence[type]) -> str:
    records = reversed(content.records)
    names = (record.entry.target for record in records if isinstance(record.entry, tuple(kinds)))
    return next(names, "")


def moment_text(at: float | datetime | None) -> str:
    """Write a moment as text, UTC; ``unknown`` where the moment is None or out of range.

    Args:
        at: a moment, or seconds since the epoch; None where the moment is not known.
    """
    try:
        moment = datetime.fromtimestamp(at, UTC) if isinstance(at, int | float) else at
        return "unknown" if moment is None else moment.astimezone(UTC).strftime(MOMENT)
    except (ValueError, OverflowError, OSError):
        return "unknown"
