"""Writes decisions and moves of traffic as CDEvents, for systems that follow a delivery by events.

The event of a decision is a finished run of a test suite; the suite is the stage. The first move
of a ramp becomes the event ``service.published``, each later move ``service.upgraded``, and a
rollback ``service.rolledback``.
Source: CDEvents 0.5.1, continuous deployment and testing events.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from gates.decision_document import DecisionDocument
from gates.json_fields import JsonObject
from gates.ledger import DecisionEntry, LedgerRecord, MoveEntry, RampStartEntry, RollbackEntry
from gates.model import Outcome
from reports.formats.cases import MAX_NAME_CHARACTERS, clean, facts_of, warnings_of

SPECIFICATION = "0.5.1"
SOURCE = "urn:kirana-gates"
PACKAGE = "pkg:generic/kirana-store"
# A hold is an error: the gate could not judge. No program may take a hold for a success.
OUTCOMES = {Outcome.GO: "success", Outcome.HOLD: "error"}
SEVERITIES = {Outcome.HOLD: "medium", Outcome.NO_GO: "high", Outcome.ROLLBACK: "critical"}
UNNAMED = "unknown"
JSON = "application/json"


def render(document: DecisionDocument) -> str:
    """Write a decision as the JSON of a CDEvent: a run of a test suite has finished.

    Args:
        document: the decision; its texts are untrusted.
    """
    return json.dumps(of_decision(document), indent=2)


def of_decision(document: DecisionDocument) -> JsonObject:
    """Return the object of the CDEvent of a decision.

    Args:
        document: the decision; its texts are untrusted.
    """
    decision = document.decision
    content: dict[str, Any] = {
        "outcome": OUTCOMES.get(decision.outcome, "failure"),
        "reason": clean(decision.reason),
        "environment": {"id": _name(decision.target)},
        "testSuite": {"id": _name(decision.stage), "name": _name(decision.stage)},
    }
    if decision.outcome in SEVERITIES:
        content["severity"] = SEVERITIES[decision.outcome]
    identity = _name(document.entry_id)
    at = decision.at.astimezone(UTC)
    event = _event("testsuiterun.finished.0.3.0", identity, at, content)
    facts = {**facts_of(document), "warnings": list(warnings_of(document))}
    return {**event, "customData": facts, "customDataContentType": JSON}


def of_ledger(records: Iterable[LedgerRecord]) -> Iterator[JsonObject]:
    """Return the CDEvents of the entries of a ledger; entries without an event are left out.

    Args:
        records: the entries of the ledger, oldest first; their texts are untrusted.
    """
    artifacts: dict[str, str] = {}
    published: set[str] = set()
    for record in records:
        entry = record.entry
        match entry:
            case DecisionEntry():
                artifacts[entry.target] = _artifact(entry.document)
                yield of_decision(replace(entry.document, entry_id=record.entry_id))
            case RampStartEntry():
                published.discard(entry.target)
            case MoveEntry() if entry.share > 0:
                kind = "upgraded" if entry.target in published else "published"
                published.add(entry.target)
                facts = {"stage": clean(entry.stage), "share": entry.share, **_scale(entry)}
                yield from _move(kind, record, entry.at, artifacts, facts)
            case RollbackEntry(moved=True, at=float(at)):
                published.discard(entry.target)
                facts = {"proof": clean(entry.proof), "verified": entry.verified, **_scale(entry)}
                yield from _move("rolledback", record, at, artifacts, facts)
            case _:
                pass


def _move(
    kind: str,
    record: LedgerRecord,
    at: float,
    artifacts: dict[str, str],
    facts: dict[str, Any],
) -> Iterator[dict[str, Any]]:
    """Yield the event of a move; no event where the entry has no valid time."""
    target = record.entry.target
    artifact = {"artifactId": artifacts.get(target, f"{PACKAGE}@{UNNAMED}")}
    # The event of a published service has no field for the package.
    is_published = kind == "published"
    content = {"environment": {"id": _name(target)}, **({} if is_published else artifact)}
    try:
        moment = datetime.fromtimestamp(at, UTC)
    except (ValueError, OverflowError, OSError):
        return
    event = _event(f"service.{kind}.0.3.0", record.entry_id, moment, content)
    yield {**event, "customData": {**facts, **artifact}, "customDataContentType": JSON}


def _scale(entry: MoveEntry | RollbackEntry) -> dict[str, str]:
    """Return the time scale, which shows whether a ramp was a rehearsal."""
    return {"time_scale": f"{entry.time_scale:g}"}


def _event(kind: str, identity: str, at: datetime, content: dict[str, Any]) -> dict[str, Any]:
    return {
        "context": {
            "specversion": SPECIFICATION,
            "id": identity,
            "source": SOURCE,
            "type": f"dev.cdevents.{kind}",
            "timestamp": at.isoformat(),
        },
        "subject": {"id": identity, "source": SOURCE, "content": content},
    }


def _artifact(document: DecisionDocument) -> str:
    """Return the package URL of the build that was judged."""
    digest = clean(document.decision.build_digest, MAX_NAME_CHARACTERS)
    return f"{PACKAGE}?checksum={quote(digest)}" if digest else f"{PACKAGE}@{UNNAMED}"


def _name(text: str) -> str:
    return clean(text, MAX_NAME_CHARACTERS) or UNNAMED
