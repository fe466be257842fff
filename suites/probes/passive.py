"""Probes that look at answers: headers, cookies, caching, other origins, error messages."""

import re
from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import unquote, urlsplit

from suites.probes.api import Call, Endpoint, Exchange, Observation, Sender
from suites.probes.openapi import places

STACK = re.compile(
    r"Traceback|File \"[^\"]+\", line \d|\bat [\w.$]+\([\w.]+:\d+\)|[A-Za-z]+(Error|Exception):? "
    r"|goroutine \d|/(usr|home|root|var|opt|app|srv|work|tmp)/[\w.-]+"
    r"|[\w/]+\.(py|js|rb|php|java):\d"
    r"|(SELECT|INSERT INTO|UPDATE|DELETE FROM) .+ (FROM|VALUES|SET|WHERE)\b|\$(ne|or|and|regex)\b"
    r"|\b(pymongo|msgspec|starlette|uvicorn|sqlite3|django)\b"
    r"|\bE11000\b|\bduplicate key\b|\bcollection: ",
)
VERSION = re.compile(r"\d+\.\d+")
# Headers whose values look like paths or classes by their nature.
ORDINARY = ("content-type", "date", "location", "content-security-policy")
TELLING = ("server", "x-powered-by", "x-aspnet-version", "via")
WEAK_SOURCES = frozenset(
    {"*", "'unsafe-inline'", "'unsafe-eval'", "data:", "blob:", "http:", "https:"}
)
A_YEAR = 31_536_000
EVIL = "https://evil.example"
SERVER_ERROR = 500


def security_headers(
    exchange: Exchange, place: str, *, page: bool, over_tls: bool = True
) -> Iterator[Observation]:
    """The protective headers of one answer.

    Args:
        exchange: the answer.
        place: what was asked for.
        page: whether it is a page for a browser.
        over_tls: whether it is served over TLS; elsewhere HSTS means nothing (RFC 6797, 7.2).

    Source: OWASP ASVS 5.0, 3.4; RFC 6797 (HSTS); CSP level 3.
    """
    headers = exchange.headers
    hsts = re.search(r"max-age=(\d+)", headers.get("strict-transport-security", ""))
    stays = bool(hsts and int(hsts[1]) >= A_YEAR)
    policy = headers.get("content-security-policy", "")
    wanted = {
        "Strict-Transport-Security of a year": stays or not over_tls,
        "X-Content-Type-Options: nosniff": headers.get("x-content-type-options") == "nosniff",
        "frame-ancestors": "frame-ancestors 'none'" in policy or "frame-ancestors 'self'" in policy,
        "Referrer-Policy": headers.get("referrer-policy", "unsafe-url") not in (
            "unsafe-url", "origin-when-cross-origin", "no-referrer-when-downgrade"),
        "a Content-Type with a charset or JSON": not exchange.text or any(
            part in headers.get("content-type", "")
            for part in ("+json", "charset=", "image/", "application/")),
    }  # fmt: skip
    for name, there in wanted.items():
        sentence = f"{place}: {name} {'is there' if there else 'is missing'}"
        yield Observation("security-headers", f"{place} {name}", not there, sentence, exchange)
    if page:
        yield _csp(exchange, place, policy)


def _csp(exchange: Exchange, place: str, policy: str) -> Observation:
    parts: dict[str, list[str]] = {}
    for words in filter(None, (one.split() for one in policy.lower().split(";"))):
        parts.setdefault(words[0], words[1:])  # of two alike, browsers keep the first
    scripts = parts.get("script-src", parts.get("default-src", ["*"]))
    weak = [one for one in scripts if one in WEAK_SOURCES or "//*" in one]
    said = f"{place}: scripts are allowed from {' '.join(scripts)}"
    return Observation("csp", place, bool(weak), said, exchange)


def private_data_is_not_cached(exchange: Exchange, place: str) -> Observation:
    """An answer to somebody logged in says no-store (RFC 9111, section 5.2.2.5)."""
    said = exchange.headers.get("cache-control", "nothing")
    sentence = f"{place}: Cache-Control is {said}"
    return Observation("cacheable-private-data", place, "no-store" not in said, sentence, exchange)


def cors(sender: Sender, endpoint: Endpoint, call: Call, own_host: str) -> Iterator[Observation]:
    """Origins that have no business here: foreign, null, and look-alikes of the own host."""
    origins = (EVIL, "null", f"https://{own_host}.evil.example", f"https://evil{own_host}",
               f"https://{own_host}:1", f"https://evil.{own_host}")  # fmt: skip
    for origin in origins:
        headers = {**call.headers, "Origin": origin}
        for method in (endpoint.method, "OPTIONS"):
            asked = {"Access-Control-Request-Method": "POST"} if method == "OPTIONS" else {}
            answer = sender.send(
                replace(endpoint, method=method), replace(call, headers={**headers, **asked})
            )
            allowed = answer.headers.get("access-control-allow-origin", "")
            with_credentials = answer.headers.get("access-control-allow-credentials", "") == "true"
            found = allowed == origin or (allowed == "*" and (with_credentials or endpoint.secured))
            said = f"{endpoint.name}: origin {origin} is answered {allowed or 'nothing'}"
            yield Observation("cors", f"{method} {endpoint.name} {origin}", found, said, answer)


def cookies(exchange: Exchange, place: str) -> Iterator[Observation]:
    """Flags of the cookies an answer sets (RFC 6265bis)."""
    for cookie in filter(None, exchange.headers.get("set-cookie", "").split("\n")):
        flags = {part.strip().partition("=")[0].lower() for part in cookie.split(";")[1:]}
        missing = [name for name in ("secure", "httponly", "samesite") if name not in flags]
        if "samesite=none" in cookie.lower():
            missing.append("samesite")
        name = cookie.partition("=")[0]
        said = f"{place}: cookie {name} lacks {', '.join(missing) or 'nothing'}"
        yield Observation("cookie-flags", f"{place} {name}", bool(missing), said, exchange)


def bad_calls(endpoint: Endpoint, call: Call) -> Iterator[tuple[str, Call]]:
    """Names and calls that are wrong in some way: kinds, sizes, depths, encodings, edges."""
    for place in places(endpoint, call):
        for name, value in BAD_VALUES.items():
            if place.where == "body" or isinstance(value, str):
                yield f"{place.name}: {name}", call.with_value(place, value)
    if endpoint.query_names:
        yield (
            "a parameter twice",
            replace(
                call,
                raw_path=f"{endpoint.path}?{endpoint.query_names[0]}=1&{endpoint.query_names[0]}=2",
            ),
        )
    if endpoint.body is not None:
        for name, raw in BAD_BODIES.items():
            yield f"body: {name}", replace(call, raw_body=raw)
    for name, headers in BAD_HEADERS.items():
        yield f"header: {name}", replace(call, headers={**call.headers, **headers})


def survives(
    sender: Sender, endpoint: Endpoint, call: Call, secrets: tuple[str, ...]
) -> Iterator[Observation]:
    """Bad input gives an answer under 500 that shows nothing of the inside.

    Args:
        sender: the way to the service.
        endpoint: the operation.
        call: a good call.
        secrets: texts that no answer may hold.
    """
    for name, bad in bad_calls(endpoint, call):
        answer = sender.send(endpoint, bad)
        place = f"{endpoint.name} {name}"
        broken = answer.status >= SERVER_ERROR
        said = f"{place}: answered {answer.status}"
        yield Observation("unhandled-input", place, broken, said, answer)
        yield error_details(answer, place, secrets)


def error_details(answer: Exchange, place: str, secrets: tuple[str, ...]) -> Observation:
    """Whether an answer of status 400 or more shows internals, versions or secrets."""
    asked = urlsplit(answer.url).path
    text = answer.text.replace(asked, "").replace(unquote(asked), "")
    sent = "\n".join(value for name, value in answer.headers.items() if name not in ORDINARY)
    shown = STACK.search(f"{text}\n{sent}") if answer.status >= 400 else None  # noqa: PLR2004
    telling = [name for name in TELLING if VERSION.search(answer.headers.get(name, ""))]
    leaked = [one for one in secrets if one and one in answer.text]
    what = f"shows {shown[0][:60]!r}" if shown else ""
    what = what or (f"header {telling[0]} has a version" if telling else "")
    what = what or ("shows a secret of the request" if leaked else "")
    sentence = f"{place}: {what or 'shows nothing of the inside'}"
    return Observation("error-details", place, bool(what), sentence, answer)


BAD_VALUES: dict[str, object] = {
    "empty": "", "a blank": " ", "very long": "x" * 20_000, "a null byte": "a\x00b",
    "right to left": "\u202edesrever", "combining marks": "a" + "\u0301" * 500,
    "a lone surrogate": "\ud800", "outside the plane": "\U0001f95c" * 300,
    "minus one": "-1", "beyond 64 bits": "9" * 30, "a float": "1e309", "not a number": "NaN",
    "a percent sign": "%", "a format string": "%s%n{0}{x}", "dots": "../..",
    "null": None, "true": True, "a number": 3.5, "a huge number": 10**40, "a negative": -(2**63),
    "a list": [], "an object": {}, "a deep list": [[[[[[[[[[]]]]]]]]]],
}  # fmt: skip
BAD_BODIES = {
    "empty": b"", "no JSON": b"{", "a list": b"[]", "a text": b'"x"', "null": b"null",
    "not UTF-8": b'{"a": "\xff\xfe"}', "duplicate keys": b'{"a": 1, "a": 2}',
    "a bomb of brackets": b"[" * 100_000, "large": b'{"a": "' + b"x" * 1_000_000 + b'"}',
    "NaN": b'{"a": NaN}', "XML": b"<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><a>&b;</a>",
}  # fmt: skip
BAD_HEADERS = {
    "an odd content type": {"Content-Type": "text/plain; charset=utf-7"},
    "an odd accept": {"Accept": "application/xml"},
    "an overriding method": {"X-HTTP-Method-Override": "DELETE"},
    "a long one": {"X-Long": "x" * 6000},
}
