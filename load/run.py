"""One load run: accounts, the generator, the record, and the gate's judgement of it."""

import ipaddress
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from gates import evidence, loads, places
from gates import policy as policies
from gates import target as targets
from gates.errors import ConfigurationError
from gates.exitcodes import ExitCode
from gates.model import Policy, Target
from gates.sources.health import served_build
from load import plan as plans
from load.accounts import Shopping, calling, prepare
from load.generator import measure
from load.progress import Progress
from suites.client import UnexpectedAnswerError, exemption
from suites.ownership import clean_up
from suites.probes import total

TOOL = "load 1"
# P95: a few seconds in which more than so many answers were bad or late are troubled; one or two
# bad answers alone are not.
TROUBLED, ALONE, WINDOW = 0.05, 2, 5
# What was under way when the generator ended may still be written.
SETTLE_SECONDS = 1.0
MEMORY_READINGS = 60
METRIC, STARTED = "process_resident_memory_bytes", "process_start_time_seconds"


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


def run(request: Request) -> int:
    """Make the load, write it down, and ask the gate.

    Returns:
        The gate's exit code.

    Raises:
        ConfigurationError: the target does not allow it, or lacks what it needs.
        UnexpectedAnswerError: the target does not let the shoppers in.
        GeneratorError: the generator ended without a measurement.
    """
    target = targets.load(request.target, places.targets(request.targets).path)
    policy = policies.load(places.policy(request.policy).path)
    run_id = evidence.new_run_id()
    plan = plans.make(
        request.profile, run_id, users=request.users, scale=request.scale,
        slow=policy.latency_limits["api"],
    )  # fmt: skip
    _refuse(target, plan)
    out = places.out(request.out, Path("out")).path
    folder = out / "runs" / run_id
    _begin(folder, run_id, target, policy, plan, request)
    print(f"load run {run_id}: {plan.profile} on {target.name}, up to {plan.peak:,} users "
          f"for {plan.seconds:.0f} s", flush=True)  # fmt: skip
    left = "not looked at"
    try:
        measured = _measured(folder, run_id, target, plan, request)
    finally:
        left = _cleaned_up(target, run_id)
    build = served_build(target).build
    loads.end(folder, build, measured, left, evidence.configured_key())
    return _judged(request, out)


def _cleaned_up(target: Target, run_id: str) -> str:
    """Delete the run's data, twice: what was under way is written in between; what is left."""
    left = ""
    for _ in range(2):
        time.sleep(SETTLE_SECONDS)
        left = clean_up(target, run_id)
    return left


def _refuse(target: Target, plan: plans.Plan) -> None:
    """Nothing goes where it is not allowed to, nor where customers shop."""
    if target.production or "load" not in target.suites:
        allowed = ", ".join(sorted(target.suites))
        raise ConfigurationError(f"{target.name} does not allow load; it allows {allowed}")
    if plan.peak > plans.MOST_USERS or plan.seconds > plans.MOST_SECONDS:
        raise ConfigurationError(
            f"{plan.peak:,} users for {plan.seconds:,.0f} s: at most {plans.MOST_USERS:,} for "
            f"{plans.MOST_SECONDS:,.0f} s"
        )
    for phase in plan.phases:
        length = phase.end - phase.start
        if length < plans.LEAST_PHASE_SECONDS:
            raise ConfigurationError(
                f"{phase.name} would last {length:.1f} s: at least {plans.LEAST_PHASE_SECONDS:g} s"
            )
        if phase.users_at_end - phase.users_at_start > plans.SPAWNED_A_SECOND * length:
            raise ConfigurationError(
                f"{phase.name} would bring in more than {plans.SPAWNED_A_SECOND} users a second: "
                "take a larger --scale"
            )
    if target.loopback_sources and not _is_loopback(target.addresses.api):
        raise ConfigurationError(
            f"{target.name} takes loopback sources, but {target.addresses.api} is not on loopback"
        )
    if not target.loopback_sources and "exemption_key" not in target.secrets:
        raise ConfigurationError(
            f"no exemption_key for {target.name}: from one address the load would only meet the "
            "rate limit; set the variable its target file names"
        )


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        found = {entry[4][0] for entry in socket.getaddrinfo(host, None)}
    except OSError as error:
        raise ConfigurationError(f"{host}: {error}") from error
    return bool(found) and all(ipaddress.ip_address(one).is_loopback for one in found)


def _begin(  # noqa: PLR0913, PLR0917 - what a record begins with
    folder: Path, run_id: str, target: Target, policy: Policy, plan: plans.Plan, request: Request
) -> None:
    served = served_build(target)
    subject = evidence.Subject(
        target=target.name, base_url=target.addresses.api, target_digest=target.digest,
        build=served.build, limits=policy.limits_digest,
    )  # fmt: skip
    peak = plans.peak_of(plan.profile, request.users)
    judged = [
        one for one in plan.phases
        if one.judged == plans.ALL and max(one.users_at_start, one.users_at_end) <= peak
    ]  # fmt: skip
    content = {
        "tool": TOOL, "profile": plan.profile,
        "plan": {
            "users": peak, "seconds": plan.seconds, "workers": request.workers,
            "judged_seconds": sum(one.end - one.start for one in judged), "seed": plan.seed,
        },
    }  # fmt: skip
    loads.begin(folder, run_id, subject, content)


def _measured(
    folder: Path, run_id: str, target: Target, plan: plans.Plan, request: Request
) -> dict[str, Any]:
    shopping = _prepared(target, run_id, plan)
    content = _content(target, run_id, plan, shopping, request)
    progress = Progress(plan.seconds)

    def told(now: dict[str, Any]) -> None:
        progress.show(
            now["at"],
            f"{max(0, now['at']):.0f} of {plan.seconds:.0f} s  {now['users']:,} users  "
            f"{now['done']:,} done  {now['failed']:,} failed",
        )

    with _watching_memory(target, run_id, plan) as memory:
        measured = measure(folder, content, target.addresses.api, told)
    progress.end()
    measured["generator"]["workers_gone"] = measured.pop("workers_gone")
    return {
        **measured,
        "memory": memory,
        "recovery_seconds": recovery(plan, measured["bad_by_second"]),
    }


def _prepared(target: Target, run_id: str, plan: plans.Plan) -> Shopping:
    progress = Progress(plan.peak)
    shopping = prepare(
        target, run_id, plan.peak,
        lambda done: progress.show(done, f"{done:,} of {plan.peak:,} shoppers logged in"),
    )  # fmt: skip
    progress.end()
    return shopping


def _content(
    target: Target, run_id: str, plan: plans.Plan, shopping: Shopping, request: Request
) -> dict[str, Any]:
    headers = {"X-Kirana-Synthetic": run_id, "Accept": "application/json"}
    if not target.loopback_sources:
        headers["X-Kirana-Exemption"] = exemption(
            target.secrets["exemption_key"], time.time(), plan.seconds
        )
    return {
        "plan": plan.as_json(), "workers": request.workers, "listen": request.listen,
        "base_url": target.addresses.api,
        "headers": headers, "shoppers": shopping.shoppers, "products": shopping.products,
        "words": shopping.words, "journeys": plans.journeys(),
    }  # fmt: skip


@contextmanager
def _watching_memory(
    target: Target, run_id: str, plan: plans.Plan
) -> Iterator[list[tuple[float, float]]]:
    """Read the target's memory from its metrics, now and then, while a soak goes on."""
    readings: list[tuple[float, float]] = []
    starts: list[float | None] = []
    over = threading.Event()
    pause = max(1.0, plan.seconds / MEMORY_READINGS)

    def watch() -> None:
        at = 0.0
        with calling(target, run_id) as client:
            while not over.wait(pause):
                at += pause
                try:
                    text = str(client.ask("metrics").body)
                except UnexpectedAnswerError:
                    continue
                size, began = total(text, METRIC), total(text, STARTED)
                if starts and began != starts[0]:
                    # Started anew in the middle: what it had grown to is lost, nothing can be said.
                    readings.clear()
                    return
                starts.append(began)
                if size and at > plan.phases[0].end:
                    readings.append((round(at, 1), size))

    watcher = threading.Thread(target=watch, daemon=True)
    if plan.profile == "soak":
        watcher.start()
    try:
        yield readings
    finally:
        over.set()
        if watcher.ident:
            watcher.join()


def recovery(plan: plans.Plan, timeline: list[list[int]]) -> float | None:
    """For how long after a spike too many answers were bad or late, in seconds.

    Args:
        plan: has a phase named ``recovery``, or there was no spike: None.
        timeline: for each second, requests due and how many of them were bad.

    Returns:
        Until the last few seconds in which more than one in twenty was; those up to the end mean
        that it never recovered.
    """
    phase = next((one for one in plan.phases if one.name == "recovery"), None)
    if phase is None or len(timeline) < plan.seconds:
        return None
    start = int(phase.start)
    troubled = [
        second
        for second in range(start, len(timeline) - WINDOW + 1)
        if _is_troubled(timeline[second : second + WINDOW])
    ]
    return float(troubled[-1] + WINDOW - start) if troubled else 0.0


def _is_troubled(seconds: list[list[int]]) -> bool:
    due, bad = sum(one[0] for one in seconds), sum(one[1] for one in seconds)
    return bad > max(ALONE, TROUBLED * due)


def _judged(request: Request, out: Path) -> int:
    """Ask the gate, as anybody would."""
    command = [sys.executable, "-m", "gates", "check", plans.stage_of(request.profile),
               "--target", request.target, "--out", str(out)]  # fmt: skip
    for option, value in (("--targets", request.targets), ("--policy", request.policy)):
        command += [option, value] if value else []
    code = subprocess.run(command, check=False).returncode
    return code if code >= 0 else int(ExitCode.INTERNAL)
