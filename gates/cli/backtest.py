"""``gates backtest``: judge recordings as if they were live."""

import argparse
import json
import sys
from pathlib import Path

from gates import places
from gates.backtest import recording
from gates.backtest.replay import Replay, replay
from gates.model import Outcome
from gates.policy import policy_file as policy

# From the best answer to the worst.
ORDER = (Outcome.GO, Outcome.HOLD, Outcome.NO_GO, Outcome.ROLLBACK)


def backtest(arguments: argparse.Namespace) -> int:
    """``gates backtest``: print what the judge would have decided.

    Returns:
        The exit code of the worst answer.
    """
    from gates.exitcodes import EXIT_CODES

    loaded = policy.load(places.policy(arguments.policy).path)
    worst = Outcome.GO
    for name in arguments.recordings:
        result = replay(recording.read(Path(name)), loaded)
        worst = max(worst, result.decision, key=ORDER.index)
        print(_json(name, result) if arguments.json else _text(name, result))
        sys.stdout.flush()
    return EXIT_CODES[worst]


def _json(name: str, result: Replay) -> str:
    steps = [
        {"weight": step.weight, "t": step.t, "decision": step.decision.value, "reason": step.reason}
        for step in result.steps
    ]
    content = {
        "file": name,
        "stopped_at": result.stopped_at,
        "decision": result.decision.value,
        "reason": result.reason,
        "left_out": list(result.left_out),
        "steps": steps,
    }
    return json.dumps(content)


def _text(name: str, result: Replay) -> str:
    lines = [f"{name}: {result.decision.value}: {result.reason}"]
    if result.stopped_at is not None:
        lines.append(f"  stopped at {result.stopped_at:.0f} s")
    lines += [
        f"  {100 * step.weight:3g} % at {step.t:6.0f} s  {step.decision.value}  {step.reason}"
        for step in result.steps
    ]
    if result.left_out:
        names = ", ".join(result.left_out)
        lines.append(f"  not judged, because the recording has no evidence for: {names}")
    return "\n".join(lines)
