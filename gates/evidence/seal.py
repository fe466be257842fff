"""The seal of a run record: SHA-256 against damage, and HMAC against forgery where a key is set.

Without a key, the seal shows only that the record was not damaged by accident. With a key, a record
counts only if the record was signed with this key.
"""

import hashlib
import hmac
import os
from collections.abc import Mapping

from gates.errors import ConfigurationError

KEY_VARIABLE = "KIRANA_EVIDENCE_KEY"
# The keys of the seal in the JSON of a record.
DIGEST, SIGNATURE = "sha256", "hmac"


def configured_key(variable: str = KEY_VARIABLE) -> str:
    """Return the key that an environment variable has; an empty text where the variable is not set.

    Args:
        variable: the name of the environment variable.

    Raises:
        ConfigurationError: the variable is set and blank, for example because a pipeline has no
            secret with the name of the variable.
    """
    key = os.environ.get(variable)
    if key is not None and not key.strip():
        raise ConfigurationError(f"{variable} is blank: set the key, or unset the variable")
    return key or ""


def digest_of(raw: bytes) -> str:
    """Return the SHA-256 of bytes, as 64 hexadecimal digits."""
    return hashlib.sha256(raw).hexdigest()


def signature_of(raw: bytes, key: str) -> str | None:
    """Return the HMAC-SHA-256 of bytes, as 64 hexadecimal digits; None where no key is set.

    Args:
        raw: the bytes to sign.
        key: the key; an empty text where no key is set.

    Source: RFC 2104.
    """
    return hmac.new(key.encode(), raw, hashlib.sha256).hexdigest() if key else None


def problem_of(stated: Mapping[str, object], sealed: bytes, signed: bytes, key: str) -> str:
    """Return why the seal of a run record is not valid; an empty text for a valid seal.

    Args:
        stated: the JSON object of the record that has the digest and the signature; untrusted.
        sealed: the bytes that the SHA-256 in the seal covers.
        signed: the bytes that the HMAC-SHA-256 in the seal covers.
        key: the key of the signature; empty where no key is set, so that no signature is needed.
    """
    if stated.get(DIGEST) != digest_of(sealed):
        return "the record was changed after it was written"
    expected = signature_of(signed, key)
    if expected and not hmac.compare_digest(expected, str(stated.get(SIGNATURE, ""))):
        return f"the record has no signature, or was not signed with {KEY_VARIABLE}"
    return ""
