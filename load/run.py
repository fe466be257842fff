"""One load run: accounts, the generator, the record, and the gate's judgement of it."""

import contextlib
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gates import places
from gates.errors import ConfigurationError
from gates.evidence import load_runs as loads
from gates.evidence import suite_runs as evidence
from gates.exitcodes import ExitCode
from gates.model import ALL, Policy, Target
from gates.policy import policy_file as policies
from gates.policy import target_file as targets
from gates.process.progress import Progress
from gates.sources.health import served_build
from load import allowed, memory
from load import plan as plans
from load.accounts import Shopping, headers, prepare
from load.generator import measure
from suites.testdata.ownership import clean_up

TOOL = "load 1"
# What was under way when the generator ended may still be written.
SETTLE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked for on the command line.

    Args:
        profile: the profile's name.
        target: the target's name.
        users: the peak; None for the profile's own.
        scale: every phase takes so many times as long.
        workers: how many generator processes.
        listen: host and port where to wait for them; None to start them here.
        targets: the folder of target files, or None.
        policy: the policy file, or None.
        out: the folder of generated files, or None.
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
    """A run that was found to be allowed.

    Args:
        request: what was asked for.
        run_id: its name.
        target: what is put under load.
        policy: what it is judged by.
        plan: who asks when.
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
        """The run's own folder."""
        return self.out / "runs" / self.run_id


def run(request: Request) -> int:
    """Make the load, write it down, and ask the gate.

    Returns:
        The gate's exit code.

    Raises:
        ConfigurationError: the target does not allow it, or lacks what it needs.
        UnexpectedAnswerError: the target does not let the shoppers in.
        GeneratorError: the generator ended without a measurement.
    """
    job = _job(request)
    loads.begin(job.folder, job.run_id, _subject(job), _announced(job))
    print(f"load run {job.run_id}: {job.plan.profile} on {job.target.name}, up to "
          f"{job.plan.peak:,} users for {job.plan.seconds:.0f} s", flush=True)  # fmt: skip
    left = "not looked at"
    try:
        measured = _measured(job)
    finally:
        left = _cleaned_up(job)
    build = served_build(job.target).build
    loads.end(job.folder, build, measured, left, evidence.configured_key())
    return _judged(request, job.out)


def _job(request: Request) -> _Job:
    target = targets.load(request.target, places.targets(request.targets).path)
    policy = policies.load(places.policy(request.policy).path)
    run_id = evidence.new_run_id()
    plan = plans.make(
        request.profile, run_id, users=request.users, scale=request.scale,
        slow=policy.latency_limits["api"],
    )  # fmt: skip
    allowed.check(target)
    if missing := sorted(plans.needs() - target.capabilities):
        raise ConfigurationError(f"{target.name} lacks {', '.join(missing)}, which shoppers use")
    out = places.out(request.out, Path("out")).path
    return _Job(request, run_id, target, policy, plan, out)


def _subject(job: _Job) -> evidence.Subject:
    target = job.target
    return evidence.Subject(
        target=target.name, base_url=target.addresses.api, target_digest=target.digest,
        build=served_build(target).build, limits=job.policy.limits_digest,
    )  # fmt: skip


def _announced(job: _Job) -> dict[str, Any]:
    """What the record says before anything is measured."""
    peak = plans.peak_of(job.plan.profile, job.request.users)
    judged = [one for one in job.plan.phases if one.judged == ALL and one.users_at_end <= peak]
    return {
        "tool": TOOL, "profile": job.plan.profile,
        "plan": {
            "users": peak, "seconds": job.plan.seconds, "workers": job.request.workers,
            "judged_seconds": sum(one.end - one.start for one in judged), "seed": job.plan.seed,
        },
    }  # fmt: skip


def _measured(job: _Job) -> dict[str, Any]:
    plan = job.plan
    content = _content(job, _prepared(job))
    progress = Progress(plan.seconds)

    def told(now: dict[str, Any]) -> None:
        progress.show(
            now["at"],
            f"{max(0, now['at']):.0f} of {plan.seconds:.0f} s  {now['users']:,} users  "
            f"{now['done']:,} done  {now['failed']:,} failed",
        )

    soak = memory.watched(job.target, job.run_id, after=plan.phases[0].end, until=plan.seconds)
    with contextlib.ExitStack() as stack:
        readings = stack.enter_context(soak) if plan.profile == "soak" else []
        measured = measure(job.folder, content, job.target.addresses.api, told)
    progress.end()
    return {**measured, "memory": readings}


def _prepared(job: _Job) -> Shopping:
    users = job.plan.peak
    progress = Progress(users)
    shopping = prepare(
        job.target, job.run_id, users,
        lambda done: progress.show(done, f"{done:,} of {users:,} shoppers logged in"),
    )  # fmt: skip
    progress.end()
    return shopping


def _content(job: _Job, shopping: Shopping) -> dict[str, Any]:
    """What the generators read."""
    return {
        "plan": job.plan.as_json(), "workers": job.request.workers, "listen": job.request.listen,
        "base_url": job.target.addresses.api,
        "headers": headers(job.target, job.run_id, job.plan.seconds),
        "shoppers": shopping.shoppers, "products": shopping.products, "words": shopping.words,
        "journeys": plans.journeys(),
    }  # fmt: skip


def _cleaned_up(job: _Job) -> str:
    """Delete the run's data, twice: what was under way is written in between; what is left."""
    left = ""
    for _ in range(2):
        time.sleep(SETTLE_SECONDS)
        left = clean_up(job.target, job.run_id)
    return left


def _judged(request: Request, out: Path) -> int:
    """Ask the gate, as anybody would."""
    command = [sys.executable, "-m", "gates", "check", plans.stage_of(request.profile),
               "--target", request.target, "--out", str(out)]  # fmt: skip
    for option, value in (("--targets", request.targets), ("--policy", request.policy)):
        command += [option, value] if value else []
    code = subprocess.run(command, check=False).returncode
    return code if code >= 0 else int(ExitCode.INTERNAL)
