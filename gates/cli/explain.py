"""``gates explain``: judge a decision again, and show what it rests on."""

import argparse
from pathlib import Path
from typing import Any

from gates import decisions, ledger, places
from gates.cli.printing import colours
from gates.errors import UnknownNameError
from gates.exitcodes import ExitCode
from gates.model import Decision
from reports import charts, terminal

SHOWN = 20


def explain(arguments: argparse.Namespace) -> int:
    """``gates explain ID``: the decision, judged again from what it rested on."""
    out = places.out(arguments.out, Path("out")).path
    entry = _entry(out, arguments.id)
    digest = str(entry.content.get("evidence", ""))
    _, evidence, decision = decisions.judge_again(out, digest)
    print(terminal.decision(decision, entry.entry_id, colours=colours()))
    for line in charts.of_evidence(evidence):
        print(line)
    return _compared(entry.content, decision)


def _entry(out: Path, wanted: str) -> ledger.Entry:
    """The decision with this id, or whose id begins so."""
    decisions = [one for one in ledger.entries(out) if one.content.get("kind") == "decision"]
    found = [one for one in decisions if one.entry_id.startswith(wanted)]
    if len(found) != 1:
        names = [one.entry_id for one in decisions[-SHOWN:]]
        raise UnknownNameError("decision", wanted, names, str(out / ledger.FILE))
    return found[0]


def _compared(written: dict[str, Any], decision: Decision) -> int:
    """Whether it comes out as it did then."""
    same = (written.get("decision"), written.get("reason")) == (
        decision.outcome.value, decision.reason,
    )  # fmt: skip
    if same:
        print("judged again from its evidence: the same decision")
        return ExitCode.GO
    print(
        f"judged again from its evidence it is {decision.outcome.value}, and the ledger says "
        f"{written.get('decision')!r}: the gate or the evidence is another one"
    )
    return ExitCode.INTERNAL
