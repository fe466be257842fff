"""``gates rehearse``: a whole ramp on a testbed of its own, with real shoppers and real parts."""

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import suites
from gates import ledger, places
from gates.cli.ramp import plan_of, ramp_with
from gates.decisions import ContextOptions, open_context
from gates.errors import ConfigurationError, RehearsalError, UnknownNameError
from gates.evidence.run_folder import new_run_id
from gates.policy import schedule
from gates.policy import target_file as targets
from gates.process.progress import Progress
from gates.ramp.real_world import router_of
from gates.routers import TrafficRouter

SCHEDULE = places.INSTALLED / "policies" / "rehearsal.toml"
SUITES = Path(suites.__file__).parent
# A package of each extra: the suites', the testbed's and the load runs'.
NEEDED = ("pytest", "uvicorn", "locust")
# Blue's past before the ramp begins, in seconds of the policy's time.
PAST_SECONDS = 375.0
WAIT_SECONDS = 150.0
STOP_SECONDS = 20.0
SHOPS_SECONDS = 900.0
# A hold is waited on for so long, in seconds of the policy's time.
HOLD_SECONDS = 300.0
PART_SECONDS = 120


@dataclass(slots=True)
class Watched:
    """A router that notes when it moved what, and switches the fault on at its step.

    Args:
        inner: the real one.
        stage: where and when the fault is switched on.
    """

    inner: TrafficRouter
    stage: "Staged"
    zero_at: float | None = None

    def shares(self) -> Mapping[str, float]:
        """Each slot's share now."""
        return self.inner.shares()

    def move(self, shares: Mapping[str, float]) -> None:
        """Move the traffic."""
        self.inner.move(shares)
        if shares.get("green") == 0:
            self.zero_at = time.time()
        elif shares.get("green", 0) >= self.stage.at - 1e-9:
            self.stage.switch_on()


@dataclass(slots=True)
class Staged:
    """The fault of a rehearsal.

    Args:
        world: the testbed's folder.
        fault: its name, or empty.
        at: green's share at which it is switched on, 0 to 1.
    """

    world: Path
    fault: str
    at: float
    on_at: float | None = None

    def switch_on(self) -> None:
        """Switch it on, once."""
        if self.fault and self.on_at is None:
            self.on_at = time.time()
            _run("testbed", "--world", str(self.world), "fault", "on", self.fault, "--on", "green")
            _say(f"fault {self.fault} is on")


@dataclass(slots=True)
class Shoppers:
    """The shoppers' process and what it says."""

    process: subprocess.Popen[bytes]
    folder: Path
    last: dict[str, Any] = field(default_factory=dict)

    def look(self) -> dict[str, Any]:
        """How it goes; empty before it begins."""
        for path in self.folder.glob("*/shopping.json"):
            with contextlib.suppress(OSError, ValueError):
                self.last = json.loads(path.read_text())
        if self.process.poll() is not None:
            raise RehearsalError(f"the shoppers are gone; see {self.folder}")
        return self.last


def rehearse(arguments: argparse.Namespace) -> int:
    """``gates rehearse``: the ramp's exit code."""
    _check_installed()
    began = time.monotonic()
    home = (places.out(arguments.out, Path("out")).path / "rehearsal").resolve()
    home.mkdir(parents=True, exist_ok=True)
    out = home / new_run_id()
    if not 10 <= arguments.at <= 100 or arguments.at % 10:  # noqa: PLR2004 - the steps there are
        raise ConfigurationError(f"--at: expected 10, 20 … 100, got {arguments.at}")
    try:
        with ledger.locked(home, "rehearsal.lock", wait=False):
            out.mkdir()
            code = _rehearse(arguments, out)
    except BlockingIOError:
        raise ConfigurationError(f"another rehearsal is under way in {home}") from None
    _say(f"rehearsal ended with exit code {code} after {time.monotonic() - began:.0f} s")
    return code


def _check_installed() -> None:
    """Refuse at the start what would fail in the middle.

    Raises:
        ConfigurationError: a package is missing; the message says what to install.
    """
    if missing := [name for name in NEEDED if find_spec(name) is None]:
        raise ConfigurationError(
            f"the rehearsal needs {', '.join(missing)}; type: "
            "pip install 'kirana-suites[testbed,load]', or make setup in a checkout"
        )


def _rehearse(arguments: argparse.Namespace, out: Path) -> int:
    world = out / "testbed"
    _say("starting a testbed: blue v4, green v5, HAProxy, database, Prometheus")
    _run("testbed", "--world", str(world), "up", "--ports", "free")
    try:
        staged = Staged(world, arguments.fault or "", arguments.at / 100)
        if arguments.fault:
            _check_fault(world, arguments.fault)
        context = open_context(
            ContextOptions(
                "green", policy=arguments.policy, targets=str(world / "targets"), out=str(out),
                time_scale=arguments.time_scale,
            )
        )  # fmt: skip
        baseline = targets.load("blue", world / "targets")
        _say("smoke suite on green")
        _run(
            "pytest", str(SUITES), "-m", "smoke", "--target", "green",
            f"--targets={world / 'targets'}", f"--out={out}", "-q", "-p", "no:cacheprovider",
            "-p", "no:locust",
        )  # fmt: skip
        with _shopping(arguments.users, world, out) as shoppers:
            _wait_for_past(shoppers, arguments.users, PAST_SECONDS / context.time_scale)
            steps = _steps(schedule.load(SCHEDULE, context.policy, context.time_scale), arguments)
            plan = plan_of(context, baseline, steps, HOLD_SECONDS)
            router = Watched(router_of(context.target), staged)
            code = ramp_with(plan, context, baseline, router, as_json=False)
            _report(shoppers, router, staged)
        return code
    finally:
        if not arguments.keep:
            _run("testbed", "--world", str(world), "down")


def _steps(
    steps: tuple[schedule.Step, ...], arguments: argparse.Namespace
) -> tuple[schedule.Step, ...]:
    """All of them, or from one before the fault's."""
    if not arguments.fault:
        return steps
    first = max(0.1, arguments.at / 100 - 0.1)
    return tuple(one for one in steps if one.share >= first - 1e-9)


def _check_fault(world: Path, name: str) -> None:
    """An unknown fault is a mistake now, not in the middle of a ramp."""
    known = _run("testbed", "--world", str(world), "fault", "list")
    names = [line.split()[0] for line in known.splitlines() if line.strip()]
    if name not in names:
        raise UnknownNameError("fault", name, names, "the testbed")


@contextlib.contextmanager
def _shopping(users: int, world: Path, out: Path) -> Iterator[Shoppers]:
    """Shoppers at the public edge, ended at the end."""
    with (out / "shoppers.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "load", "shop", "--target", "green", "--users", str(users),
             "--duration", str(SHOPS_SECONDS), "--targets", str(world / "targets"),
             "--out", str(out)],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    try:
        yield Shoppers(process, out / "shopping")
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        os.kill(process.pid, signal.SIGTERM)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _wait_for_past(shoppers: Shoppers, users: int, seconds: float) -> None:
    """Everybody shops, and blue has a past to compare with."""
    progress, until = Progress(seconds), time.monotonic() + WAIT_SECONDS
    since: float | None = None
    while since is None or time.monotonic() - since < seconds:
        seen = shoppers.look()
        if since is None and seen.get("users", 0) >= users:
            since = time.monotonic()
        if time.monotonic() > until:
            raise RehearsalError(f"only {seen.get('users', 0)} of {users} shoppers came")
        passed = 0.0 if since is None else time.monotonic() - since
        progress.show(passed, f"{seen.get('users', 0)} shoppers, {seen.get('done', 0):,} requests")
        time.sleep(0.5)
    progress.end()


def _report(shoppers: Shoppers, router: Watched, staged: Staged) -> None:
    """What the shoppers went through."""
    time.sleep(1.5)
    seen = shoppers.look()
    done, failed = seen.get("done", 0), seen.get("failed", 0)
    _say(f"shoppers: {done + failed:,} requests, {failed:,} failed")
    first = seen.get("first_failed_at")
    if staged.on_at and router.zero_at:
        _say(f"from the fault to no traffic on green: {router.zero_at - staged.on_at:.1f} s")
    if first and router.zero_at and first < router.zero_at:
        _say(
            f"from the first failed request to no traffic on green: {router.zero_at - first:.1f} s"
        )


def _run(*command: str) -> str:
    """Run one of our commands; its output.

    Raises:
        RehearsalError: it failed.
    """
    done = subprocess.run(
        [sys.executable, "-m", *command], capture_output=True, text=True, check=False,
        timeout=PART_SECONDS, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip())[-600:]
        raise RehearsalError(f"{' '.join(command[:4])}: exit {done.returncode}: {said}")
    return done.stdout


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()
