"""``gates record``, ``backtest`` and ``test-policy``: ramps kept, and judged again."""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

from gates import places, policy
from gates import target as targets
from gates.backtest import Replay, replay
from gates.cli.ramping import router_of
from gates.errors import ConfigurationError, RouterError
from gates.exitcodes import ExitCode
from gates.fetching import get
from gates.model import Outcome, Policy, Target
from gates.progress import Progress
from gates.routers import TrafficRouter
from gates.sources import recording
from gates.table import Table
from gates.table import read as read_table

SCRAPE_SECONDS = 5.0
MOST_BYTES = 20_000_000
OK = 200
# Held back until the ramp begins, which is what time is counted from.
MOST_HELD = 400_000_000


def record(arguments: argparse.Namespace) -> int:
    """``gates record``: what both colours export, and the weights, until interrupted."""
    folder = places.targets(arguments.targets).path
    colours = [targets.load(name, folder) for name in (arguments.target, arguments.baseline)]
    router = router_of(colours[0])
    writer = _Writer(time.time(), begun=router.shares().get(colours[0].slot, 0) > 0)
    progress, began = Progress(arguments.duration), time.monotonic()
    try:
        while (passed := time.monotonic() - began) < arguments.duration:
            _look(writer, router, colours)
            progress.show(passed, f"{writer.lines:,} lines, {'ramp' if writer.begun else 'before'}")
            time.sleep(
                max(
                    0.0,
                    began + (passed // arguments.every + 1) * arguments.every - time.monotonic(),
                )
            )
    except KeyboardInterrupt:
        pass
    finally:
        progress.end()
        writer.flush()
    return ExitCode.GO


class _Writer:
    """Writes lines with times counted from the ramp's beginning.

    Args:
        now: seconds since the epoch.
        begun: whether a ramp is under way already; then time counts from now.
    """

    def __init__(self, now: float, *, begun: bool) -> None:
        self.begun, self.lines = begun, 0
        self._zero, self._share = now, -1.0
        self._held: list[dict[str, Any]] = []
        self._size = 0
        if begun:
            sys.stderr.write("record: a ramp is under way; time counts from now\n")

    def weight(self, at: float, share: float) -> None:
        """Green has this share; written when it is another."""
        if share == self._share:
            return
        if share > 0 and not self.begun:
            self.begun, self._zero = True, at
            self.flush()
        self._share = share
        self.write({"t": at, "weight": {"green": share}})

    def write(self, line: dict[str, Any]) -> None:
        """One line, now or when the ramp begins."""
        self.lines += 1
        if self.begun:
            self._print(line)
            return
        self._size += len(line.get("text", "")) + 100
        if self._size > MOST_HELD:
            raise ConfigurationError(
                "the ramp has not begun, and too much is held back: record later"
            )
        self._held.append(line)

    def flush(self) -> None:
        """What was held back."""
        if not self.begun and self._held:
            self._zero = self._held[-1]["t"]
        for line in self._held:
            self._print(line)
        self._held = []

    def _print(self, line: dict[str, Any]) -> None:
        sys.stdout.write(json.dumps({**line, "t": round(line["t"] - self._zero, 3)}) + "\n")
        sys.stdout.flush()


def _look(writer: _Writer, router: TrafficRouter, colours: list[Target]) -> None:
    """One look at the weights and at both colours."""
    try:
        writer.weight(time.time(), router.shares().get(colours[0].slot, 0.0))
    except RouterError as error:
        sys.stderr.write(f"record: {error}\n")
    for name, colour in zip(("green", "blue"), colours, strict=True):
        at = time.time()
        answer = get(
            f"{colour.addresses.api}/metrics", seconds=SCRAPE_SECONDS, most_bytes=MOST_BYTES
        )
        line = {"t": at, "target": name, "instance": colour.addresses.api.partition("//")[2]}
        if answer.problem or answer.status != OK:
            writer.write({**line, "error": answer.problem or f"status {answer.status}"})
        else:
            writer.write({**line, "text": answer.body.decode(errors="replace")})


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


def test_policy(arguments: argparse.Namespace) -> int:
    """``gates test-policy FILE``: each recording gives the decision that is expected of it."""
    loaded = policy.load(places.policy(arguments.policy).path)
    path = Path(arguments.cases)
    top, _ = read_table(path)
    failed = 0
    names = top.left()
    if not names:
        raise ConfigurationError(f"{path}: no cases")
    for name in names:
        case = top.table(name)
        said = _case(path, case, loaded)
        case.end()
        failed += bool(said)
        print(f"{'FAIL' if said else 'ok'}    {name}{': ' + said if said else ''}")
    print(f"{len(names) - failed} of {len(names)} cases give what is expected")
    return ExitCode.NO_GO if failed else ExitCode.GO


def _case(path: Path, case: Table, loaded: Policy) -> str:
    """What is wrong with a case's result; empty for nothing."""
    expected = case.text("decision")
    if expected not in [one.value for one in Outcome]:
        raise case.error("decision", "expected go, hold, no_go or rollback")
    by = case.number("stopped_by", 0, 1e7) if "stopped_by" in case.left() else None
    result = replay(recording.read(path.parent / case.text("recording")), loaded)
    if result.decision.value != expected:
        return f"expected {expected}, got {result.decision.value}: {result.reason}"
    if by is not None and (result.stopped_at is None or result.stopped_at > by):
        return f"expected a stop by {by:g} s, got {result.stopped_at}"
    return ""
