"""Prints decisions, with or without colours."""

import os
import shlex
import sys
from pathlib import Path
from typing import Any

from gates import places
from gates.model import Decision
from reports import document, terminal


def print_decision(
    written: dict[str, Any], decision: Decision, out: Path, *, as_json: bool
) -> None:
    """Print a decision that is in the ledger of the folder ``out``."""
    if as_json:
        print(document.as_text(written))
    else:
        explain = explain_command(out, written["id"])
        print(terminal.decision(decision, written["id"], colours=colours(), explain=explain))
    sys.stdout.flush()


def explain_command(out: Path, entry_id: str) -> str:
    """The command that explains a decision in the ledger of a folder, to be typed as it is."""
    usual = places.out(None, Path("out")).path
    place = "" if out == usual else f" --out {shlex.quote(str(out))}"
    return f"gates explain {entry_id}{place}"


def colours() -> bool:
    """Whether to colour what is printed."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")
