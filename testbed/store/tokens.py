"""Access, challenge and refresh tokens: how they are made and read."""

import hashlib
import secrets
from datetime import timedelta
from typing import Any

import jwt

from testbed.store.context import new_id, now
from testbed.store.errors import Refused

ALGORITHM = "HS256"
ISSUER = "https://auth.kirana.example"
AUDIENCE = "kirana-api"
KEY_ID = "k1"
ACCESS_LIFETIME = timedelta(minutes=30)
CHALLENGE_LIFETIME = timedelta(minutes=5)


def unauthorised(message: str = "Log in first.") -> Refused:
    return Refused(401, "unauthorised", message, {"WWW-Authenticate": "Bearer"})


def issue(key: str, user_id: str, session_id: str, use: str) -> str:
    """A signed token; use is ``access`` or ``challenge``."""
    issued = now()
    lifetime = ACCESS_LIFETIME if use == "access" else CHALLENGE_LIFETIME
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": user_id,
        "sid": session_id,
        "use": use,
        "jti": new_id("tok"),
        "iat": issued,
        "nbf": issued,
        "exp": issued + lifetime,
    }
    return jwt.encode(claims, key, algorithm=ALGORITHM, headers={"kid": KEY_ID})


def read(key: str, token: str) -> dict[str, Any]:
    """The claims of a valid token; anything else is refused with 401."""
    try:
        if jwt.get_unverified_header(token).get("kid") != KEY_ID:
            raise unauthorised("The token is not valid.")
        return jwt.decode(
            token,
            key,
            algorithms=[ALGORITHM],
            audience=AUDIENCE,
            issuer=ISSUER,
            options={"require": ["exp", "nbf", "iat", "sub", "sid", "use"]},
        )
    except jwt.PyJWTError as error:
        raise unauthorised("The token is not valid.") from error


def new_refresh_token() -> str:
    return secrets.token_urlsafe(32)


def digest(token: str) -> str:
    """The digest of a refresh token or a backup code, which is stored instead of it."""
    return hashlib.sha256(token.encode()).hexdigest()
