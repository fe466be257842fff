"""The seal of a record: SHA-256 against damage, and HMAC against forgery where a key is set.

Without a key a seal shows only that a record is consistent. With a key, a record counts only when
it was signed with that key.
"""

import hashlib
import hmac
import os
from collections.abc import Mapping

from gates.errors import ConfigurationError

KEY_VARIABLE = "KIRANA_EVIDENCE_KEY"
# The keys of a seal in the JSON of a record.
DIGEST, SIGNATURE = "sha256", "hmac"


def configured_key(variable: str = KEY_VARIABLE) -> str:
    """The key of the environment; an empty text where none is set.

    Args:
        variable: the name of the environment variable.

    Raises:
        ConfigurationError: the variable is set and blank, as a missing CI secret is.
    """
    key = os.environ.get(variable)
    if key is not None and not key.strip():
        raise ConfigurationError(f"{variable} is blank: set the key, or unset the variable")
    return key or ""


def digest_of(raw: bytes) -> str:
    """SHA-256 of bytes, as 64 hexadecimal digits."""
    return hashlib.sha256(raw).hexdigest()


def signature_of(raw: bytes, key: str) -> str | None:
    """HMAC-SHA-256 of bytes, as 64 hexadecimal digits; None without a key.

    Args:
        raw: the bytes to sign.
        key: the key; an empty text where no key is set.

    Source: RFC 2104.
    """
    return hmac.new(key.encode(), raw, hashlib.sha256).hexdigest() if key else None


def problem_of(stated: Mapping[str, object], sealed: bytes, signed: bytes, key: str) -> str:
    """Why a seal is not valid; an empty text for a valid seal.

    Args:
        stated: the object of the record that has the seal's keys; untrusted.
        sealed: the bytes whose digest the seal states.
        signed: the bytes whose signature the seal states.
        key: the key that the signature must be made with; empty where no key is set.
    """
    if stated.get(DIGEST) != digest_of(sealed):
        return "it was changed after it was written"
    expected = signature_of(signed, key)
    if expected and not hmac.compare_digest(expected, str(stated.get(SIGNATURE, ""))):
        return f"its signature is missing, or was not made with {KEY_VARIABLE}"
    return ""
