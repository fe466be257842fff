"""``gates test-policy``: recordings must give the decisions that are expected of them."""

import argparse
from pathlib import Path

from gates import places
from gates.backtest import recording
from gates.backtest.replay import replay
from gates.errors import ConfigurationError
from gates.exitcodes import ExitCode
from gates.model import Outcome, Policy
from gates.policy import policy_file as policy
from gates.policy.toml_table import Table
from gates.policy.toml_table import read as read_table


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
