"""The record of a load run, ``load.json``: its writer and its reader.

Written when the run begins, without a measurement, and replaced as a whole when it ends, sealed by
the SHA-256 of its content (and its HMAC, where a key is configured). Its schema is
``gates/schemas/load.schema.json``.
"""

import hashlib
import hmac
import json
import math
import os
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gates.evidence import suite_runs as evidence
from gates.evidence.suite_runs import (
    KEY_VARIABLE,
    MOST_RUNS,
    RUN_ID,
    Subject,
    boot_json,
    boot_of,
    build_json,
    build_of,
    folder_time,
    moment_of,
)
from gates.model import ALL, ANSWERS, Build, Generator, Latency, LoadPhase, LoadRun, RunState
from gates.sources import strict_json

FILE = "load.json"
SCHEMA = 1
MOST_BYTES = 8_000_000
MOST_REASON = 200
SEALS = ("sha256", "hmac")
MALFORMED = (
    ValueError, LookupError, TypeError, AttributeError, RecursionError, ArithmeticError,
)  # fmt: skip


def begin(folder: Path, run_id: str, subject: Subject, content: Mapping[str, Any]) -> None:
    """Write that a load run has begun; without an end it proves nothing.

    Args:
        folder: the run's folder; made if missing.
        run_id: the run's id.
        subject: what is under load.
        content: ``tool``, ``profile`` and ``plan`` (users, judged_seconds, workers).
    """
    folder.mkdir(parents=True, exist_ok=True)
    started = {
        "schema": SCHEMA, "run": run_id, **content, "target": subject.target,
        "base_url": subject.base_url, "target_digest": subject.target_digest,
        "build": build_json(subject.build), "limits": subject.limits, "boot": boot_json(),
        "started_at": datetime.now(UTC).isoformat(),
    }  # fmt: skip
    _write(folder, started)


def end(
    folder: Path, build: Build | None, measured: Mapping[str, Any], left_behind: str, key: str
) -> None:
    """Add the measurement and seal the record.

    Args:
        folder: the run's folder.
        build: the build served now.
        measured: what the generators measured.
        left_behind: what is left in the database; empty for nothing.
        key: the HMAC key, or an empty text for none.
    """
    content = json.loads((folder / FILE).read_text())
    content |= {
        "ended_at": datetime.now(UTC).isoformat(), "build_at_end": build_json(build),
        "measured": measured, "left_behind": left_behind,
    }  # fmt: skip
    content["sha256"] = hashlib.sha256(_sealed(content)).hexdigest()
    if key:
        content["hmac"] = hmac.new(key.encode(), _sealed(content), hashlib.sha256).hexdigest()
    _write(folder, content)


def _sealed(content: Mapping[str, Any]) -> bytes:
    rest = {name: value for name, value in content.items() if name not in SEALS}
    return json.dumps(rest, sort_keys=True, allow_nan=False).encode()


def _write(folder: Path, content: Mapping[str, Any]) -> None:
    fresh = folder / f".{FILE}.{os.getpid()}"
    with fresh.open("w") as file:
        json.dump(content, file, indent=1, allow_nan=False)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(folder / FILE)


def read_loads(folder: Path, key: str) -> tuple[LoadRun, ...]:
    """The load runs of a folder of runs; a record that cannot be trusted says so itself.

    Args:
        folder: holds one folder a run; may be missing.
        key: the HMAC key; with one, an unsigned or wrongly signed record is damaged.
    """
    if not folder.is_dir():
        return ()
    folders = [entry for entry in folder.iterdir() if _may_be_load(entry)]
    if len(folders) > MOST_RUNS:
        problem = f"{len(folders)} load runs, more than {MOST_RUNS}: move old ones away"
        return (_damaged(folder.name, datetime.now(UTC), problem),)
    return tuple(_read(entry / FILE, key) for entry in folders)


def _may_be_load(folder: Path) -> bool:
    """A folder with the record of a load run, or with no record at all: it may have been one."""
    return folder.is_dir() and ((folder / FILE).exists() or not (folder / evidence.FILE).exists())


def _read(path: Path, key: str) -> LoadRun:
    name = path.parent.name
    try:
        with path.open("rb") as file:
            raw = file.read(MOST_BYTES + 1)
        written = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except OSError as error:
        return _damaged(name, folder_time(path.parent), f"no record: {error.strerror}")
    if len(raw) > MOST_BYTES:
        return _damaged(name, written, f"over {MOST_BYTES} bytes")
    try:
        content = strict_json.loads(raw)
        if content["schema"] != SCHEMA or content["run"] != name or not RUN_ID.match(name):
            return _damaged(name, written, "another schema, or another run's")
        if problem := _broken_seal(content, key):
            return _damaged(name, written, problem)
        return replace(
            _run(content), record_size=len(raw), record_digest=hashlib.sha256(raw).hexdigest()
        )
    except MALFORMED as error:
        return _damaged(name, written, f"not a record of a load run ({type(error).__name__})")


def _broken_seal(content: Mapping[str, Any], key: str) -> str:
    """What is wrong with the seal of a record that has an end, or an empty text."""
    if "measured" not in content:
        return ""
    if content.get("sha256") != hashlib.sha256(_sealed(content)).hexdigest():
        return "it was changed after it was written"
    if key:
        expected = hmac.new(key.encode(), _sealed(content), hashlib.sha256).hexdigest()
        if not hmac.compare_digest(expected, str(content.get("hmac", ""))):
            return f"its signature is missing or not made with {KEY_VARIABLE}"
    return ""


def _damaged(name: str, at: datetime, problem: str) -> LoadRun:
    return LoadRun(
        run_id=name, state=RunState.DAMAGED, problem=problem, profile="", started_at=at,
        ended_at=None, target="", base_url="", target_digest="", build=None, build_at_end=None,
        limits="", boot=None, users=0, judged_seconds=0.0, phases=(), reasons={}, memory=(),
        recovery_seconds=None, generator=None, left_behind="unknown",
    )  # fmt: skip


def _run(content: Mapping[str, Any]) -> LoadRun:
    """A run from its record; without an end it has measured nothing."""
    plan = content["plan"]
    run = LoadRun(
        run_id=str(content["run"]),
        state=RunState.UNFINISHED,
        problem="it was aborted, or is still under way",
        profile=str(content["profile"]),
        started_at=moment_of(content["started_at"]),
        ended_at=None,
        target=str(content["target"]),
        base_url=str(content["base_url"]),
        target_digest=str(content["target_digest"]),
        build=build_of(content["build"]),
        build_at_end=None,
        limits=str(content["limits"]),
        boot=boot_of(content["boot"]),
        users=_count(plan["users"]),
        judged_seconds=_figure(plan["judged_seconds"]),
        phases=(),
        reasons={},
        memory=(),
        recovery_seconds=None,
        generator=None,
        left_behind="unknown",
    )
    measured = content.get("measured")
    if measured is None:
        return run
    reasons = measured["reasons"].items()
    return replace(
        run,
        state=RunState.FINISHED,
        problem="",
        ended_at=moment_of(content["ended_at"]),
        build_at_end=build_of(content["build_at_end"]),
        phases=tuple(_phase(one) for one in measured["phases"]),
        reasons={str(reason)[:MOST_REASON]: _count(times) for reason, times in reasons},
        memory=tuple((_figure(at), _figure(size)) for at, size in measured["memory"]),
        recovery_seconds=_perhaps(measured["recovery_seconds"]),
        generator=_generator(plan, measured["generator"]),
        left_behind=str(content["left_behind"])[:MOST_REASON],
    )


def _phase(content: Mapping[str, Any]) -> LoadPhase:
    return LoadPhase(
        name=str(content["name"]),
        judged=_judged(content["judged"]),
        seconds=_figure(_figure(content["end_seconds"]) - _figure(content["start_seconds"])),
        users_planned=_count(content["users_planned"]),
        users_reached=_count(content["users_reached"]),
        due=_count(content["due"]),
        unfinished=_count(content["unfinished"]),
        oldest_unfinished_seconds=_figure(content["oldest_unfinished_seconds"]),
        longest_gap_seconds=_figure(content["longest_gap_seconds"]),
        operations={str(name): _latency(one) for name, one in content["operations"].items()},
    )


def _judged(value: object) -> str:
    if value not in ("", ANSWERS, ALL):
        raise ValueError
    return str(value)


def _latency(content: Mapping[str, Any]) -> Latency:
    return Latency(
        done=_count(content["done"]),
        failed=_count(content["failed"]),
        unanswered=_count(content["unanswered"]),
        samples=_count(content["samples"]),
        p50=_perhaps(content.get("p50")),
        p95=_perhaps(content.get("p95")),
        p95_at_least=_perhaps(content.get("p95_at_least")),
        p95_at_most=_perhaps(content.get("p95_at_most")),
        p99=_perhaps(content.get("p99")),
    )


def _generator(plan: Mapping[str, Any], content: Mapping[str, Any]) -> Generator:
    shares, memory = content["processor_share"], content["memory_bytes"]
    if len(shares) != len(memory):
        raise ValueError
    return Generator(
        workers=_count(plan["workers"]),
        workers_gone=_count(content["workers_gone"]),
        processor_share=tuple(_perhaps(one) for one in shares),
        memory_bytes=tuple(_count(one) for one in memory),
        lag_p99_seconds=_perhaps(content["lag_p99_seconds"]),
    )


def _count(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError
    return value


def _figure(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError
    if not math.isfinite(value) or value < 0:
        raise ValueError
    return float(value)


def _perhaps(value: object) -> float | None:
    return None if value is None else _figure(value)
