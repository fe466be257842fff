"""Probes of responses: headers, cookies, caching, access of other origins, and error messages."""

import re
from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import unquote, urlsplit

from suites.probes.api import Call, Endpoint, Exchange, Observation, Sender
from suites.probes.openapi import places

# Every repetition is bounded, so that the search takes a time in proportion to the text: a repeated
# payload of a megabyte cannot stop the scan.
STACK = re.compile(
    r"Traceback|File \"[^\"\n]{1,300}\", line \d|\bat [\w.$]{1,200}\([\w.]{1,100}:\d{1,7}\)"
    r"|[A-Za-z](Error|Exception):? |goroutine \d|/(usr|home|root|var|opt|app|srv|work|tmp)/[\w.-]"
    r"|[\w/]\.(py|js|rb|php|java):\d"
    r"|(SELECT|INSERT INTO|UPDATE|DELETE FROM) .{1,300}? (FROM|VALUES|SET|WHERE)\b"
    r"|\$(ne|or|and|regex)\b|\b(pymongo|msgspec|starlette|uvicorn|sqlite3|django)\b"
    r"|\bE11000\b|\bduplicate key\b|\bcollection: ",
)
VERSION = re.compile(r"\d+\.\d+")
MAX_AGE = re.compile(r"max-?age=(\d{1,12})")
# Headers whose values look like paths or classes in every service.
ORDINARY = ("content-type", "date", "location", "content-security-policy")
VERSION_HEADERS = ("server", "x-powered-by", "x-aspnet-version", "via")
WEAK_SOURCES = frozenset(
    {"*", "'unsafe-inline'", "'unsafe-eval'", "data:", "blob:", "http:", "https:"}
)
A_YEAR = 31_536_000
EVIL = "https://evil.example"
FIRST_ERROR, SERVER_ERROR = 400, 500
EXCERPT = 30


def security_headers(
    exchange: Exchange, place: str, *, page: bool, over_tls: bool = True
) -> Iterator[Observation]:
    """Yield an observation for each protective header of a response: present or missing.

    Args:
        exchange: the request and the response.
        place: the path or the operation, for messages.
        page: whether the response is a page for a browser, which needs a content security policy.
        over_tls: whether the response came over TLS; without TLS, HSTS is not required, because
            browsers ignore HSTS there (RFC 6797, 7.2).

    Source: OWASP ASVS 5.0, 3.4; RFC 6797 (HSTS); CSP level 3.
    """
    headers = exchange.headers
    hsts = re.search(r"max-age=(\d+)", headers.get("strict-transport-security", ""))
    lasts_a_year = bool(hsts and int(hsts[1]) >= A_YEAR)
    policy = headers.get("content-security-policy", "")
    protections = {
        "Strict-Transport-Security of a year": lasts_a_year or not over_tls,
        "X-Content-Type-Options: nosniff": headers.get("x-content-type-options") == "nosniff",
        "frame-ancestors": "frame-ancestors 'none'" in policy or "frame-ancestors 'self'" in policy,
        "Referrer-Policy": headers.get("referrer-policy", "unsafe-url")
        not in ("unsafe-url", "origin-when-cross-origin", "no-referrer-when-downgrade"),
        "a Content-Type with a charset or JSON": not exchange.text
        or any(
            part in headers.get("content-type", "")
            for part in ("+json", "charset=", "image/", "application/")
        ),
    }
    for name, is_present in protections.items():
        sentence = f"{place}: {name} {'is present' if is_present else 'is missing'} in the response"
        yield Observation("security-headers", f"{place} {name}", not is_present, sentence, exchange)
    if page:
        yield _csp(exchange, place, policy)


def _csp(exchange: Exchange, place: str, policy: str) -> Observation:
    parts: dict[str, list[str]] = {}
    for words in filter(None, (directive.split() for directive in policy.lower().split(";"))):
        parts.setdefault(
            words[0], words[1:]
        )  # of two directives of one name, browsers keep the first
    scripts = parts.get("script-src", parts.get("default-src", ["*"]))
    weak = [directive for directive in scripts if directive in WEAK_SOURCES or "//*" in directive]
    sentence = f"{place}: the content security policy allows scripts from {' '.join(scripts)}"
    return Observation("csp", place, bool(weak), sentence, exchange)


def private_data_is_not_cached(exchange: Exchange, place: str) -> Observation:
    """Observe whether a response with private data has ``no-store`` (RFC 9111, section 5.2.2.5).

    Args:
        exchange: a request of a logged-in user, and the response.
        place: the path or the operation, for messages.
    """
    cache_control = exchange.headers.get("cache-control", "missing")
    sentence = f"{place}: Cache-Control is {cache_control}, expected no-store"
    return Observation(
        "cacheable-private-data", place, "no-store" not in cache_control, sentence, exchange
    )


def is_soon_fresh(exchange: Exchange, place: str, max_seconds: int) -> Observation:
    """Observe whether a cache may serve a response for longer than some seconds.

    The store cannot correct an old price, or an old script, that a browser still keeps.

    Args:
        exchange: the request and the response.
        place: the path or the operation, for messages.
        max_seconds: the longest time for which the response may be served again, in seconds.

    Source: RFC 9111, section 5.2.2.1; RFC 8246.
    """
    cache_control = exchange.headers.get("cache-control", "")
    seconds = [int(digits) for digits in MAX_AGE.findall(cache_control)]
    is_old = "immutable" in cache_control or max(seconds, default=0) > max_seconds
    sentence = (
        f"{place}: Cache-Control is {cache_control or 'missing'}; expected no max-age over "
        f"{max_seconds} s, and not immutable"
    )
    return Observation("cacheable-private-data", f"{place} age", is_old, sentence, exchange)


def cors(sender: Sender, endpoint: Endpoint, call: Call, own_host: str) -> Iterator[Observation]:
    """Observe whether the service lets other origins read responses.

    Args:
        sender: the sender of requests to the service.
        endpoint: the operation.
        call: a valid request for the operation.
        own_host: the host name of the service, from which similar origins are made.
    """
    origins = (
        EVIL,
        "null",
        f"https://{own_host}.evil.example",
        f"https://evil{own_host}",
        f"https://{own_host}:1",
        f"https://evil.{own_host}",
    )
    for origin in origins:
        headers = {**call.headers, "Origin": origin}
        for method in (endpoint.method, "OPTIONS"):
            preflight = {"Access-Control-Request-Method": "POST"} if method == "OPTIONS" else {}
            answer = sender.send(
                replace(endpoint, method=method), replace(call, headers={**headers, **preflight})
            )
            allowed = answer.headers.get("access-control-allow-origin", "")
            with_credentials = answer.headers.get("access-control-allow-credentials", "") == "true"
            may_read = allowed == origin or (
                allowed == "*" and (with_credentials or endpoint.secured)
            )
            sentence = (
                f"{endpoint.name}: for a request from the origin {origin}, the response allows the "
                f"origin {allowed or 'none'}"
            )
            yield Observation(
                "cors", f"{method} {endpoint.name} {origin}", may_read, sentence, answer
            )


def cookies(exchange: Exchange, place: str) -> Iterator[Observation]:
    """Observe whether each cookie of a response has its flags (RFC 6265bis).

    Args:
        exchange: the request and the response.
        place: the path or the operation, for messages.
    """
    for cookie in filter(None, exchange.headers.get("set-cookie", "").split("\n")):
        flags = {part.strip().partition("=")[0].lower() for part in cookie.split(";")[1:]}
        missing = [name for name in ("secure", "httponly", "samesite") if name not in flags]
        if "samesite=none" in cookie.lower():
            missing.append("samesite")
        name = cookie.partition("=")[0]
        sentence = f"{place}: flags missing in the cookie {name}: {', '.join(missing) or 'none'}"
        yield Observation("cookie-flags", f"{place} {name}", bool(missing), sentence, exchange)


def bad_calls(endpoint: Endpoint, call: Call) -> Iterator[tuple[str, Call]]:
    """Make requests with malformed values: by type, size, depth, encoding, or an edge case.

    Args:
        endpoint: the operation.
        call: a valid request for the operation.

    Yields:
        The name of the malformed part, and the request.
    """
    for place in places(endpoint, call):
        for name, value in BAD_VALUES.items():
            if place.where == "body" or isinstance(value, str):
                yield f"{place.name}: {name}", call.with_value(place, value)
    if endpoint.query_names:
        name = endpoint.query_names[0]
        yield "a parameter twice", replace(call, raw_path=f"{endpoint.path}?{name}=1&{name}=2")
    if endpoint.body is not None:
        for name, raw in BAD_BODIES.items():
            yield f"body: {name}", replace(call, raw_body=raw)
    for name, headers in BAD_HEADERS.items():
        yield f"header: {name}", replace(call, headers={**call.headers, **headers})


def survives(
    sender: Sender, endpoint: Endpoint, call: Call, secrets: tuple[str, ...]
) -> Iterator[Observation]:
    """Send malformed requests; observe whether the service fails or shows internals.

    Args:
        sender: the sender of requests to the service.
        endpoint: the operation.
        call: a valid request for the operation.
        secrets: texts that no response may contain.

    Yields:
        Two observations for each request: about the status, and about internals in the response.
    """
    for name, bad in bad_calls(endpoint, call):
        answer = sender.send(endpoint, bad)
        place = f"{endpoint.name} {name}"
        broken = answer.status >= SERVER_ERROR
        sentence = f"{place}: status {answer.status}, expected a status under 500"
        yield Observation("unhandled-input", place, broken, sentence, answer)
        yield error_details(answer, place, secrets)


def error_details(answer: Exchange, place: str, secrets: tuple[str, ...]) -> Observation:
    """Observe whether a response shows internals (such as a stack trace), versions or secrets.

    Args:
        answer: the request and the response; internals are a finding only for a status of
            400 or more.
        place: the operation and the malformed part, for messages.
        secrets: texts that no response may contain.
    """
    path = urlsplit(answer.url).path
    text = answer.text.replace(path, "").replace(unquote(path), "")
    sent = "\n".join(value for name, value in answer.headers.items() if name not in ORDINARY)
    shown = f"{text}\n{sent}"
    internals = STACK.search(shown) if answer.status >= FIRST_ERROR else None
    versions = [name for name in VERSION_HEADERS if VERSION.search(answer.headers.get(name, ""))]
    leaked = [secret for secret in secrets if secret and secret in answer.text]
    leak = ""
    if internals:
        excerpt = shown[max(0, internals.start() - EXCERPT) : internals.start() + 2 * EXCERPT]
        leak = f"shows internals: {excerpt.strip()!r}"
    leak = leak or (f"has a version in the header {versions[0]}" if versions else "")
    leak = leak or ("shows a secret that no response may contain" if leaked else "")
    sentence = f"{place}: the response {leak or 'shows no internals'}"
    return Observation("error-details", place, bool(leak), sentence, answer)


BAD_VALUES: dict[str, object] = {
    "empty": "",
    "a blank": " ",
    "very long": "x" * 20_000,
    "a null byte": "a\x00b",
    "right to left": "\u202edesrever",
    "combining marks": "a" + "\u0301" * 500,
    "a lone surrogate": "\ud800",
    "outside the plane": "\U0001f95c" * 300,
    "minus one": "-1",
    "beyond 64 bits": "9" * 30,
    "a float": "1e309",
    "not a number": "NaN",
    "a percent sign": "%",
    "a format string": "%s%n{0}{x}",
    "dots": "../..",
    "null": None,
    "true": True,
    "a number": 3.5,
    "a huge number": 10**40,
    "a negative": -(2**63),
    "a list": [],
    "an object": {},
    "a deep list": [[[[[[[[[[]]]]]]]]]],
}
BAD_BODIES = {
    "empty": b"",
    "no JSON": b"{",
    "a list": b"[]",
    "a text": b'"x"',
    "null": b"null",
    "not UTF-8": b'{"a": "\xff\xfe"}',
    "duplicate keys": b'{"a": 1, "a": 2}',
    "an unknown long key": b'{"' + b"x" * 1000 + b'": 1}',
    "a bomb of brackets": b"[" * 100_000,
    "large": b'{"a": "' + b"x" * 1_000_000 + b'"}',
    "NaN": b'{"a": NaN}',
    "XML": b"<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><a>&b;</a>",
}
BAD_HEADERS = {
    "an odd content type": {"Content-Type": "text/plain; charset=utf-7"},
    "an odd accept": {"Accept": "application/xml"},
    "an overriding method": {"X-HTTP-Method-Override": "DELETE"},
    "a long one": {"X-Long": "x" * 6000},
}
