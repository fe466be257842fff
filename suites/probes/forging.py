"""Probe: the service must refuse forged and misused tokens, and accept a genuine token.

Source: RFC 7519 (JSON Web Token), RFC 8725 (best current practices for it).
"""

import base64
import hashlib
import hmac
import json
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from suites.probes.api import Call, Endpoint, Observation, Sender

# Header or claims of a token.
JsonObject = Mapping[str, Any]

HOUR = 3600
SUCCESS = range(200, 300)
DIGESTS = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}
# Signing keys that services use if nobody chose a key.
WEAK_KEYS = (
    "",
    "secret",
    "Secret",
    "password",
    "123456",
    "changeme",
    "jwt",
    "jwt_secret",
    "jwt-secret",
    "your-256-bit-secret",
    "your_jwt_secret",
    "supersecret",
    "secretkey",
    "key",
    "test",
    "dev",
    "admin",
    "kirana",
    "kirana-secret",
    "default",
)


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _decoded(part: str) -> JsonObject:
    padded = part + "=" * (-len(part) % 4)
    content: JsonObject = json.loads(base64.urlsafe_b64decode(padded))
    return content


def signed(header: JsonObject, claims: JsonObject, key: str) -> str:
    """Make a token that is signed with HMAC (RFC 7518).

    Args:
        header: the header of the token; its ``alg`` chooses the hash function, by default SHA-256.
        claims: the claims of the token.
        key: the key of the signature.
    """
    digest = DIGESTS.get(str(header.get("alg")), hashlib.sha256)
    body = ".".join(_encoded(json.dumps(part).encode()) for part in (header, claims))
    return f"{body}.{_encoded(hmac.new(key.encode(), body.encode(), digest).digest())}"


TOKEN = re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]*")


def token_in(text: str) -> str:
    """Return the first JSON Web Token in a text.

    Raises:
        ValueError: the text contains no token.
    """
    match = TOKEN.search(text)
    if match is None:
        raise ValueError("expected a JSON Web Token in the response, found none")
    return match[0]


def claims_of(token: str) -> JsonObject:
    """Return the claims of a token without verifying the signature."""
    return _decoded(token.split(".")[1])


def forgeries(token: str, other_subject: str) -> Iterator[tuple[str, str]]:
    """Make forged tokens, without the key of the service.

    Args:
        token: a genuine token.
        other_subject: the subject of another user, for one of the forged tokens.

    Yields:
        The name of the forgery, and the token.
    """
    first, second, signature = token.split(".")
    header, claims = _decoded(first), _decoded(second)
    stolen = {**claims, "sub": other_subject}
    for name in ("none", "None", "NONE", "nOnE"):
        body = ".".join(
            _encoded(json.dumps(part).encode()) for part in ({**header, "alg": name}, claims)
        )
        yield f"algorithm {name}", f"{body}."
        yield f"algorithm {name} with the old signature", f"{body}.{signature}"
    yield (
        "another subject, the old signature",
        (f"{first}.{_encoded(json.dumps(stolen).encode())}.{signature}"),
    )
    yield "no signature", f"{first}.{second}."
    yield (
        "one changed letter in the signature",
        (f"{first}.{second}.{'A' if signature[:1] != 'A' else 'B'}{signature[1:]}"),
    )
    yield "a key named in the header", signed({**header, "kid": "../../../../dev/null"}, claims, "")
    own = {"kty": "oct", "k": _encoded(b"probe")}
    yield "a key brought along", signed({**header, "jwk": own}, claims, "probe")
    yield "an unknown key id", signed({**header, "kid": "probe"}, claims, "probe")
    for key in WEAK_KEYS:
        algorithm = header.get("alg") if header.get("alg") in DIGESTS else "HS256"
        yield f"the weak key {key!r}", signed({**header, "alg": algorithm}, claims, key)


def misuses(token: str, key: str) -> Iterator[tuple[str, str]]:
    """Make tokens with the genuine key, whose claims the service must refuse.

    Args:
        token: a genuine token.
        key: the signing key of the service.

    Yields:
        The name of the misuse, and the token.
    """
    first, second, _ = token.split(".")
    header, claims = _decoded(first), _decoded(second)
    now = int(time.time())
    yield "expired an hour ago", signed(header, {**claims, "exp": now - HOUR}, key)
    yield "expired ten seconds ago", signed(header, {**claims, "exp": now - 10}, key)
    yield "valid from an hour on", signed(header, {**claims, "nbf": now + HOUR}, key)
    yield "of another issuer", signed(header, {**claims, "iss": "https://evil.example"}, key)
    yield "for another audience", signed(header, {**claims, "aud": "another-api"}, key)
    yield "of another key id", signed({**header, "kid": "another"}, claims, key)
    for name in ("exp", "iss", "aud"):
        without = {claim: value for claim, value in claims.items() if claim != name}
        yield f"without {name}", signed(header, without, key)


def tokens_refused(  # noqa: PLR0913 - the headers are the session of the token
    sender: Sender,
    endpoint: Endpoint,
    call: Call,
    token: str,
    attempts: tuple[str, Iterable[tuple[str, str]]],
    *,
    headers: Mapping[str, str] | None = None,
) -> Iterator[Observation]:
    """Send requests with forged or misused tokens, and yield one observation for each token.

    Args:
        sender: the sender of requests to the service.
        endpoint: a secured operation.
        call: a valid request for this operation.
        token: a genuine token.
        attempts: the name of the rule, and pairs of a token's name and the token.
        headers: the headers of a session with the genuine token, which the other tokens replace;
            None for a bearer token.

    Raises:
        ValueError: the service refuses the genuine token, so the refusal of another token proves
            nothing.
    """
    rule, tokens = attempts
    genuine = sender.send(endpoint, _with(call, headers, token, token))
    if genuine.status not in SUCCESS:
        raise ValueError(
            f"{endpoint.name} answers {genuine.status} to a genuine token, expected a status from "
            "200 to 299; log in again"
        )
    for name, token_sent in tokens:
        answer = sender.send(endpoint, _with(call, headers, token, token_sent))
        accepted = answer.status in SUCCESS
        sentence = f"{endpoint.name} answers {answer.status} to a token that is not valid ({name})"
        yield Observation(rule, f"{endpoint.name}: {name}", accepted, sentence, answer)


def _with(call: Call, headers: Mapping[str, str] | None, genuine: str, token: str) -> Call:
    """Return the request with a token, in a session's headers or as a bearer token (RFC 6750)."""
    own = headers or {"Authorization": f"Bearer {genuine}"}
    changed = {name: value.replace(genuine, token) for name, value in own.items()}
    return replace(call, headers={**call.headers, **changed})


def no_token(sender: Sender, endpoint: Endpoint, call: Call) -> Iterator[Observation]:
    """Yield one observation: whether a secured operation accepts a request without a token."""
    without_token = replace(call, headers={**call.headers, "Authorization": ""})
    answer = sender.send(endpoint, without_token)
    sentence = f"{endpoint.name} answers {answer.status} to a request without a token"
    accepted = answer.status in SUCCESS
    yield Observation("missing-authentication", endpoint.name, accepted, sentence, answer)
