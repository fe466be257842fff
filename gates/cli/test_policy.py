"""``gates test-policy``: compare the decisions on recordings with the expected decisions."""

import argparse
from pathlib import Path

from gates import places
from gates.backtest import recording_file
from gates.backtest.replay import replay
from gates.errors import ConfigurationError
from gates.exitcodes import ExitCode
from gates.model import Outcome, Policy
from gates.policy import policy_file as policy
from gates.policy.toml_table import Table
from gates.policy.toml_table import read as read_table


def test_policy(arguments: argparse.Namespace) -> int:
    """Run ``gates test-policy``: print whether each recording gives the expected decision.

    Returns:
        1 where a decision is not the expected decision, else 0.
    """
    loaded = policy.load(places.policy(arguments.policy).path)
    path = Path(arguments.cases)
    top, _ = read_table(path)
    failed = 0
    names = top.left()
    if not names:
        raise ConfigurationError(f"{path}: the file has no cases; add a table for each recording")
    for name in names:
        case = top.table(name)
        problem = _problem(path, case, loaded)
        case.end()
        failed += bool(problem)
        print(f"FAIL    {name}: {problem}" if problem else f"ok    {name}")
    print(f"{len(names) - failed} of {len(names)} cases give the expected decision")
    return ExitCode.NO_GO if failed else ExitCode.GO


def _problem(path: Path, case: Table, loaded: Policy) -> str:
    """Return how the decision differs from the expected decision; empty for the same decision."""
    expected = case.text("decision")
    if expected not in [outcome.value for outcome in Outcome]:
        raise case.error("decision", "expected go, hold, no_go or rollback")
    limit = case.number("stopped_by", 0, 1e7) if "stopped_by" in case.left() else None
    result = replay(
        recording_file.read(path.parent / case.text("recording"), loaded.indicators), loaded
    )
    if result.decision.value != expected:
        return f"expected {expected}, got {result.decision.value}: {result.reason}"
    if limit is not None and (result.stopped_at is None or result.stopped_at > limit):
        stop = "no stop" if result.stopped_at is None else f"a stop at {result.stopped_at:.1f} s"
        return f"expected a stop by {limit:g} s, got {stop}"
    return ""
