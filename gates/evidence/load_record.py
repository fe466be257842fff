"""The format of a load run's record, ``load.json``, and its writer.

The record is written when the run begins, without measurements, and replaced as a whole when the
run ends, with its seal. Its schema is ``gates/schemas/load.schema.json``.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from gates.evidence import codec, seal
from gates.evidence.run_folder import Subject, current_boot
from gates.model import Boot, Build
from gates.sources import json_values
from gates.sources.json_values import Amount, Count

FILE = "load.json"
SCHEMA = 1
Judged = Literal["", "answers", "all"]


@dataclass(frozen=True, slots=True)
class PlanSummary:
    """The plan of a load run.

    Args:
        users: the largest number of users that the limits apply to.
        seconds: the planned length of the run.
        workers: the number of generator processes.
        judged_seconds: the planned length of the phases that all limits apply to.
        seed: the seed of the users' pauses and choices.
    """

    users: Count
    seconds: Amount
    workers: Count
    judged_seconds: Amount
    seed: str


@dataclass(frozen=True, slots=True)
class Announcement:
    """The data of a run before it begins: the tool, the profile and the plan."""

    tool: str
    profile: str
    plan: PlanSummary


@dataclass(frozen=True, slots=True)
class OperationMeasurement:
    """One operation in one phase; times in seconds, from the intended start.

    Args:
        done: requests with a correct answer.
        failed: requests with a wrong answer or without an answer.
        unanswered: requests without an answer; they are failed requests too.
        samples: the number of samples of the quantiles; without samples there are no quantiles.
        p50: the median.
        p95: the 95th percentile.
        p95_at_least: its lower 95 % confidence bound.
        p95_at_most: its upper 95 % confidence bound; None with too few samples for a bound.
        p99: the 99th percentile.
        max: the longest time.
    """

    done: Count
    failed: Count
    unanswered: Count
    samples: Count
    p50: Amount | None = None
    p95: Amount | None = None
    p95_at_least: Amount | None = None
    p95_at_most: Amount | None = None
    p99: Amount | None = None
    max: Amount | None = None


@dataclass(frozen=True, slots=True)
class PhaseMeasurement:
    """One phase of the run.

    Args:
        name: the phase's name in the profile.
        start_seconds: the start of the phase, in seconds since the run began.
        end_seconds: the end of the phase, in seconds since the run began.
        judged: the limits that apply: ``all``, those of ``answers``, or empty.
        users_planned: the planned number of users at its end.
        users_reached: the largest number of users.
        due: requests that were due, by the schedule that was fixed before the run.
        unfinished: due requests that have no end.
        oldest_unfinished_seconds: the age of the oldest request without an end.
        longest_gap_seconds: the longest time without a correct answer.
        operations: the figures of each operation of the contract, and of ``total``.
    """

    name: str
    start_seconds: Amount
    end_seconds: Amount
    judged: Judged
    users_planned: Count
    users_reached: Count
    due: Count
    unfinished: Count
    oldest_unfinished_seconds: Amount
    longest_gap_seconds: Amount
    operations: Mapping[str, OperationMeasurement]


@dataclass(frozen=True, slots=True)
class GeneratorMeasurement:
    """What the generator processes used.

    Args:
        processor_share: processor seconds per second, by process; None where unknown.
        memory_bytes: the largest memory, by process.
        lag_p99_seconds: P99 of the delay between a due request and its sending; None without any.
        lag_max_seconds: the largest such delay.
        workers_gone: the number of processes that were lost.
    """

    processor_share: tuple[Amount | None, ...]
    memory_bytes: tuple[Count, ...]
    lag_p99_seconds: Amount | None
    lag_max_seconds: Amount | None
    workers_gone: Count


@dataclass(frozen=True, slots=True)
class Measurements:
    """What a load run measured.

    Args:
        phases: the phases in the order of time.
        reasons: how often an answer was wrong, by reason.
        bad_by_second: for each second, the requests due, and how many of them failed, have no end,
            or were later than the policy's limit.
        memory: the memory of the target's processes: seconds since the run began, and bytes.
        recovery_seconds: the time after a spike with too many bad answers; None without a spike.
        ended_after: the length of the run, in seconds.
        generator: what the generator processes used.
    """

    phases: tuple[PhaseMeasurement, ...]
    reasons: Mapping[str, Count]
    bad_by_second: tuple[tuple[Count, Count], ...]
    memory: tuple[tuple[Amount, Amount], ...]
    recovery_seconds: Amount | None
    ended_after: Amount
    generator: GeneratorMeasurement


@dataclass(frozen=True, slots=True)
class LoadRecord:
    """A whole record.

    Args:
        schema: the version of the format.
        run: the run's id.
        tool: the load tool's version.
        profile: the profile's name.
        plan: what the run is planned to do.
        target: the target's name.
        base_url: the address under load.
        target_digest: SHA-256 of the target file.
        build: the build that the target served at the start; None without an answer.
        limits: SHA-256 of the policy's limits.
        boot: the start on the machine's own clock; None where there is no such clock.
        started_at: when the run started, UTC.
        ended_at: when the run ended, UTC; None before its end.
        build_at_end: the build that the target served at the end.
        measured: the measurements; None before the end.
        left_behind: what the run left in the database; an empty text for nothing.
        sha256: digest of the record without its seal; None before the end.
        hmac: signature of the same bytes; None without a key.
    """

    schema: int
    run: str
    tool: str
    profile: str
    plan: PlanSummary
    target: str
    base_url: str
    target_digest: str
    build: Build | None
    limits: str
    boot: Boot | None
    started_at: datetime
    ended_at: datetime | None = None
    build_at_end: Build | None = None
    measured: Measurements | None = None
    left_behind: str | None = None
    sha256: str | None = None
    hmac: str | None = None


def begin(folder: Path, run_id: str, subject: Subject, announcement: Announcement) -> None:
    """Write that a load run has begun; such a record proves nothing.

    Args:
        folder: the run's folder; created if missing.
        run_id: the run's id.
        subject: what is under load.
        announcement: the tool, the profile and the plan.
    """
    folder.mkdir(parents=True, exist_ok=True)
    record = LoadRecord(
        schema=SCHEMA,
        run=run_id,
        tool=announcement.tool,
        profile=announcement.profile,
        plan=announcement.plan,
        target=subject.target,
        base_url=subject.base_url,
        target_digest=subject.target_digest,
        build=subject.build,
        limits=subject.limits,
        boot=current_boot(),
        started_at=datetime.now(UTC),
    )
    _write(folder, codec.to_record(record))


def end(
    folder: Path, build: Build | None, measured: Measurements, left_behind: str, key: str
) -> None:
    """Add the measurements and seal the record.

    Args:
        folder: the run's folder.
        build: the build that the target serves now; None without an answer.
        measured: the measurements.
        left_behind: what the run left in the database; an empty text for nothing.
        key: the key that signs the record; an empty text where no key is set.
    """
    begun = codec.from_record(LoadRecord, json_values.loads((folder / FILE).read_bytes()))
    record = replace(begun, ended_at=datetime.now(UTC), measured=measured, left_behind=left_behind)
    content = {**codec.to_record(record), "build_at_end": codec.to_record(build)}
    _write(folder, sealed(content, key))


def sealed(content: Mapping[str, object], key: str) -> dict[str, object]:
    """A record with its seal.

    Args:
        content: the record as JSON, with or without a seal.
        key: the key that signs the record; an empty text where no key is set.
    """
    raw = bytes_of(content)
    signature = seal.signature_of(raw, key)
    stated: dict[str, object] = {seal.DIGEST: seal.digest_of(raw)}
    return {**content, **stated, **({seal.SIGNATURE: signature} if signature else {})}


def bytes_of(content: Mapping[str, object]) -> bytes:
    """The bytes that the seal of a record covers: everything but the seal."""
    rest = {
        key: value for key, value in content.items() if key not in (seal.DIGEST, seal.SIGNATURE)
    }
    return json.dumps(rest, sort_keys=True, allow_nan=False).encode()


def _write(folder: Path, content: Mapping[str, object]) -> None:
    """Replace the record as a whole, on disk before the call returns."""
    fresh = folder / f".{FILE}.{os.getpid()}"
    with fresh.open("w") as file:
        json.dump(content, file, indent=1, allow_nan=False)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(folder / FILE)
