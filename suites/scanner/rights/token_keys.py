"""Guess the signing key of a JSON Web Token offline, from known words and short numbers.

Source: RFC 8725, section 2.2 (weak symmetric keys).
"""

import base64
import hmac
import json
from collections.abc import Iterator
from itertools import chain

from zxcvbn.frequency_lists import FREQUENCY_LISTS

from suites.probes import forging
from suites.probes.api import Observation
from suites.scanner.result import Gap

ALGORITHMS = {"HS256": "sha256", "HS384": "sha384", "HS512": "sha512"}
MAX_DIGITS = 6
DOTS = 2
# Parts of keys that people choose when they choose one by hand.
PARTS = (
    "secret",
    "key",
    "jwt",
    "token",
    "auth",
    "super",
    "my",
    "your",
    "app",
    "api",
    "private",
    "flask",
    "django",
    "node",
    "express",
    "fastapi",
    "spring",
    "test",
    "dev",
    "demo",
    "example",
    "sample",
    "default",
    "change",
    "me",
    "this",
    "please",
    "random",
    "string",
    "password",
    "admin",
    "very",
    "insecure",
    "vulnerable",
    "weak",
    "hs256",
    "256",
    "bit",
    "sign",
    "signing",
    "access",
    "session",
    "prod",
    "production",
    "development",
    "secure",
    "top",
    "long",
    "hello",
    "world",
    "server",
    "shop",
    "store",
    "web",
    "user",
    "login",
    "security",
    "hard",
    "coded",
    "not",
    "so",
    "do",
    "use",
    "in",
)
WHOLE = (
    "",
    "your-256-bit-secret",
    "your-384-bit-secret",
    "your-512-bit-secret",
    "your_jwt_secret",
    "secret-key",
    "change-me",
    "changeit",
    "AllYourBase",
    "GZ7nZ4yDnHfZ",
    "shhhhh",
    "shhhh",
    "s3cr3t",
    "S3cr3t",
    "s3cret",
    "p@ssw0rd",
    "P@ssw0rd",
    "Sup3rS3cr3t",
    "hmackey",
    "hmac",
    "keyboard cat",
    "replace_me",
    "todo",
    "none",
    "null",
    "undefined",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "thisisasecret",
    "this is a secret",
    "this-is-a-secret",
    "my super secret key",
    "super-secret-key-change-in-production",
)


def key_of(token: str) -> str | None:
    """Guess the key that signed a token.

    Args:
        token: a JSON Web Token.

    Returns:
        The key, if it is a known word or a short number; None for any different key, and for a
        token that is not signed with HMAC.
    """
    first, second, signature = token.split(".")
    header = json.loads(_decoded(first))
    digest = ALGORITHMS.get(str(header.get("alg")))
    if digest is None:
        return None
    text, expected = f"{first}.{second}".encode(), _decoded(signature)
    for key in _keys():
        if hmac.digest(key, text, digest) == expected:
            return key.decode()
    return None


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _keys() -> Iterator[bytes]:
    """Yield the keys to try, the most likely keys first."""
    for word in dict.fromkeys(chain(WHOLE, forging.WEAK_KEYS, _combined())):
        yield word.encode()
    for words in FREQUENCY_LISTS.values():
        for word in words:
            yield str(word).encode()
            yield str(word).capitalize().encode()
    for length in range(1, MAX_DIGITS + 1):
        for number in range(10**length):
            yield b"%0*d" % (length, number)


def _combined() -> Iterator[str]:
    """Yield combinations of one to three words with the usual separators and endings."""
    for first in PARTS:
        for end in ("", "1", "12", "123", "1234", "12345", "123456", "!", "2023", "2024", "2025"):
            yield from (first + end, first.upper() + end, first.capitalize() + end)
        for second in PARTS:
            for separator in ("", "-", "_", " ", "."):
                pair = f"{first}{separator}{second}"
                yield from (pair, pair.upper(), f"{pair}123", f"{pair}1")
            yield f"{first.capitalize()}{second.capitalize()}"
            yield f"{first}{second.capitalize()}"
            for third in ("key", "secret", "token", "me"):
                yield f"{first}{second.capitalize()}{third.capitalize()}"
                for separator in ("", "-", "_"):
                    yield f"{first}{separator}{second}{separator}{third}"


def weak_key(token: str) -> Iterator[Observation | Gap]:
    """Check whether the key that signs the session token is a known word or a short number."""
    if token.count(".") != DOTS:
        yield Gap("weak-token-key", "the session token is not a JSON Web Token")
        return
    try:
        algorithm = str(json.loads(_decoded(token.split(".", maxsplit=1)[0])).get("alg"))
        key = key_of(token)
    except (ValueError, AttributeError):
        yield Gap("weak-token-key", "the token cannot be read as a JSON Web Token")
        return
    if algorithm not in ALGORITHMS:
        yield Gap(
            "weak-token-key", f"the token is signed with {algorithm}, which uses no shared key"
        )
        return
    sentence = (
        f"the key that signs the tokens ({algorithm}) is {key!r}, a known word or a short number: "
        "anybody can sign a token for every user"
        if key is not None
        else f"the signing key ({algorithm}) is no known word and no number of up to "
        f"{MAX_DIGITS} digits"
    )
    yield Observation("weak-token-key", "the key of the tokens", key is not None, sentence)
