"""Runs ``gates rehearse``: a release on a testbed of its own, with simulated shoppers.

day_of    the suites on green, the sign-offs, and the decision of the day of the deployment
faults    switches a fault on when green's share of the traffic reaches ``--at``
parts     runs the commands of the project as processes
shoppers  the process of the simulated shoppers
"""

import argparse
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

from gates import ledger, places
from gates.cli.ramp import plan_of, ramp_with
from gates.decisions import Context, ContextOptions, open_context
from gates.errors import ConfigurationError
from gates.evidence.run_folder import new_run_id
from gates.exitcodes import EXIT_CODES
from gates.model import Outcome
from gates.policy import schedule
from gates.policy import target_file as targets
from gates.process.signals import uninterrupted
from gates.ramp.real_world import router_of
from gates.release_report import ReportInput, announce
from rehearsal.day_of import ask_day_of, run_suites
from rehearsal.faults import FaultSwitch, ObservedRouter
from rehearsal.parts import run_command, say
from rehearsal.shoppers import shopping

SCHEDULE = places.INSTALLED / "policies" / "rehearsal.toml"
# One package of the suites, one of the testbed, and one of the load runs.
NEEDED = ("pytest", "uvicorn", "locust")
# Shoppers use blue for this time before the ramp begins, in seconds of the policy's time.
PAST_SECONDS = 375.0
# The ramp waits for the end of a hold for this time, in seconds of the policy's time.
HOLD_SECONDS = 300.0
MIN_PERCENT, MAX_PERCENT, PERCENT_STEP = 10, 100, 10
# With a fault, a rehearsal runs only the suite that the stages before the fault need.
SUITES_WITH_FAULT = "smoke"
SUITES_OF_DAY = "smoke or integration or platform"


def rehearse(arguments: argparse.Namespace) -> int:
    """Run a rehearsal.

    Args:
        arguments: the options of ``gates rehearse``.

    Returns:
        The exit code of the ramp, or of a decision before the ramp that is not GO.

    Raises:
        ConfigurationError: an option is wrong, or another rehearsal is under way.
    """
    _check_installed()
    began = time.monotonic()
    home = (places.out(arguments.out, Path("out")).path / "rehearsal").resolve()
    home.mkdir(parents=True, exist_ok=True)
    out = home / new_run_id()
    if not MIN_PERCENT <= arguments.at <= MAX_PERCENT or arguments.at % PERCENT_STEP:
        raise ConfigurationError(f"--at: expected 10, 20 … 100, got {arguments.at}")
    try:
        with ledger.locked(home, "rehearsal.lock", wait=False):
            out.mkdir()
            code = _rehearse(arguments, out)
    except BlockingIOError:
        raise ConfigurationError(
            f"another rehearsal is under way in {home}: wait for its end"
        ) from None
    say(f"rehearsal ended with exit code {code} after {time.monotonic() - began:.0f} s")
    return code


def _check_installed() -> None:
    """Refuse the rehearsal at the start where a needed package is missing.

    Raises:
        ConfigurationError: a package is missing; the message says what to install.
    """
    if missing := [name for name in NEEDED if find_spec(name) is None]:
        raise ConfigurationError(
            f"the rehearsal needs {', '.join(missing)}; run: "
            "pip install 'kirana-suites[testbed,load]', or make setup in a checkout"
        )


def _rehearse(arguments: argparse.Namespace, out: Path) -> int:
    world = out / "testbed"
    with _testbed(world, keep=arguments.keep):
        switch = FaultSwitch(world, arguments.fault or "", arguments.at / 100)
        switch.refuse_unknown()
        context = open_context(
            ContextOptions(
                "green",
                policy=arguments.policy,
                targets=str(world / "targets"),
                out=str(out),
                time_scale=arguments.time_scale,
            )
        )
        code = _before_the_ramp(arguments, context)
        if code == 0:
            return _ramp(arguments, context, switch)
        announce(lambda: ReportInput.of_context(context), say)
        return code


@contextmanager
def _testbed(world: Path, *, keep: bool) -> Iterator[None]:
    """A testbed that is up within the block.

    A signal that interrupts the start, or the end, of the testbed leaves no process behind.

    Args:
        world: the folder of the testbed.
        keep: whether the testbed stays up after the block.
    """
    say("starting a testbed: blue v4, green v5, HAProxy, database, Prometheus")
    is_up = False
    try:
        run_command("testbed", "--world", str(world), "up", "--ports", "free")
        is_up = True
        yield
    finally:
        if not (keep and is_up):
            with uninterrupted():
                run_command("testbed", "--world", str(world), "down")


def _before_the_ramp(arguments: argparse.Namespace, context: Context) -> int:
    """Run the suites; in a rehearsal without a fault, also ask the gate.

    Returns:
        The exit code; 0 where the ramp may begin.
    """
    if arguments.fault:
        run_suites(context, SUITES_WITH_FAULT)
        return 0
    run_suites(context, SUITES_OF_DAY)
    decision = ask_day_of(context, arguments.sign_as or "")
    if decision is None or decision.outcome is Outcome.GO:
        return 0
    return EXIT_CODES[decision.outcome]


def _ramp(arguments: argparse.Namespace, context: Context, switch: FaultSwitch) -> int:
    """Ramp with shoppers, and return the exit code; a rollback ends with a decision about blue."""
    baseline = targets.load("blue", context.targets)
    with shopping(arguments.users, switch.world, context.out) as shoppers:
        shoppers.wait_for_past(arguments.users, PAST_SECONDS / context.time_scale)
        collector = replace(context.collector, orders=shoppers.orders())
        context = replace(context, collector=collector)
        steps = _steps(schedule.load(SCHEDULE, context.policy, context.time_scale), arguments)
        plan = plan_of(context, baseline, steps, HOLD_SECONDS)
        router = ObservedRouter(router_of(context.target), switch)
        code = ramp_with(plan, context, baseline, router, as_json=False)
        shoppers.say_result(router)
    return code


def _steps(
    steps: tuple[schedule.Step, ...], arguments: argparse.Namespace
) -> tuple[schedule.Step, ...]:
    """Return all steps; with a fault, begin with the step before the share of ``--at``."""
    if not arguments.fault:
        return steps
    first = max(0.1, arguments.at / 100 - 0.1)
    return tuple(step for step in steps if step.share >= first - 1e-9)
