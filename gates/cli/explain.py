"""``gates explain``: judge a decision again, and show its evidence."""

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import TextIO

from gates import decisions, ledger, places
from gates.attestation import envelope
from gates.cli.decision_formats import ChosenFormats, chosen_formats, write_files
from gates.cli.printing import colours, print_text
from gates.decision_document import DecisionDocument
from gates.errors import ConfigurationError, OutputError, UnknownNameError
from gates.exitcodes import ExitCode
from gates.model import Decision
from reports import charts, terminal
from reports.formats import STATEMENTS

MAX_NAMES = 20
MAX_REASON_CHARACTERS = 200


def explain(arguments: argparse.Namespace) -> int:
    """Run ``gates explain``: judge a decision again, and compare the result with the ledger.

    Returns:
        0 where the new decision is the decision in the ledger, else 70.

    Raises:
        OutputError: a file of ``--format`` could not be written, or an attestation was not signed
            because the new decision differs.
    """
    formats = chosen_formats(arguments.format)
    out = places.out(arguments.out, Path("out")).path
    entry_id, document = _decision(out, arguments.id)
    _, evidence, decision = decisions.judge_again(out, document.evidence_digest)
    lines = [terminal.decision_text(decision, entry_id, colours=colours())]
    lines += charts.of_evidence(evidence)
    recorded = replace(document, entry_id=entry_id)
    _refuse_signing(recorded, decision, formats)
    print_text(recorded, "\n".join(lines), formats.on_stdout)
    if problems := write_files(recorded, formats.files):
        raise OutputError("; ".join(problems))
    return _compare(document.decision, decision, sys.stderr if formats.on_stdout else sys.stdout)


def _decision(out: Path, prefix: str) -> tuple[str, DecisionDocument]:
    """Return the id and the document of the decision whose id begins with ``prefix``.

    Raises:
        UnknownNameError: no decision has an id with this beginning.
        ConfigurationError: more than one decision has an id with this beginning.
    """
    documents = {
        record.entry_id: record.entry.document
        for record in ledger.entries(out)
        if isinstance(record.entry, ledger.DecisionEntry)
    }
    matches = [entry_id for entry_id in documents if entry_id.startswith(prefix)]
    if len(matches) > 1:
        raise ConfigurationError(
            f"{len(matches)} decisions have ids that begin with {prefix[:80]!r}, such as "
            f"{', '.join(matches[:MAX_NAMES])}; give more characters of the id"
        )
    if not matches:
        newest = list(documents)[-MAX_NAMES:]
        raise UnknownNameError("decision", prefix, newest, str(out / ledger.FILE))
    return matches[0], documents[matches[0]]


def _refuse_signing(recorded: DecisionDocument, again: Decision, formats: ChosenFormats) -> None:
    """Refuse to sign a recorded decision if its evidence now leads to another decision.

    Raises:
        OutputError: a statement would be signed, and the new decision differs.
    """
    names = {formats.on_stdout, *(file.name for file in formats.files)}
    if names.isdisjoint(STATEMENTS) or envelope.configured_key() is None:
        return
    if _statement_facts(recorded.decision) != _statement_facts(again):
        raise OutputError(
            f"the decision {recorded.entry_id} is not signed: judged again from its evidence, the "
            f"decision is {_short(again)} about {again.build}"
        )


def _statement_facts(decision: Decision) -> tuple[object, ...]:
    """Return the facts about a decision that a signed statement contains."""
    return (
        decision.outcome,
        decision.reason,
        decision.stage,
        decision.target,
        decision.build,
        decision.build_digest,
        decision.at,
        decision.time_scale,
    )


def _compare(recorded: Decision, judged_again: Decision, stream: TextIO) -> int:
    """Compare a decision with the decision in the ledger.

    Args:
        recorded: the decision in the ledger.
        judged_again: the new decision.
        stream: the stream for the result: stderr where a format is printed on stdout.

    Returns:
        0 for the same decision, else 70.
    """
    if (recorded.outcome, recorded.reason) == (judged_again.outcome, judged_again.reason):
        stream.write("judged again from its evidence, the decision is the same\n")
        return ExitCode.GO
    stream.write(
        f"judged again from its evidence, the decision is {_short(judged_again)}, but the ledger "
        f"has {_short(recorded)}: another version of the gate made the decision in the ledger\n"
    )
    return ExitCode.INTERNAL


def _short(decision: Decision) -> str:
    return f"{decision.outcome.value} ({decision.reason[:MAX_REASON_CHARACTERS]})"
