"""Does one load run: creates accounts, sends load, writes the run record, and asks the gate."""

import contextlib
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

from gates import places
from gates.errors import ConfigurationError
from gates.evidence import load_record, seal
from gates.evidence.load_record import Announcement, Measurements, PlanSummary
from gates.evidence.run_folder import Subject, new_run_id
from gates.exitcodes import ExitCode
from gates.model import ALL, Policy, Target
from gates.policy import policy_file as policies
from gates.policy import target_file as targets
from gates.process.progress import Progress
from gates.sources.health import served_build
from load import allowed, memory
from load import plan as plans
from load.accounts import headers, prepare
from load.assignment import Assignment, LoadProgress
from load.generator import measure
from suites.testdata.ownership import clean_up

TOOL = "load 1"
# Requests that were sent before the generator ended may still write data.
SETTLE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Request:
    """The options of ``python -m load run``.

    Args:
        profile: the name of the profile.
        target: the name of the target.
        users: the largest number of users; None for the number of the profile.
        scale: the factor that multiplies the length of each phase.
        workers: the number of generator processes.
        listen: host and port where the run waits for workers of other machines; None to start the
            workers here.
        targets: the folder of target files; None for the usual folder.
        policy: the policy file; None for the usual file.
        out: the folder of generated files; None for the usual folder.
    """

    profile: str
    target: str
    users: int | None
    scale: float
    workers: int
    listen: tuple[str, int] | None
    targets: str | None
    policy: str | None
    out: str | None


@dataclass(frozen=True, slots=True)
class _Job:
    """A run on a target that may get load.

    Args:
        request: the options of the command line.
        run_id: the id of the run.
        target: the target that gets the load.
        policy: the policy that judges the run.
        plan: the users, and when their requests are due.
        out: the folder of generated files.
    """

    request: Request
    run_id: str
    target: Target
    policy: Policy
    plan: plans.Plan
    out: Path

    @property
    def folder(self) -> Path:
        """The folder of the run."""
        return self.out / "runs" / self.run_id


def run(request: Request) -> int:
    """Put the target under load, write the run record, and ask the gate for a decision.

    Args:
        request: the options of the command line.

    Returns:
        The exit code of the gate.

    Raises:
        ConfigurationError: the target does not allow load, or lacks a capability.
        UnexpectedAnswerError: a shopper could not log in.
        GeneratorError: the generator ended without measurements.
    """
    job = _job(request)
    load_record.begin(job.folder, job.run_id, _subject(job), _announcement(job))
    print(
        f"load run {job.run_id}: profile {job.plan.profile} on {job.target.name}, up to "
        f"{job.plan.peak:,} users for {job.plan.seconds:.0f} s",
        flush=True,
    )
    try:
        measured = _measure(job)
    finally:
        left_behind = _clean_up(job)
    build = served_build(job.target).build
    load_record.end(job.folder, build, measured, left_behind, seal.configured_key())
    return _ask_gate(job, job.out)


def _job(request: Request) -> _Job:
    target = targets.load(request.target, places.targets(request.targets).path)
    policy = policies.load(places.policy(request.policy).path)
    run_id = new_run_id()
    plan = plans.make(
        request.profile,
        run_id,
        users=request.users,
        scale=request.scale,
        slow=policy.latency_limits["api"],
    )
    allowed.check(target)
    if missing := sorted(plans.needs() - target.capabilities):
        raise ConfigurationError(
            f"{target.name} lacks capabilities that the shoppers need: {', '.join(missing)}"
        )
    out = places.out(request.out, Path("out")).path
    return _Job(request, run_id, target, policy, plan, out)


def _subject(job: _Job) -> Subject:
    target = job.target
    return Subject(
        target=target.name,
        base_url=target.addresses.api,
        target_digest=target.digest,
        build=served_build(target).build,
        limits=job.policy.limits_digest,
    )


def _announcement(job: _Job) -> Announcement:
    peak = plans.peak_of(job.plan.profile, job.request.users)
    judged = [
        phase for phase in job.plan.phases if phase.judged == ALL and phase.users_at_end <= peak
    ]
    summary = PlanSummary(
        users=peak,
        seconds=job.plan.seconds,
        workers=job.request.workers,
        judged_seconds=sum(phase.end - phase.start for phase in judged),
        seed=job.plan.seed,
    )
    return Announcement(TOOL, job.plan.profile, summary)


def _measure(job: _Job) -> Measurements:
    plan = job.plan
    assignment = _assignment(job)
    progress = Progress(plan.seconds)

    def show(now: LoadProgress) -> None:
        totals = now.totals
        progress.show(
            now.at,
            f"{max(0, now.at):.0f} of {plan.seconds:.0f} s  {totals.users:,} users  "
            f"{totals.done:,} done  {totals.failed:,} failed",
        )

    reading = memory.memory_readings(
        job.target, job.run_id, after=plan.phases[0].end, until=plan.seconds
    )
    with contextlib.ExitStack() as stack:
        readings = stack.enter_context(reading) if plan.reads_memory else []
        measured = measure(job.folder, assignment, show)
    progress.end()
    return replace(measured, memory=tuple(readings))


def _assignment(job: _Job) -> Assignment:
    """Log the shoppers in, and return the work of the generator processes."""
    users = job.plan.peak
    progress = Progress(users)
    shopping = prepare(
        job.target,
        job.run_id,
        users,
        lambda done: progress.show(done, f"{done:,} of {users:,} shoppers logged in"),
    )
    progress.end()
    return Assignment(
        plan=job.plan,
        workers=job.request.workers,
        base_url=job.target.addresses.api,
        headers=headers(job.target, job.run_id, job.plan.seconds),
        ca_file=str(job.target.access.api.ca_file or ""),
        shoppers=shopping.shoppers,
        products=shopping.products,
        words=shopping.words,
        journeys=plans.journeys(),
        listen=job.request.listen,
    )


def _clean_up(job: _Job) -> str:
    """Delete the run's data, and return what is left in the database.

    The data is deleted twice, because a late request may write data after the first time.
    """
    left_behind = ""
    for _ in range(2):
        time.sleep(SETTLE_SECONDS)
        left_behind = clean_up(job.target, job.run_id)
    return left_behind


def _ask_gate(job: _Job, out: Path) -> int:
    """Ask the gate by its command line, as a pipeline does; return the exit code."""
    request, stage = job.request, policies.load_stage(job.policy, job.request.profile)
    command = [sys.executable, "-m", "gates", "check", stage.name]
    command += ["--target", request.target, "--out", str(out)]
    for option, value in (("--targets", request.targets), ("--policy", request.policy)):
        command += [option, value] if value else []
    code = subprocess.run(command, check=False).returncode
    return code if code >= 0 else int(ExitCode.INTERNAL)
