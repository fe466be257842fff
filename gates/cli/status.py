"""``gates status``: show which objectives are verified, signed, open, failed or overridden."""

import argparse
import json
import sys
from datetime import UTC, datetime

from gates import ledger
from gates.cli.context import context_of
from gates.cli.printing import colours
from gates.cli.status_table import table_lines
from gates.decisions import Context, ledger_warnings
from gates.exitcodes import ExitCode
from gates.json_fields import JsonObject
from gates.signing import signature
from gates.signing.ledger_records import sign_offs_of
from gates.signing.status import StageStatus, StatusBasis, counts, status_of

SCHEMA = 1


def status(arguments: argparse.Namespace) -> int:
    """Run ``gates status``: print the status of each objective of one stage, or of all stages."""
    context = context_of(arguments)
    stages = [context.stage(arguments.stage)] if arguments.stage else context.policy.stages
    content, now = ledger.read(context.out), datetime.now(UTC)
    basis = StatusBasis(
        target=context.target,
        policy_digest=context.policy.digest,
        records=content.records,
        sign_offs=sign_offs_of(content, context.target.name, signature.configured_key()),
        now=now,
    )
    statuses = [status_of(stage, basis) for stage in stages]
    warnings = ledger_warnings(context.out, content)
    if arguments.json:
        print(json.dumps(_document(context, now, statuses, warnings), indent=2))
    else:
        is_whole = bool(arguments.stage)
        for line in table_lines(statuses, basis, is_whole=is_whole, is_coloured=colours()):
            print(line)
        for warning in warnings:
            print(f"WARNING: {warning}")
    sys.stdout.flush()
    return ExitCode.GO


def _document(
    context: Context, now: datetime, statuses: list[StageStatus], warnings: tuple[str, ...]
) -> JsonObject:
    """The status as JSON; its schema is gates/schemas/status.schema.json."""
    build = context.target.expected
    return {
        "kind": "status",
        "schema": SCHEMA,
        "target": context.target.name,
        "release": build.release,
        "version": build.version,
        "digest": build.digest,
        "at": now.isoformat(),
        "policy_sha256": context.policy.digest,
        "counts": {state.value: count for state, count in counts(statuses).items()},
        "warnings": list(warnings),
        "stages": [_stage(status) for status in statuses],
    }


def _stage(status: StageStatus) -> JsonObject:
    document = status.document
    return {
        "stage": status.stage.name,
        "title": status.stage.title,
        "guide": status.stage.guide,
        "decision": None
        if document is None
        else {
            "id": document.entry_id,
            "decision": document.decision.outcome.value,
            "at": document.decision.at.isoformat(),
            "build": document.decision.build,
        },
        "objectives": [
            {
                "objective": objective.objective,
                "guide": objective.guide,
                "state": objective.state.value,
                "detail": objective.detail,
                "command": objective.command,
            }
            for objective in status.objectives
        ],
    }
