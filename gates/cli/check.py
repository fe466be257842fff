"""``gates check``: decide whether the release may go on past a stage."""

import argparse
import gc

from gates.cli.context import context_of
from gates.cli.decision_formats import chosen_formats
from gates.cli.printing import print_formats
from gates.decisions import decide_within, record
from gates.exitcodes import EXIT_CODES
from gates.model import Decision
from gates.process.progress import Progress


def check(arguments: argparse.Namespace) -> int:
    """Run ``gates check``: decide about a stage, append the decision to the ledger, then print it.

    Returns:
        The exit code of the decision.
    """
    gc.disable()  # the process ends before its garbage matters
    formats = chosen_formats(arguments.format, as_json=arguments.json)
    context = context_of(arguments)
    stage = context.stage(arguments.stage)
    progress = Progress(arguments.wait)

    def show(passed: float, decision: Decision) -> None:
        gc.enable()
        progress.show(passed, f"HOLD  {decision.reason[:100]}")

    answer = decide_within(context, stage, arguments.wait, show)
    progress.end()
    document = record(context, answer)
    print_formats(document, context.out, formats)
    return EXIT_CODES[answer.decision.outcome]
