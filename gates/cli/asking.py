"""``gates check`` and ``gates watch``: one question, or one after the other."""

import argparse
import gc
import os
import shlex
import sys
import time
from pathlib import Path
from typing import Any

from gates import places
from gates.asking import Options, Setting, ask, setting, write_down
from gates.conditions.timeline import moves
from gates.exitcodes import EXIT_CODES, ExitCode
from gates.model import (
    Decision,
    Evidence,
    Measured,
    Outcome,
    ShareObjective,
    Stage,
    TriggerObjective,
)
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
    written = write_down(asked, stage, decision, evidence)
    give(written, decision, asked.out, as_json=arguments.json)
    return EXIT_CODES[decision.outcome]


def give(written: dict[str, Any], decision: Decision, out: Path, *, as_json: bool) -> None:
    """Print a decision that is in the ledger of the folder ``out``."""
    if as_json:
        print(document.as_text(written))
    else:
        explain = explain_command(out, written["id"])
        print(terminal.decision(decision, written["id"], colours=colours(), explain=explain))
    sys.stdout.flush()


def explain_command(out: Path, entry_id: str) -> str:
    """The command that explains a decision in the ledger of a folder, to be typed as it is."""
    usual = places.out(None, Path("out")).path
    place = "" if out == usual else f" --out {shlex.quote(str(out))}"
    return f"gates explain {entry_id}{place}"


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
    from gates.cli import orphans

    asked = setting(options_of(arguments))
    steps = [one for one in asked.policy.stages if one.share is not None and _triggers(one)]
    if not steps:
        sys.stderr.write("watch: the policy has no stage with a share and a rollback trigger\n")
        return ExitCode.HOLD
    began, progress = time.monotonic(), Progress(arguments.duration)
    stage, abandoned = steps[0], False
    folder = places.targets(arguments.targets).path
    while True:
        found = orphans.deal_with(asked, arguments.baseline, folder)
        abandoned = abandoned or found is not orphans.Found.NOTHING
        decision, evidence = ask(asked, stage)
        passed = time.monotonic() - began
        stops = decision.outcome in STOPS
        given_back = found is orphans.Found.ROLLED_BACK
        if stops or given_back or passed >= arguments.duration:
            progress.end()
            written = write_down(asked, stage, decision, evidence)
            give(written, decision, asked.out, as_json=arguments.json)
            if stops:
                return EXIT_CODES[decision.outcome]
            return _watched_code(stage, decision, abandoned=abandoned, given_back=given_back)
        progress.show(passed, f"{stage.name}: {_watched(stage, decision)}")
        stage = _stage_of_now(steps, evidence, stage)
        time.sleep(min(every(asked), max(0.0, arguments.duration - passed)))


def _watched_code(stage: Stage, decision: Decision, *, abandoned: bool, given_back: bool) -> int:
    """The exit code where no trigger holds."""
    if given_back:
        return ExitCode.INTERNAL
    return ExitCode.HOLD if abandoned or _blind(stage, decision) else ExitCode.GO


def _stage_of_now(steps: list[Stage], evidence: Evidence, present: Stage) -> Stage:
    """The stage of the share that green has by now."""
    share = next(one for one in present.objectives if isinstance(one, ShareObjective))
    known, _ = moves(share, evidence)
    for stage in steps:
        if known and stage.share is not None and abs(stage.share - known[-1].share) <= SAME:
            return stage
    return present


def _triggers(stage: Stage) -> frozenset[str]:
    """The names of the stage's rollback triggers."""
    return frozenset(one.name for one in stage.objectives if isinstance(one, TriggerObjective))


def _blind(stage: Stage, decision: Decision) -> bool:
    """Whether a trigger could not be seen at the end: then nothing was watched."""
    wanted = _triggers(stage)
    seen = {one.objective for one in decision.findings if one.measured is Measured.OK}
    return not wanted or not wanted <= seen


def _watched(stage: Stage, decision: Decision) -> str:
    """The triggers' sentences, short."""
    wanted = _triggers(stage)
    return "; ".join(one.sentence for one in decision.findings if one.objective in wanted)[:160]
