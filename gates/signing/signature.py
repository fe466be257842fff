"""The signature of a sign-off: HMAC-SHA-256 of its ledger entry, where a key is configured.

The signature proves that a process with the key wrote the entry, and that nobody changed the entry.
The signature does not prove who typed the name. Keep the key where only the pipeline can read it.
"""

import hmac
import json
from dataclasses import replace

from gates.evidence import seal
from gates.ledger import RevocationEntry, SignOffEntry, encode

KEY_VARIABLE = "KIRANA_SIGNING_KEY"


def configured_key() -> str:
    """Return the key for sign-offs from the environment; an empty text where no key is set.

    Raises:
        ConfigurationError: the variable is set but blank, for example because a pipeline has no
            such secret.
    """
    return seal.configured_key(KEY_VARIABLE)


def signed(entry: SignOffEntry, key: str) -> SignOffEntry:
    """Return the sign-off with its signature; without a key, the signature is empty."""
    return replace(entry, signature=_signature(entry, key))


def signed_revocation(entry: RevocationEntry, key: str) -> RevocationEntry:
    """Return the revocation with its signature; without a key, the signature is empty."""
    return replace(entry, signature=_signature(entry, key))


def is_valid(entry: SignOffEntry, key: str) -> bool:
    """Return whether the entry of a sign-off was signed with this key; False without a key."""
    return bool(key) and hmac.compare_digest(
        _signature(entry, key).encode(), entry.signature.encode(errors="replace")
    )


def _signature(entry: SignOffEntry | RevocationEntry, key: str) -> str:
    content = encode(replace(entry, signature=""))
    raw = json.dumps(content, sort_keys=True, separators=(",", ":")).encode()
    return seal.signature_of(raw, key) or ""
