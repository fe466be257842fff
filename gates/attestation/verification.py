"""Verifies that a file attests a decision about one stage of one release."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from gates.attestation import envelope, statement
from gates.attestation.statement import AttestedDecision
from gates.errors import AttestationError
from gates.model import Build

CLOCK_TOLERANCE = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Expectation:
    """The target, the stage and the release that an attested decision must be about.

    Args:
        target: the target's name.
        stage: the name of the stage.
        build: the build of the release.
        time_scale: the factor that divided every duration: over 1 in a rehearsal, else 1.
        max_age: the maximum age of the decision; None for any age.
    """

    target: str
    stage: str
    build: Build
    time_scale: float = 1.0
    max_age: timedelta | None = None


def verified(path: Path, key: Path, expected: Expectation, now: datetime) -> AttestedDecision:
    """Verify a file, and return the decision that it attests; any outcome is accepted.

    Args:
        path: the file of the envelope; untrusted.
        key: the file of the public key.
        expected: the target, the stage and the release that the decision must be about.
        now: the current moment, UTC.

    Raises:
        AttestationError: the file is not a signed statement, or its decision is not as expected.
        ConfigurationError: the file of the key has no ed25519 key.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(envelope.MAX_BYTES + 1)
    except OSError as error:
        raise AttestationError(f"{path}: cannot be read: {error.strerror}") from error
    if len(raw) > envelope.MAX_BYTES:
        raise AttestationError(f"{path}: the file has more than {envelope.MAX_BYTES:,} bytes")
    try:
        decision = statement.read(envelope.opened(raw, key))
        _check(decision, expected, now)
    except AttestationError as error:
        raise AttestationError(f"{path}: {error}") from None
    return decision


def _check(decision: AttestedDecision, expected: Expectation, now: datetime) -> None:
    """Refuse a decision that is about another target, stage, release or time scale, or too old."""
    release = (str(expected.build), expected.build.digest)
    if (decision.build, decision.build_digest) != release or not decision.build_digest:
        shown = f"{decision.build[:80]}, {decision.build_digest[:80] or 'without a digest'}"
        raise AttestationError(
            f"the decision is about another release: {shown}; expected {', '.join(release)}"
        )
    for name, value, other in (
        ("target", decision.target, expected.target),
        ("stage", decision.stage, expected.stage),
        ("time scale", f"{decision.time_scale:g}", f"{expected.time_scale:g}"),
    ):
        if value != other:
            raise AttestationError(
                f"the decision is about another {name}: {value[:80]!r}, expected {other!r}"
            )
    age = now - decision.at
    if age < -CLOCK_TOLERANCE:
        raise AttestationError(
            "the decision has a time in the future: compare the clock of this machine with the "
            "clock of the gate"
        )
    if expected.max_age is not None and age > expected.max_age:
        raise AttestationError(
            f"the decision is {age.total_seconds():.0f} s old; at most "
            f"{expected.max_age.total_seconds():.0f} s are accepted"
        )
