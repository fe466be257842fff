"""The record of a suite run, ``checks.jsonl``: its writer and its reader.

A line each: ``started``, ``collected`` (the ids about to be checked), one ``check`` per result,
``finished`` with the SHA-256 of everything before it (and its HMAC, where a key is configured).
"""

import fcntl
import hashlib
import hmac
import json
import math
import os
import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gates.errors import ConfigurationError
from gates.model import Boot, Build, CheckOutcome, CheckResult, Run, RunState
from gates.sources import strict_json

FILE = "checks.jsonl"
KEY_VARIABLE = "KIRANA_EVIDENCE_KEY"
SCHEMA = 1
RUN_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,59}\Z")
MOST_BYTES = 16_000_000
MOST_RUNS = 1000
MOST_MESSAGE = 4000
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
MIN_YEAR, MAX_YEAR = 2000, 2200
EPOCH = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, slots=True)
class Subject:
    """What a run tests, as it found it.

    Args:
        target: the target's name.
        base_url: the address that is tested.
        target_digest: SHA-256 of its file.
        build: the build served; None when nobody answered.
        limits: SHA-256 of the policy's limits that the checks judge by.
    """

    target: str
    base_url: str
    target_digest: str
    build: Build | None
    limits: str


class Recorder:
    """Appends a run's events to its record, each on disk before the call returns.

    Args:
        folder: the run's folder; made if missing.
        key: the HMAC key, or an empty text for none.
    """

    def __init__(self, folder: Path, key: str) -> None:
        self._path = folder / FILE
        self._key = key.encode()
        folder.mkdir(parents=True, exist_ok=True)

    def started(self, run_id: str, subject: Subject, tool: str) -> None:
        """The first line of the record."""
        self._append(
            "started",
            {"schema": SCHEMA, "run": run_id, "tool": tool, "target": subject.target,
             "base_url": subject.base_url, "target_digest": subject.target_digest,
             "build": build_json(subject.build), "limits": subject.limits, "boot": boot_json()},
        )  # fmt: skip

    def collected(self, checks: Iterable[str]) -> None:
        """Which checks the run is about to make."""
        self._append("collected", {"checks": sorted(checks)})

    def check(self, result: CheckResult, seconds: float) -> None:
        """One result."""
        self._append(
            "check",
            {"id": result.check, "outcome": result.outcome.value, "nodeid": result.nodeid,
             "seconds": round(seconds, 4), "message": result.message[:MOST_MESSAGE]},
            at=result.at,
        )  # fmt: skip

    def finished(self, build: Build | None, exit_code: int) -> None:
        """The last line: it seals all lines before it."""
        raw = self._path.read_bytes()
        seal = {"sha256": hashlib.sha256(raw).hexdigest()}
        content = {"build": build_json(build), "exit_code": exit_code, **seal}
        if self._key:
            signed = raw + json.dumps(content, sort_keys=True).encode()
            content["hmac"] = hmac.new(self._key, signed, hashlib.sha256).hexdigest()
        self._append("finished", content)

    def _append(self, event: str, content: dict[str, Any], at: datetime | None = None) -> None:
        moment = (at or datetime.now(UTC)).isoformat()
        line = json.dumps({"event": event, "at": moment, **content}) + "\n"
        with self._path.open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.write(line.encode())
            file.flush()
            os.fsync(file.fileno())


def build_json(build: Build | None) -> dict[str, str] | None:
    """A build as a record has it."""
    if build is None:
        return None
    return {"release": build.release, "version": build.version, "digest": build.digest}


def boot_json() -> dict[str, Any] | None:
    """Now, on the clock since this machine's start; None where Linux does not tell."""
    try:
        machine = BOOT_ID.read_text().strip()
        seconds = time.clock_gettime(time.CLOCK_BOOTTIME)
    except (OSError, AttributeError):
        return None
    return {"machine": machine, "seconds": round(seconds, 3)}


def new_run_id() -> str:
    """A run id that sorts by time."""
    moment = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    return f"{moment}-{time.time_ns() % 16**4:04x}"


def read_runs(folder: Path, key: str) -> tuple[Run, ...]:
    """The runs of a folder; a record that cannot be trusted says so itself.

    Args:
        folder: holds one folder a run; may be missing.
        key: the HMAC key; with one, an unsigned or wrongly signed record is damaged.
    """
    if not folder.is_dir():
        return ()
    folders = [entry for entry in folder.iterdir() if entry.is_dir() and not _only_load(entry)]
    if len(folders) > MOST_RUNS:
        problem = f"{len(folders)} runs, more than {MOST_RUNS}: move old ones away"
        return (_unreadable(folder.name, datetime.now(UTC), problem),)
    return tuple(read_run(entry, key) for entry in folders)


def _only_load(folder: Path) -> bool:
    """Whether a folder is that of a load run, which has a record of its own."""
    return (folder / "load.json").is_file() and not (folder / FILE).exists()


def configured_key() -> str:
    """The key of the environment; empty where none is configured.

    Raises:
        ConfigurationError: it is there and blank, as a missing CI secret is.
    """
    key = os.environ.get(KEY_VARIABLE)
    if key is not None and not key.strip():
        raise ConfigurationError(f"{KEY_VARIABLE} is blank: set the key, or unset the variable")
    return key or ""


def read_run(folder: Path, key: str) -> Run:
    """Read the record of one run; never raises for what the file says."""
    path = folder / FILE
    if path.exists() and not path.is_file():
        return _unreadable(folder.name, folder_time(folder), "not a file")
    try:
        with path.open("rb") as file:
            raw = file.read(MOST_BYTES + 1)
        modified = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except OSError as error:
        return _unreadable(folder.name, folder_time(folder), f"no record: {error.strerror}")
    if len(raw) > MOST_BYTES:
        return _unreadable(folder.name, modified, f"over {MOST_BYTES} bytes")
    try:
        run = _parse(folder.name, raw, key, modified)
    except (
        ValueError, LookupError, TypeError, AttributeError, RecursionError, ArithmeticError,
    ) as error:  # fmt: skip
        why = f"{type(error).__name__}: {error}"[:120]
        run = _unreadable(folder.name, modified, f"not a record ({why})")
    return replace(run, record_size=len(raw), record_digest=hashlib.sha256(raw).hexdigest())


def digest_of_beginning(folder: Path, size: int) -> str:
    """SHA-256 of the first bytes of a run's record; empty where it cannot be read.

    Args:
        folder: the run's folder.
        size: how many bytes.
    """
    try:
        with (folder / FILE).open("rb") as file:
            return hashlib.sha256(file.read(min(size, MOST_BYTES))).hexdigest()
    except OSError:
        return ""


def folder_time(folder: Path) -> datetime:
    """When a folder was last written to; the epoch where nobody knows."""
    try:
        return datetime.fromtimestamp(folder.stat().st_mtime, UTC)
    except OSError:
        return EPOCH


def _unreadable(name: str, at: datetime, problem: str) -> Run:
    return Run(
        run_id=name,
        state=RunState.DAMAGED,
        problem=problem,
        started_at=at,
        target="",
        base_url="",
        target_digest="",
        build=None,
        build_at_end=None,
        limits="",
        boot=None,
        expected=None,
        results=(),
    )


def _parse(name: str, raw: bytes, key: str, modified: datetime) -> Run:
    """A run from its record's bytes."""
    lines = raw.split(b"\n")
    torn = lines.pop() != b""
    events: list[Mapping[str, Any]] = [strict_json.loads(line) for line in lines]
    run = _started(name, events[0])
    problem = ""
    for event in events[1:]:
        if problem or run.state is RunState.FINISHED:
            problem = problem or "something was written after its end"
            break
        match event["event"]:
            case "collected" if run.expected is None:
                run = replace(run, expected=frozenset(str(check) for check in event["checks"]))
            case "check":
                run = replace(run, results=(*run.results, _result(event)))
            case "finished":
                run = replace(run, state=RunState.FINISHED, problem="",
                              build_at_end=build_of(event["build"]))  # fmt: skip
                problem = _broken_seal(raw, event, key) or _unexplained(run, event)
            case other:
                problem = f"an event {str(other)[:40]!r} it should not have"
    if run.results and run.expected is None:
        problem = problem or "results before the list of checks"
    if torn and run.state is RunState.FINISHED:
        problem = problem or "something was written after its end"
    if problem:
        # What cannot be trusted may have been about anything, until it was last written to.
        return _unreadable(name, max(run.started_at, modified), problem)
    return replace(run, problem="its last line is cut") if torn else run


def _unexplained(run: Run, event: Mapping[str, Any]) -> str:
    """Why an exit code contradicts the results; empty when it does not."""
    code = event["exit_code"]
    passed = bool(run.results) and all(
        result.outcome is CheckOutcome.PASSED for result in run.results
    )
    if code != 0 and passed:
        return f"the exit code is {str(code)[:20]}, but the record says that every check passed"
    return ""


def _started(name: str, event: Mapping[str, Any]) -> Run:
    if event["event"] != "started" or event["schema"] != SCHEMA or event["run"] != name:
        raise ValueError
    if not RUN_ID.match(name):
        raise ValueError
    return Run(
        run_id=name,
        state=RunState.UNFINISHED,
        problem="it was aborted, or is still under way",
        started_at=moment_of(event["at"]),
        target=str(event["target"]),
        base_url=str(event["base_url"]),
        target_digest=str(event["target_digest"]),
        build=build_of(event["build"]),
        build_at_end=None,
        limits=str(event["limits"]),
        boot=boot_of(event.get("boot")),
        expected=None,
        results=(),
    )


def _result(event: Mapping[str, Any]) -> CheckResult:
    return CheckResult(
        check=str(event["id"])[:200],
        outcome=CheckOutcome(event["outcome"]),
        at=moment_of(event["at"]),
        message=str(event["message"])[:MOST_MESSAGE],
        nodeid=str(event["nodeid"])[:1000],
    )


def build_of(content: Mapping[str, Any] | None) -> Build | None:
    """What ``build_json`` gave."""
    if content is None:
        return None
    return Build(
        release=str(content["release"]),
        version=str(content["version"]),
        digest=str(content["digest"]),
    )


def boot_of(content: Mapping[str, Any] | None) -> Boot | None:
    """What ``boot_json`` gave; ValueError for what is no number."""
    if content is None:
        return None
    seconds = float(content["seconds"])
    if not math.isfinite(seconds):
        raise ValueError
    return Boot(machine=str(content["machine"])[:100], seconds=seconds)


def moment_of(text: str) -> datetime:
    """A time with its zone; ValueError for anything else."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a time without its zone")
    if not MIN_YEAR <= moment.year <= MAX_YEAR:
        raise ValueError(f"a time of the year {moment.year}")
    return moment


def _broken_seal(raw: bytes, event: Mapping[str, Any], key: str) -> str:
    """What is wrong with the seal, or an empty text."""
    end = raw.rfind(b"\n", 0, len(raw) - 1) + 1
    before = raw[:end]
    if event.get("sha256") != hashlib.sha256(before).hexdigest():
        return "it was changed after it was written"
    if key:
        content = {name: event.get(name) for name in ("build", "exit_code", "sha256")}
        signed = before + json.dumps(content, sort_keys=True).encode()
        expected = hmac.new(key.encode(), signed, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(expected, str(event.get("hmac", ""))):
            return f"its signature is missing or not made with {KEY_VARIABLE}"
    return ""
