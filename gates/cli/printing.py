"""Prints decisions, with or without colours."""

import os
import shlex
import sys
from pathlib import Path

from gates import decision_document, places
from gates.decision_document import DecisionDocument
from reports import terminal


def print_decision(document: DecisionDocument, out: Path, *, as_json: bool) -> None:
    """Print a decision that is in the ledger.

    Args:
        document: the decision.
        out: the folder of the ledger.
        as_json: print JSON instead of lines for a person.
    """
    if as_json:
        print(decision_document.as_text(document))
    else:
        explain = explain_command(out, document.entry_id)
        text = terminal.decision_text(
            document.decision, document.entry_id, colours=colours(), explain=explain
        )
        print(text)
    sys.stdout.flush()


def explain_command(out: Path, entry_id: str) -> str:
    """The command that explains a decision of a ledger; a shell accepts it as it is.

    Args:
        out: the folder of the ledger.
        entry_id: the id of the decision's ledger entry.
    """
    default = places.out(None, Path("out")).path
    place = "" if out == default else f" --out {shlex.quote(str(out))}"
    return f"gates explain {entry_id}{place}"


def colours() -> bool:
    """Whether the output is coloured."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")
