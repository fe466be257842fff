"""``gates coverage``: show which objectives decide the items of the deployment guide."""

import argparse
import sys
from datetime import UTC, datetime

from gates import ledger, places
from gates.cli.context import context_of
from gates.coverage import (
    guide_file,
    json_document,
    markdown_page,
    matrix,
    recorded_status,
    text_table,
)
from gates.coverage.matrix import Matrix
from gates.coverage.recorded_status import NO_STATES, RecordedStates
from gates.decisions import ledger_warnings
from gates.exitcodes import ExitCode
from gates.policy import policy_file
from gates.signing import signature
from gates.signing.ledger_records import sign_offs_of
from gates.signing.status import StatusBasis, status_of


def coverage(arguments: argparse.Namespace) -> int:
    """Run ``gates coverage``: print the matrix of the guide's items and the objectives.

    Returns:
        1 where the matrix has a problem, else 0.
    """
    policy = policy_file.load(places.policy(arguments.policy).path)
    guide_matrix = matrix.build(guide_file.load(places.guide(arguments.guide).path), policy)
    states = _recorded(arguments, guide_matrix) if arguments.target else NO_STATES
    if arguments.json:
        print(json_document.document(guide_matrix, states))
    elif arguments.markdown:
        print(markdown_page.page(guide_matrix), end="")
    else:
        print(text_table.matrix_text(guide_matrix, states))
    sys.stdout.flush()
    return ExitCode.NO_GO if guide_matrix.problems else ExitCode.GO


def _recorded(arguments: argparse.Namespace, guide_matrix: Matrix) -> RecordedStates:
    """Return the state of each item, from the target's newest decisions and sign-offs."""
    context = context_of(arguments)
    content = ledger.read(context.out)
    basis = StatusBasis(
        target=context.target,
        policy_digest=context.policy.digest,
        records=content.records,
        sign_offs=sign_offs_of(content, context.target.name, signature.configured_key()),
        now=datetime.now(UTC),
    )
    for warning in ledger_warnings(context.out, content):
        print(f"WARNING: {warning}", file=sys.stderr)
    statuses = [status_of(stage, basis) for stage in context.policy.stages]
    return recorded_status.states_of(guide_matrix, statuses)
