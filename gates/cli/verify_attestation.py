"""``gates verify-attestation``: verify that a file attests a decision about a release."""

import argparse
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from gates import places
from gates.attestation.statement import AttestedDecision
from gates.attestation.verification import Expectation, verified
from gates.errors import AttestationError
from gates.exitcodes import EXIT_CODES, ExitCode
from gates.policy import target_file
from reports.terminal import WORDS, printable


def verify_attestation(arguments: argparse.Namespace) -> int:
    """Run ``gates verify-attestation``: verify the signature and the release of a file.

    Returns:
        The exit code of the decision in the file; 1 if the signature or the release is wrong.
    """
    target = target_file.load(arguments.target, places.targets(arguments.targets).path)
    max_age = None if arguments.max_age is None else timedelta(seconds=arguments.max_age)
    expected = Expectation(
        target.name, arguments.stage, target.expected, arguments.time_scale, max_age
    )
    try:
        decision = verified(Path(arguments.file), Path(arguments.key), expected, datetime.now(UTC))
    except AttestationError as error:
        print(printable(f"NOT VERIFIED  {error}"))
        sys.stdout.flush()
        return ExitCode.NO_GO
    print(printable(_line(decision)))
    sys.stdout.flush()
    return EXIT_CODES[decision.outcome]


def _line(decision: AttestedDecision) -> str:
    moment = decision.at.strftime("%Y-%m-%d %H:%M:%S UTC")
    return (
        f"{WORDS[decision.outcome]}  {decision.stage}  {decision.target}: {decision.reason}; "
        f"verified: build {decision.build}, {moment}, ledger entry {decision.entry_id}, evidence "
        f"{decision.evidence_digest}"
    )
