"""Signs a statement in a DSSE envelope with an ed25519 key, and opens it with the public key.

An envelope is accepted only with exactly one signature, and only in the exact bytes that this
module writes. Base64 and JSON can write the same content in several ways, so a check of only the
content would not notice every changed byte. Source: DSSE 1.0.2.
"""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from gates.attestation.statement import PAYLOAD_TYPE
from gates.errors import AttestationError, ConfigurationError

if TYPE_CHECKING:
    # The package exports these names, but does not declare the export for type checkers.
    from securesystemslib.signer import (  # type: ignore[attr-defined]
        CryptoSigner,
        SSlibKey,
    )

KEY_VARIABLE = "KIRANA_ATTESTATION_KEY"
MAX_KEY_BYTES = 10_000
MAX_BYTES = 4_000_000
EXTRA = "pip install 'kirana-gates[attest]'"
Key = TypeVar("Key")


def configured_key() -> Path | None:
    """Return the private key file that an environment variable names; None if it is not set.

    Raises:
        ConfigurationError: the variable is set and blank, or the file has no ed25519 key.
    """
    name = os.environ.get(KEY_VARIABLE)
    if name is None:
        return None
    if not name.strip():
        raise ConfigurationError(f"{KEY_VARIABLE} is blank: name a key file, or unset the variable")
    path = Path(name)
    _signer(path)
    return path


def signed(payload: str, key: Path) -> str:
    """Sign a statement, and return its envelope as text.

    Args:
        payload: the statement as JSON.
        key: the file of the private key.

    Raises:
        ConfigurationError: the file has no ed25519 key.
    """
    signer = _signer(key)
    from securesystemslib.dsse import Envelope

    envelope = Envelope(payload.encode(), PAYLOAD_TYPE, {})
    envelope.sign(signer)
    return _text(envelope.to_dict())


def opened(raw: bytes, key: Path) -> bytes:
    """Verify the signature of an envelope, and return the statement in the envelope.

    Args:
        raw: the content of the envelope's file; untrusted.
        key: the file of the public key.

    Raises:
        AttestationError: the envelope is malformed, changed, or not signed with this key.
        ConfigurationError: the file has no ed25519 key.
    """
    public_key = _public_key(key)
    from securesystemslib.dsse import Envelope
    from securesystemslib.exceptions import VerificationError

    try:
        envelope = Envelope.from_dict(json.loads(raw))
        text = f"{_text(envelope.to_dict())}\n"
    except Exception as error:  # noqa: BLE001 - the library raises whatever a malformed field does
        raise AttestationError(
            f"the file is not a DSSE envelope ({type(error).__name__})"
        ) from None
    if text.encode() != raw or len(envelope.signatures) != 1:
        raise AttestationError("the file was changed after gates wrote it")
    if envelope.payload_type != PAYLOAD_TYPE:
        raise AttestationError(f"the content of the envelope is not of type {PAYLOAD_TYPE}")
    try:
        envelope.verify([public_key], 1)
    except VerificationError:
        raise AttestationError(f"the signature does not match the public key in {key}") from None
    return envelope.payload


def _text(envelope: object) -> str:
    return json.dumps(envelope, indent=2, sort_keys=True)


def _signer(path: Path) -> "CryptoSigner":
    """The signer of a private key.

    Raises:
        ConfigurationError: the file has no ed25519 key.
    """

    def load(raw: bytes) -> "CryptoSigner":
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key
        from securesystemslib.signer import CryptoSigner  # type: ignore[attr-defined] # as above

        key = load_pem_private_key(raw, password=None)
        if not isinstance(key, Ed25519PrivateKey):
            raise TypeError
        return CryptoSigner(key)

    return _loaded(path, "private", load)


def _public_key(path: Path) -> "SSlibKey":
    """The public key of a file.

    Raises:
        ConfigurationError: the file has no ed25519 key.
    """

    def load(raw: bytes) -> "SSlibKey":
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
        from cryptography.hazmat.primitives.serialization import load_pem_public_key
        from securesystemslib.signer import SSlibKey  # type: ignore[attr-defined] # as above

        key = load_pem_public_key(raw)
        if not isinstance(key, Ed25519PublicKey):
            raise TypeError
        return SSlibKey.from_crypto(key)

    return _loaded(path, "public", load)


def _loaded(path: Path, kind: str, load: Callable[[bytes], Key]) -> Key:
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_KEY_BYTES)
        return load(raw)
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read: {error.strerror}") from error
    except ImportError:
        raise ConfigurationError(f"attestations need more packages; run: {EXTRA}") from None
    except (ValueError, TypeError):
        raise ConfigurationError(
            f"{path}: expected a {kind} ed25519 key in PEM without a password"
        ) from None
