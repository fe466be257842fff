"""``gates revoke``: revoke a sign-off or an override."""

import argparse
import sys
from pathlib import Path

from gates import places
from gates.exitcodes import ExitCode
from gates.model import SignOffKind
from gates.signing import identity, new_entry
from reports.terminal import printable


def revoke(arguments: argparse.Namespace) -> int:
    """Run ``gates revoke``: append the revocation to the ledger, and print the revoked sign-off.

    Returns:
        The exit code, always 0.
    """
    out = places.out(arguments.out, Path("out")).path
    person = identity.person_of(arguments.by)
    record = new_entry.revoke(out, arguments.id, person, arguments.note)
    signed = record.sign_off
    kind = "the override of " if signed.kind is SignOffKind.OVERRIDE else ""
    line = (
        f"{person.name} revoked {kind}{signed.item} of stage {signed.stage} for {signed.build}, "
        f"signed by {record.signer} (ledger entry {record.entry_id})"
    )
    print(printable(line))
    sys.stdout.flush()
    return ExitCode.GO
