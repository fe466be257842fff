"""What the release report is written from; everything is read once, and nothing is asked."""

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
    """What the page is written from.

    Args:
        out: the folder of the ledger.
        runs: the folder of runs.
        policy: the policy whose stages and guide the page shows.
        name: the name of the target.
        target: the target; None where no target file has the name.
        content: the ledger.
        key: the key of sign-offs and records; empty where no key is configured.
        now: the moment of the page, UTC.
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
        """The input of a command that has read policy and target.

        Args:
            context: policy, target and places.

        Raises:
            ConfigurationError: the configured key is not a key.
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
        """Read the policy and the target; the target file may be missing or wrong.

        Args:
            content: the ledger.
            name: the name of the target; empty for the target of the newest ramp.

        Raises:
            UnknownNameError: neither the ledger nor a target file knows the target.
            ConfigurationError: the policy is wrong, or the configured key is not a key.
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
    """The target of this name; None where only the ledger knows it.

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
    """The target of the newest ramp, or else of the newest decision; empty for an empty ledger.

    After a rollback the newest decision is about the baseline, and the report is about the release.
    """
    of_ramps = _newest(content, (RampStartEntry, MoveEntry))
    return of_ramps or _newest(content, (DecisionEntry,))


def _newest(content: LedgerContent, kinds: Sequence[type]) -> str:
    records = reversed(content.records)
    names = (record.entry.target for record in records if isinstance(record.entry, tuple(kinds)))
    return next(names, "")


def moment_text(at: float | datetime | None) -> str:
    """The text of a moment, UTC; ``unknown`` where the moment is unknown or out of range.

    Args:
        at: a moment, or seconds since the epoch.
    """
    try:
        moment = datetime.fromtimestamp(at, UTC) if isinstance(at, int | float) else at
        return "unknown" if moment is None else moment.astimezone(UTC).strftime(MOMENT)
    except (ValueError, OverflowError, OSError):
        return "unknown"
