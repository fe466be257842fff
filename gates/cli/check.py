"""``gates check``: ask whether the release may go on past a stage."""

import argparse
import gc
import time

from gates.cli.options import context_of, poll_seconds
from gates.cli.printing import print_decision
from gates.decisions import Context, decide, record
from gates.exitcodes import EXIT_CODES
from gates.model import Decision, Evidence, Outcome, Stage
from gates.process.progress import Progress


def check(arguments: argparse.Namespace) -> int:
    """``gates check STAGE --target NAME``: judge, write it down, then say it."""
    gc.disable()  # a question is over before its garbage matters
    context = context_of(arguments)
    stage = context.stage(arguments.stage)
    decision, evidence = decide(context, stage)
    if arguments.wait:
        decision, evidence = _waited(context, stage, arguments.wait, (decision, evidence))
    written = record(context, stage, decision, evidence)
    print_decision(written, decision, context.out, as_json=arguments.json)
    return EXIT_CODES[decision.outcome]


def _waited(
    context: Context, stage: Stage, seconds: float, first: tuple[Decision, Evidence]
) -> tuple[Decision, Evidence]:
    """Ask until it is decided or the time is over."""
    gc.enable()
    began, progress, latest = time.monotonic(), Progress(seconds), first
    while latest[0].outcome is Outcome.HOLD and time.monotonic() - began < seconds:
        progress.show(time.monotonic() - began, f"HOLD  {latest[0].reason[:100]}")
        time.sleep(min(poll_seconds(context), max(0.0, seconds - (time.monotonic() - began))))
        latest = decide(context, stage)
    progress.end()
    return latest
