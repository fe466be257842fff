"""``gates check`` and ``gates watch``: one question, or one after the other."""

import argparse
import gc
import os
import sys
import time
from typing import Any

from gates.asking import Options, Setting, ask, setting, write_down
from gates.conditions.timeline import moves
from gates.errors import ConfigurationError
from gates.exitcodes import EXIT_CODES, ExitCode
from gates.model import Decision, Evidence, Measured, Outcome, ShareObjective, Stage
from gates.progress import Progress
from reports import document, terminal

STOPS = (Outcome.NO_GO, Outcome.ROLLBACK)
# As often as Prometheus scrapes by default, in seconds of the policy's time.
EVERY_SECONDS = 15.0
LEAST_SECONDS = 0.5
SAME = 0.005


def options_of(arguments: argparse.Namespace) -> Options:
    """The setting's part of a command line."""
    return Options(
        target=arguments.target,
        policy=arguments.policy,
        targets=arguments.targets,
        runs=getattr(arguments, "runs", None),
        out=arguments.out,
        time_scale=getattr(arguments, "time_scale", 1.0),
    )


def check(arguments: argparse.Namespace) -> int:
    """``gates check STAGE --target NAME``: judge, write it down, then say it."""
    gc.disable()  # a question is over before its garbage matters
    asked = setting(options_of(arguments))
    stage = asked.stage(arguments.stage)
    decision, evidence = ask(asked, stage)
    if arguments.wait:
        decision, evidence = _waited(asked, stage, arguments.wait, (decision, evidence))
    give(write_down(asked, stage, decision, evidence), decision, as_json=arguments.json)
    return EXIT_CODES[decision.outcome]


def give(written: dict[str, Any], decision: Decision, *, as_json: bool) -> None:
    """Print a decision that is in the ledger."""
    if as_json:
        print(document.as_text(written))
    else:
        print(terminal.decision(decision, written["id"], colours=colours()))
    sys.stdout.flush()


def colours() -> bool:
    """Whether to colour what is printed."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def every(asked: Setting) -> float:
    """Seconds between two questions."""
    return max(LEAST_SECONDS, EVERY_SECONDS / asked.time_scale)


def _waited(
    asked: Setting, stage: Stage, seconds: float, first: tuple[Decision, Evidence]
) -> tuple[Decision, Evidence]:
    """Ask until it is decided or the time is over."""
    gc.enable()
    began, progress, latest = time.monotonic(), Progress(seconds), first
    while latest[0].outcome is Outcome.HOLD and time.monotonic() - began < seconds:
        progress.show(time.monotonic() - began, f"HOLD  {latest[0].reason[:100]}")
        time.sleep(min(every(asked), max(0.0, seconds - (time.monotonic() - began))))
        latest = ask(asked, stage)
    progress.end()
    return latest


def watch(arguments: argparse.Namespace) -> int:
    """``gates watch``: ask the stage of the present share until a trigger holds or time is over."""
    asked = setting(options_of(arguments))
    steps = [one for one in asked.policy.stages if one.name.startswith("ramp-")]
    if not steps:
        raise ConfigurationError("the policy has no stage ramp-…, so there is nothing to watch")
    began, progress = time.monotonic(), Progress(arguments.duration)
    stage = steps[0]
    while True:
        decision, evidence = ask(asked, stage)
        if decision.outcome in STOPS:
            progress.end()
            give(write_down(asked, stage, decision, evidence), decision, as_json=arguments.json)
            return EXIT_CODES[decision.outcome]
        passed = time.monotonic() - began
        if passed >= arguments.duration:
            progress.end()
            give(write_down(asked, stage, decision, evidence), decision, as_json=arguments.json)
            return ExitCode.GO if not _blind(decision) else ExitCode.HOLD
        progress.show(passed, f"{stage.name}: {_watched(decision)}")
        stage = _stage_of_now(steps, evidence, stage)
        time.sleep(every(asked))


def _stage_of_now(steps: list[Stage], evidence: Evidence, present: Stage) -> Stage:
    """The stage of the share that green has by now."""
    share = next(one for one in present.objectives if isinstance(one, ShareObjective))
    known, _ = moves(share, evidence)
    for stage in steps:
        if known and stage.share is not None and abs(stage.share - known[-1].share) <= SAME:
            return stage
    return present


def _blind(decision: Decision) -> bool:
    """Whether a trigger could not be seen at the end: then nothing was watched."""
    return any(
        one.measured is not Measured.OK and one.objective.endswith("-trigger")
        for one in decision.findings
    )


def _watched(decision: Decision) -> str:
    """The triggers' sentences, short."""
    told = [one.sentence for one in decision.findings if one.objective.endswith("-trigger")]
    return "; ".join(told)[:160]
