"""The signature of a sign-off: HMAC-SHA-256 of its entry, where a key is configured.

The signature shows that the entry was written where the key is, and was not changed. It does not
show who typed the name. Keep the key where only the pipeline can read it.
"""

import hmac
import json
from dataclasses import replace

from gates.evidence import seal
from gates.ledger import RevocationEntry, SignOffEntry, encode

KEY_VARIABLE = "KIRANA_SIGNING_KEY"


def configured_key() -> str:
    """The key of the environment; an empty text where none is set.

    Raises:
        ConfigurationError: the variable is set and blank, as a missing CI secret is.
    """
    return seal.configured_key(KEY_VARIABLE)


def signed(entry: SignOffEntry, key: str) -> SignOffEntry:
    """The sign-off with its signature; without a key the entry stays as it is."""
    return replace(entry, signature=_signature(entry, key))


def signed_revocation(entry: RevocationEntry, key: str) -> RevocationEntry:
    """The revocation with its signature; without a key the entry stays as it is."""
    return replace(entry, signature=_signature(entry, key))


def is_valid(entry: SignOffEntry, key: str) -> bool:
    """Whether an entry was signed with this key; False without a key."""
    return bool(key) and hmac.compare_digest(
        _signature(entry, key).encode(), entry.signature.encode(errors="replace")
    )


def _signature(entry: SignOffEntry | RevocationEntry, key: str) -> str:
    content = encode(replace(entry, signature=""))
    raw = json.dumps(content, sort_keys=True, separators=(",", ":")).encode()
    return seal.signature_of(raw, key) or ""
