"""``gates backtest``: judge recordings as if they were live."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from gates import places
from gates.backtest import recording
from gates.backtest.replay import Replay, replay
from gates.model import Outcome
from gates.policy import policy_file as policy


def backtest(arguments: argparse.Namespace) -> int:
    """``gates backtest``: what the judge would have done; the worst answer's exit code."""
    from gates.exitcodes import EXIT_CODES

    loaded = policy.load(places.policy(arguments.policy).path)
    worst = Outcome.GO
    order = [Outcome.GO, Outcome.HOLD, Outcome.NO_GO, Outcome.ROLLBACK]
    for name in arguments.recordings:
        result = replay(recording.read(Path(name)), loaded)
        worst = max(worst, result.decision, key=order.index)
        print(json.dumps(_document(name, result)) if arguments.json else _text(name, result))
        sys.stdout.flush()
    return EXIT_CODES[worst]


def _document(name: str, result: Replay) -> dict[str, Any]:
    return {
        "file": name, "stopped_at": result.stopped_at, "decision": result.decision.value,
        "reason": result.reason, "left_out": list(result.left_out),
        "steps": [{"weight": one.weight, "t": one.t, "decision": one.decision.value,
                   "reason": one.reason} for one in result.steps],
    }  # fmt: skip


def _text(name: str, result: Replay) -> str:
    lines = [f"{name}: {result.decision.value}: {result.reason}"]
    if result.stopped_at is not None:
        lines.append(f"  stopped at {result.stopped_at:.0f} s")
    lines += [
        f"  {100 * one.weight:3g} % at {one.t:6.0f} s  {one.decision.value}  {one.reason}"
        for one in result.steps
    ]
    if result.left_out:
        lines.append(
            f"  not judged, for a recording does not hold it: {', '.join(result.left_out)}"
        )
    return "\n".join(lines)
