"""Runs checks before a decision, and reads the runs that the collector command wrote."""

import shutil
import threading
import time
from collections.abc import Sequence
from concurrent import futures
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

from gates.evidence import seal, suite_runs
from gates.evidence.run_folder import folder_problem, run_folders
from gates.judging.checks.provenance import CLOCK_TOLERANCE
from gates.model import (
    ChecksObjective,
    Collection,
    Evidence,
    Rollback,
    Run,
    RunState,
    Stage,
    Target,
)

FOLDER = "collected"
MAX_KEPT_RUNS = 100
MAX_PROBLEM_CHARACTERS = 300
STARS = "***"


@dataclass(frozen=True, slots=True)
class CheckRequest:
    """The checks of one set that a decision about a stage needs.

    Args:
        check_set: the name of the check set in the policy.
        checks: the ids of the checks.
        max_age: the largest age of a run that counts; if the set has such a run of all these
            checks, the gate does not run the checks again.
        since: only violations since this moment fail a check; None where every violation fails a
            check.
        limits: SHA-256 of the policy's limits that a run must have used.
    """

    check_set: str
    checks: frozenset[str]
    max_age: timedelta
    since: datetime | None = None
    limits: str = ""


@dataclass(frozen=True, slots=True)
class CollectionResult:
    """The result of a collection.

    Args:
        collections: the newest attempt for each check set that had no recent run.
        runs: the runs that the collector completed during the collection.
    """

    collections: tuple[Collection, ...]
    runs: tuple[Run, ...]


@dataclass(slots=True)
class Collector:
    """Runs the collector command for one target.

    Args:
        target: the target.
        policy: the policy file.
        targets: the folder of target files.
        out: the folder of generated files.
        orders: a file (JSON Lines) of the order ids that the store acknowledged; None for no
            file.
        attempts: the newest attempt of each check set; the gate waits at least the ``max_age`` of
            the request before the next attempt for this set.
    """

    target: Target
    policy: Path
    targets: Path
    out: Path
    orders: Path | None = None
    attempts: dict[str, Collection] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """The folder of the runs that the collector wrote; old runs are deleted."""
        return self.out / FOLDER

    def collect(
        self, requests: Sequence[CheckRequest], runs: Sequence[Run], cancelled: threading.Event
    ) -> CollectionResult:
        """Run the collector command for each check set that has no recent run.

        Args:
            requests: the checks that the stage needs, one request for each check set.
            runs: the runs that exist already.
            cancelled: when this event is set, the commands are killed at once.

        Returns:
            The attempts, one for each started command (failed or not), and the new runs. Both are
            empty where every set has a recent run.
        """
        due = [request for request in requests if not self._is_fresh(request, runs)]
        if not due:
            return CollectionResult((), ())
        known = {run.run_id for run in runs if run.state is RunState.FINISHED}
        with futures.ThreadPoolExecutor(max_workers=len(due)) as pool:
            attempts = pool.map(lambda request: self._attempt(request, known, cancelled), due)
        return CollectionResult(tuple(attempts), self._new_runs(known))

    def _is_fresh(self, request: CheckRequest, runs: Sequence[Run]) -> bool:
        """Whether a complete run of all requested checks is young enough to be evidence."""
        now = datetime.now(UTC)
        after = max(now - request.max_age, request.since or datetime.min.replace(tzinfo=UTC))
        subject = (self.target.name, self.target.addresses.api, self.target.digest, request.limits)
        return any(
            run.state is RunState.FINISHED
            and (run.target, run.base_url, run.target_digest, run.limits) == subject
            and after < run.started_at <= now + CLOCK_TOLERANCE
            and run.build is not None
            and run.build == run.build_at_end
            and run.counts_violations_since(request.since)
            and run.expected is not None
            and request.checks <= run.expected
            for run in runs
        )

    def _attempt(
        self, request: CheckRequest, known: set[str], cancelled: threading.Event
    ) -> Collection:
        """Start the command, or return the last attempt where it is younger than ``max_age``."""
        last = self.attempts.get(request.check_set)
        now = datetime.now(UTC)
        # The clock may have been set back since the last attempt.
        if last is not None and timedelta(0) <= now - last.at < request.max_age:
            return last
        problem = self._without_secrets(self._run_locked(request, known, cancelled))
        problem = problem[:MAX_PROBLEM_CHARACTERS]
        attempt = Collection(request.check_set, now, datetime.now(UTC), problem)
        if not cancelled.is_set():
            self.attempts[request.check_set] = attempt
        return attempt

    def _run_locked(
        self, request: CheckRequest, known: set[str], cancelled: threading.Event
    ) -> str:
        """Run the command, after the end of the same command in another process.

        The new run of the other process may be enough; then the command does not run.

        Returns:
            The problem; an empty text without a problem.
        """
        from gates.collector import command  # most questions start no process

        until = time.monotonic() + command.MAX_SECONDS
        try:
            self.out.mkdir(parents=True, exist_ok=True)
            name = f"collect-{self.target.name}-{request.check_set}.lock"
            with command.lock(self.out, name, until, cancelled):
                if self._is_fresh(request, self._new_runs(known)):
                    return ""
                self._remove_old_runs()
                problem = command.run_command(self._command(request), until, cancelled)
        except BlockingIOError:
            return (
                "another process runs these checks for the gate, and did not end within the time "
                "limit"
            )
        except OSError as error:
            return f"the collector could not be started: {error.strerror}"
        new = self._new_runs(known)
        if problem or self._is_fresh(request, new):
            return problem
        starts = [run.started_at for run in new if request.checks <= (run.expected or set())]
        newest = max(starts, default=None)
        age = datetime.now(UTC) - newest if newest else None
        newest_run = (
            f"the newest began {age.total_seconds():.0f} s ago"
            if age is not None
            else "none is new"
        )
        return (
            "the collector ended with exit code 0, but wrote no run that counts "
            f"({newest_run}); expected: a complete run of these checks that began at most "
            f"{request.max_age.total_seconds():g} s ago, on this target and a single build, with "
            "the limits of the policy"
        )

    def _without_secrets(self, problem: str) -> str:
        for secret in filter(None, self.target.secrets.values()):
            problem = problem.replace(secret, STARS)
        return problem

    def _new_runs(self, known: set[str]) -> tuple[Run, ...]:
        key = seal.configured_key()
        is_known = not folder_problem(self.folder)
        folders = run_folders(self.folder, lambda _: True) if is_known else []
        return tuple(
            suite_runs.read_run(folder, key) for folder in folders if folder.name not in known
        )

    def _remove_old_runs(self) -> None:
        """Delete the oldest runs, but keep the newest; the id of a run begins with its time."""
        folders = sorted(run_folders(self.folder, lambda _: True), key=lambda each: each.name)
        # Old runs are deleted before a new run begins, so that no clock error deletes the new run.
        for folder in folders[: -(MAX_KEPT_RUNS - 1)]:
            shutil.rmtree(folder, ignore_errors=True)

    def _command(self, request: CheckRequest) -> list[str]:
        """Return the options of the collector command for a request."""
        options = [
            "--target",
            self.target.name,
            "--targets",
            str(self.targets),
            "--policy",
            str(self.policy),
            "--runs",
            str(self.folder),
            "--out",
            str(self.out),
            "--set",
            request.check_set,
        ]
        if request.since is not None:
            options += ["--since", request.since.isoformat()]
            if self.orders is not None and self.orders.is_file():
                options += ["--orders", str(self.orders)]
        return options


class PendingCollection:
    """A collection that runs in a thread; the end of the ``with`` block cancels the collection.

    Args:
        collector: runs the collector command.
        requests: the checks that the stage needs, one request for each check set.
    """

    def __init__(self, collector: Collector, requests: Sequence[CheckRequest]) -> None:
        self._collector, self._requests = collector, requests
        self._cancelled = threading.Event()
        self._pool = futures.ThreadPoolExecutor(max_workers=1)
        self._collected: futures.Future[CollectionResult] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._cancelled.set()
        self._pool.shutdown()

    def start(self, runs: Sequence[Run]) -> None:
        """Start the collection; a check set that has a recent run is not run again."""
        if self._requests:
            self._collected = self._pool.submit(
                self._collector.collect, self._requests, runs, self._cancelled
            )

    def added_to(self, evidence: Evidence) -> Evidence:
        """Wait until the collector has ended; return the evidence with the collector's runs."""
        if self._collected is None:
            return evidence
        collected = self._collected.result()
        if not collected.collections and not collected.runs:
            return evidence
        new_ids = {run.run_id for run in collected.runs}
        others = tuple(run for run in evidence.runs if run.run_id not in new_ids)
        return replace(evidence, runs=(*others, *collected.runs), collections=collected.collections)


def requests_of(stage: Stage, rollback: Rollback | None) -> tuple[CheckRequest, ...]:
    """Find the checks that the gate itself must run for a stage, one request for each check set.

    Where two objectives have the same set, the last objective makes the request.

    Args:
        stage: the stage about which the gate decides.
        rollback: the last rollback; with None, objectives with ``since_rollback`` make no request.
    """
    requests: dict[str, CheckRequest] = {}
    for objective in (*stage.trials, *stage.required):
        if not isinstance(objective, ChecksObjective) or objective.collected is None:
            continue
        since = None
        if objective.since_rollback:
            if rollback is None:
                continue
            since = rollback.counts_since
        requests[objective.check_set] = CheckRequest(
            objective.check_set,
            frozenset(objective.checks),
            objective.collected,
            since,
            objective.limits,
        )
    return tuple(requests.values())
