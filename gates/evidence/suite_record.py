"""The format of the record of a suite run, ``checks.jsonl``, and the class that writes the record.

Each line of the record is an event: ``started``, ``collected`` (the ids of the checks that will
run), one ``check`` for each result, and ``finished``, which seals all lines before it.
"""

import fcntl
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from gates.evidence import codec, seal
from gates.evidence.run_folder import Subject, current_boot
from gates.model import Boot, Build, CheckOutcome, CheckResult

FILE = "checks.jsonl"
SCHEMA = 1
MAX_MESSAGE = 4000


@dataclass(frozen=True, slots=True)
class RunStart:
    """The first event of a record: the tested build, and the settings of the run.

    Args:
        at: when the run started, UTC.
        schema: the version of the format of the record.
        run: the run's id.
        target: the target's name.
        base_url: the address of the store that the run tests.
        target_digest: SHA-256 of the target file.
        build: the build that the target served at the start; None where the target named no build.
        limits: SHA-256 of the policy's limits that the checks use.
        tool: the version of the suites.
        boot: the start of the run on the clock that counts from the boot of the machine; None where
            the machine has no such clock.
        since: a violation that is older than this moment (UTC) does not fail a check of the run;
            None where every violation in the data fails a check.
    """

    at: datetime
    schema: int
    run: str
    target: str
    base_url: str
    target_digest: str
    build: Build | None
    limits: str
    tool: str = ""
    boot: Boot | None = None
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class CheckList:
    """The second event of a record, with the sorted ids of the checks that the run will execute."""

    checks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TimedResult:
    """The event with the result of one check.

    Args:
        at: when the check ended, UTC.
        id: the check's id.
        outcome: how the check ended.
        nodeid: pytest's name of the test.
        message: why the check did not pass; empty for a pass.
        seconds: the duration of the check.
    """

    at: datetime
    id: str
    outcome: CheckOutcome
    nodeid: str
    message: str
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class RunEnd:
    """The last event of a record, with the seal.

    Args:
        build: the build that the target served at the end; None where the target named no build.
        exit_code: pytest's exit code.
        sha256: SHA-256 of all lines before this line.
        hmac: HMAC-SHA-256 of all lines before this line and of this event without ``hmac``; None
            where no key is set.
    """

    build: Build | None
    exit_code: int
    sha256: str
    hmac: str | None = None

    def signed(self, lines: bytes) -> bytes:
        """Return the bytes that the signature of the record covers.

        Args:
            lines: all lines before this event.
        """
        content = {
            "build": codec.to_record(self.build),
            "exit_code": self.exit_code,
            seal.DIGEST: self.sha256,
        }
        return lines + json.dumps(content, sort_keys=True).encode()


EVENTS: dict[type, str] = {
    RunStart: "started",
    CheckList: "collected",
    TimedResult: "check",
    RunEnd: "finished",
}
Event = RunStart | CheckList | TimedResult | RunEnd


class Recorder:
    """Appends the events of a suite run to the record of the run.

    Each event is on disk before the method that writes the event returns.

    Args:
        folder: the folder of the run; a missing folder is created.
        key: the key that signs the record; an empty text where no key is set.
    """

    def __init__(self, folder: Path, key: str) -> None:
        self._path = folder / FILE
        self._key = key
        folder.mkdir(parents=True, exist_ok=True)

    def started(
        self, run_id: str, subject: Subject, tool: str, since: datetime | None = None
    ) -> None:
        """Write the first event of the record.

        Args:
            run_id: the run's id.
            subject: the target that the run tests, its build, and the limits of the policy.
            tool: the version of the suites.
            since: a violation that is older than this moment (UTC) does not fail a check; None
                where every violation in the data fails a check.
        """
        self._append(
            RunStart(
                at=datetime.now(UTC),
                schema=SCHEMA,
                run=run_id,
                target=subject.target,
                base_url=subject.base_url,
                target_digest=subject.target_digest,
                build=subject.build,
                limits=subject.limits,
                tool=tool,
                boot=current_boot(),
                since=since,
            )
        )

    def collected(self, checks: Iterable[str]) -> None:
        """Write the ids of the checks that the run will execute."""
        self._append(CheckList(tuple(sorted(checks))))

    def check(self, result: CheckResult, seconds: float) -> None:
        """Write the event with the result of one check.

        Args:
            result: the result of the check.
            seconds: the duration of the check.
        """
        message, duration = result.message[:MAX_MESSAGE], round(seconds, 4)
        self._append(
            TimedResult(result.at, result.check, result.outcome, result.nodeid, message, duration)
        )

    def finished(self, build: Build | None, exit_code: int) -> None:
        """Write the last event, which seals all lines before it.

        Args:
            build: the build that the target serves now; None where the target names no build.
            exit_code: pytest's exit code.
        """
        lines = self._path.read_bytes()
        event = RunEnd(build, exit_code, seal.digest_of(lines))
        self._append(replace(event, hmac=seal.signature_of(event.signed(lines), self._key)))

    def _append(self, event: Event) -> None:
        head = {"event": EVENTS[type(event)], "at": datetime.now(UTC).isoformat()}
        line = json.dumps({**head, **codec.to_record(event)}) + "\n"
        with self._path.open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.write(line.encode())
            file.flush()
            os.fsync(file.fileno())
