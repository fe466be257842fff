"""``gates backtest``: judge recordings of metrics as if the metrics were live."""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from gates import places
from gates.backtest import recording_file
from gates.backtest.replay import Replay, replay
from gates.model import Outcome
from gates.policy import policy_file as policy

# From the best answer to the worst.
ORDER = (Outcome.GO, Outcome.HOLD, Outcome.NO_GO, Outcome.ROLLBACK)


def backtest(arguments: argparse.Namespace) -> int:
    """Run ``gates backtest``: print the decision that the gate would have made on each recording.

    Returns:
        The exit code of the worst decision.
    """
    from gates.exitcodes import EXIT_CODES

    loaded = policy.load(places.policy(arguments.policy).path)
    worst, today = Outcome.GO, datetime.now(UTC)
    results: dict[str, Replay] = {}
    for name in arguments.recordings:
        recorded = recording_file.read(Path(name), loaded.indicators)
        result = results[name] = replay(recorded, loaded, today)
        worst = max(worst, result.decision, key=ORDER.index)
        print(_json(name, result) if arguments.json else _text(name, result))
        sys.stdout.flush()
    if not arguments.json:
        for line in _trial_lines(results):
            print(line)
        sys.stdout.flush()
    return EXIT_CODES[worst]


def _trial_lines(results: Mapping[str, Replay]) -> Iterator[str]:
    """Yield how often each advisory objective would have stopped or held a recorded ramp."""
    names = dict.fromkeys(name for result in results.values() for name in result.trials)
    for name in names:
        trials = [result.trials[name] for result in results.values() if name in result.trials]
        stops = sum(trial.stopped_at is not None for trial in trials)
        holds = sum(trial.stopped_at is None and trial.holds > 0 for trial in trials)
        yield (
            f"the advisory objective {name} would have stopped {stops} and held {holds} of the "
            f"{len(trials)} recordings in which it was judged"
        )


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
        "advisory": {
            name: {"stopped_at": trial.stopped_at, "holds": trial.holds, "passes": trial.passes}
            for name, trial in result.trials.items()
        },
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
        lines.append(f"  objectives without evidence, not judged at one or more steps: {names}")
    for objective, trial in result.trials.items():
        stopped = "" if trial.stopped_at is None else f"stops at {trial.stopped_at:.0f} s, "
        lines.append(
            f"  advisory, not counted: {objective}: {stopped}{trial.holds} holds and "
            f"{trial.passes} passes at the ends of steps"
        )
    return "\n".join(lines)
