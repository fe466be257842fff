"""The format of the record of a load run, ``load.json``, and the functions that write the record.

A record without measurements is written when the run begins. When the run ends, a record with
measurements and a seal replaces the first record. The schema is ``gates/schemas/load.schema.json``.
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
        users: the limits apply to phases with at most this planned number of simulated users.
        seconds: the planned length of the run.
        workers: the number of generator processes.
        judged_seconds: the planned length of the phases that all limits apply to.
        seed: the seed of the random pauses and choices of the simulated users.
    """

    users: Count
    seconds: Amount
    workers: Count
    judged_seconds: Amount
    seed: str


@dataclass(frozen=True, slots=True)
class Announcement:
    """The data of a load run before the run begins.

    Args:
        tool: the name and the version of the load tool.
        profile: the name of the load profile.
        plan: the planned users, times and processes of the run.
    """

    tool: str
    profile: str
    plan: PlanSummary


@dataclass(frozen=True, slots=True)
class OperationMeasurement:
    """The requests of one operation in one phase of a load run.

    Times are in seconds, and are measured from the moment at which a request was due.

    Args:
        done: the number of requests with a correct response.
        failed: the number of requests with a wrong response or without a response.
        unanswered: the number of requests without a response; ``failed`` counts them too.
        samples: the number of response times; if it is 0, every quantile is None.
        p50: the median response time.
        p95: the 95th percentile.
        p95_at_least: the lower 95 % confidence bound of ``p95``.
        p95_at_most: the upper 95 % confidence bound of ``p95``; None with too few samples.
        p99: the 99th percentile.
        max: the longest response time.
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
    """A phase of a load run, as the record states it.

    The other fields have the meaning of the fields of ``gates.model.load_run.LoadPhase``.

    Args:
        start_seconds: the start of the phase, in seconds since the run began.
        end_seconds: the end of the phase, in seconds since the run began.
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
    is_recovery: bool = False


@dataclass(frozen=True, slots=True)
class GeneratorMeasurement:
    """The processor time and the memory that the generator processes of a load run used.

    Args:
        processor_share: processor seconds per second, for each process; None where unknown.
        memory_bytes: the peak memory of each process.
        lag_p99_seconds: the 99th percentile of the delays of requests: from the moment at which a
            user could send a request to the moment at which the user sent it; None where no delay
            was measured.
        lag_max_seconds: the longest of these delays.
        workers_gone: the number of processes that were lost.
    """

    processor_share: tuple[Amount | None, ...]
    memory_bytes: tuple[Count, ...]
    lag_p99_seconds: Amount | None
    lag_max_seconds: Amount | None
    workers_gone: Count


@dataclass(frozen=True, slots=True)
class Measurements:
    """The measurements of a load run.

    Args:
        phases: the phases in the order of time.
        reasons: the number of failed requests, by reason.
        bad_by_second: for each second, the number of due requests, and the number of these requests
            that failed, never ended, or were slower than the limit of the policy.
        memory: the memory of the target's processes: pairs of a time, in seconds since the run
            began, and the number of bytes at this time.
        recovery_seconds: the time from the end of a spike to the end of the last period with too
            many failed or slow requests; None without a spike, or where the run ended early.
        ended_after: the length of the run, in seconds.
        generator: the processor time and the memory of the generator processes.
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
    """The whole record of a load run.

    Args:
        schema: the version of the format.
        run: the run's id.
        tool: the load tool's version.
        profile: the profile's name.
        plan: the planned users, times and processes of the run.
        target: the target's name.
        base_url: the address of the store to which the run sends the load.
        target_digest: SHA-256 of the target file.
        build: the build that the target served at the start; None where the target named no build.
        limits: SHA-256 of the policy's limits.
        boot: the start of the run on the clock that counts from the boot of the machine; None where
            the machine has no such clock.
        started_at: when the run started, UTC.
        ended_at: when the run ended, UTC; None before its end.
        build_at_end: the build that the target served at the end.
        measured: the measurements; None before the end.
        left_behind: the data that the run left in the database; an empty text where it left no
            data.
        sha256: SHA-256 of the record without its seal; None before the end.
        hmac: HMAC-SHA-256 of the record without its seal; None where no key is set.
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
    """Write the first record of a load run; it has no measurements, and is not yet evidence.

    Args:
        folder: the folder of the run; a missing folder is created.
        run_id: the run's id.
        subject: the target that gets the load, its build, and the limits of the policy.
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
    """Add the measurements to the record of a load run that ends, and seal the record.

    Args:
        folder: the run's folder.
        build: the build that the target serves now; None where the target names no build.
        measured: the measurements.
        left_behind: the data that the run left in the database; an empty text where it left no
            data.
        key: the key that signs the record; an empty text where no key is set.
    """
    begun = codec.from_record(LoadRecord, json_values.loads((folder / FILE).read_bytes()))
    record = replace(begun, ended_at=datetime.now(UTC), measured=measured, left_behind=left_behind)
    content = {**codec.to_record(record), "build_at_end": codec.to_record(build)}
    _write(folder, sealed(content, key))


def sealed(content: Mapping[str, object], key: str) -> dict[str, object]:
    """Return the record of a load run with its seal.

    Args:
        content: the record as JSON, with or without a seal.
        key: the key that signs the record; an empty text where no key is set.
    """
    raw = bytes_of(content)
    signature = seal.signature_of(raw, key)
    stated: dict[str, object] = {seal.DIGEST: seal.digest_of(raw)}
    return {**content, **stated, **({seal.SIGNATURE: signature} if signature else {})}


def bytes_of(content: Mapping[str, object]) -> bytes:
    """Return the bytes that the seal of a record covers: the whole record except the seal."""
    rest = {
        key: value for key, value in content.items() if key not in (seal.DIGEST, seal.SIGNATURE)
    }
    return json.dumps(rest, sort_keys=True, allow_nan=False).encode()


def _write(folder: Path, content: Mapping[str, object]) -> None:
    """Replace the whole record; the new record is on disk before the function returns."""
    fresh = folder / f".{FILE}.{os.getpid()}"
    with fresh.open("w") as file:
        json.dump(content, file, indent=1, allow_nan=False)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(folder / FILE)
