"""Decides which requests to the server are allowed.

A request needs the bearer token, a client certificate, or a direct connection from this machine.
Where a bearer token is configured, a client certificate alone is not enough.
"""

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

# Everybody may know that the server answers; this path says nothing else.
OPEN_PATHS = frozenset({"/healthz"})
LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
FORWARDING_HEADERS = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")
# What a browser says of a request that the user typed, or that our own page sent.
OWN_SITES = frozenset({"", "none", "same-origin"})
SCHEME = "bearer "


@dataclass(frozen=True, slots=True)
class AccessRules:
    """The rules that decide which requests are allowed.

    Args:
        token_digest: SHA-256 of the bearer token; empty where no token is configured.
        loopback_exception: whether a direct request from this machine needs no token.
        client_certificates: whether TLS has verified the certificate of each client.
    """

    token_digest: bytes
    loopback_exception: bool
    client_certificates: bool

    @classmethod
    def of(
        cls, token: str, *, loopback_exception: bool, client_certificates: bool
    ) -> "AccessRules":
        """Return the rules for a bearer token.

        Args:
            token: the bearer token; empty where no token is configured.
            loopback_exception: whether a direct request from this machine needs no token.
            client_certificates: whether TLS has verified the certificate of each client.
        """
        digest = hashlib.sha256(token.encode()).digest() if token else b""
        return cls(digest, loopback_exception, client_certificates)

    def allow(self, client: str, headers: Headers) -> bool:
        """Return whether a request is allowed.

        Args:
            client: the IP address of the client of the connection.
            headers: the headers of the request, from an untrusted source.
        """
        if self.client_certificates and not self.token_digest:
            return True
        if self._has_token(headers.getlist("authorization")):
            return True
        return self.loopback_exception and is_direct_loopback(client, headers)

    def _has_token(self, values: Sequence[str]) -> bool:
        if not self.token_digest or len(values) != 1:
            return False
        (value,) = values
        if not value.lower().startswith(SCHEME):
            return False
        presented = value[len(SCHEME) :].strip().encode("latin-1", errors="replace")
        return hmac.compare_digest(hashlib.sha256(presented).digest(), self.token_digest)


def is_direct_loopback(client: str, headers: Headers) -> bool:
    """Return whether a client on this machine sent the request directly to this server.

    A proxy of this machine forwards requests of other machines. A page of another site may make the
    browser of this machine send a request. Both kinds of requests come from a loopback address, but
    need a token.

    Args:
        client: the IP address of the client of the connection.
        headers: the headers of the request, from an untrusted source.
    """
    if not _is_loopback(client) or any(name in headers for name in FORWARDING_HEADERS):
        return False
    host = headers.get("host", "")
    if _name_of(f"//{host}") not in LOOPBACK_NAMES:
        return False
    origin = headers.get("origin")
    if origin is not None and origin.partition("://")[2] != host:
        return False
    return headers.get("sec-fetch-site", "") in OWN_SITES


def _is_loopback(address: str) -> bool:
    try:
        ip = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    mapped = ip.ipv4_mapped if isinstance(ip, IPv6Address) else None
    return (mapped or ip).is_loopback


def _name_of(url: str) -> str:
    """Return the host of a URL; empty where the URL has no host, or has the name of a user."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return "" if parts.username is not None else parts.hostname or ""


class AccessControl:
    """Responds with 401 to each request that the rules do not allow, before the body is read.

    Args:
        app: the application that gets the allowed requests.
        rules: the rules that decide which requests are allowed.
    """

    def __init__(self, app: ASGIApp, rules: AccessRules) -> None:
        self._app, self._rules = app, rules

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection of ASGI: pass the request on to the application, or refuse it."""
        if scope["type"] == "lifespan" or self._is_allowed(scope):
            await self._app(scope, receive, send)
            return
        refusal = JSONResponse(
            {"error": "this request needs a bearer token; send Authorization: Bearer TOKEN"},
            status_code=401,
            headers={"WWW-Authenticate": "Bearer"},
        )
        await refusal(scope, receive, send)

    def _is_allowed(self, scope: Scope) -> bool:
        if scope["type"] != "http":
            return False
        if scope["path"] in OPEN_PATHS:
            return True
        client = scope.get("client")
        return self._rules.allow(str(client[0]) if client else "", Headers(scope=scope))
