"""Probes of a rate limit: its number, whom it concerns, and the ways round it."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from suites.probes.api import Call, Endpoint, Exchange, Observation, Sender

TOO_MANY = 429
FORGED = ("203.0.113.{}", "::ffff:127.0.0.{}", "2001:db8::{}")


def flood(sender: Sender, endpoint: Endpoint, call: Call, most: int) -> list[Exchange]:
    """Requests from one address, until one more than ``most`` is sent."""
    return [sender.send(endpoint, call) for _ in range(most + 1)]


def limit_is(
    exchanges: list[Exchange], stated: int, window_seconds: float
) -> Iterator[Observation]:
    """The limit is the stated one, and says truly when to come back.

    Args:
        exchanges: more requests than stated, from one fresh address, within the window.
        stated: how many are allowed.
        window_seconds: within how long.
    """
    refused = [number for number, one in enumerate(exchanges, 1) if one.status == TOO_MANY]
    first = refused[0] if refused else 0
    said = f"request {first} of {len(exchanges)} is the first refused; stated is {stated}"
    yield Observation("rate-limit", "count", first != stated + 1, said, exchanges[-1])
    after = exchanges[-1].headers.get("retry-after", "")
    spent = sum(one.seconds for one in exchanges)
    honest = after.isdigit() and window_seconds - spent - 2 <= int(after) <= window_seconds + 1
    said = (
        f"Retry-After is {after or 'missing'} after {spent:.1f} s of a window of {window_seconds:g}"
    )
    yield Observation("rate-limit", "retry-after", not honest, said, exchanges[-1])


def bypasses(
    sender: Sender, endpoint: Endpoint, call: Call, exemption_header: str
) -> Iterator[Observation]:
    """From an address that is over its limit: forged headers change nothing.

    Args:
        sender: sends from that address.
        endpoint: a limited operation.
        call: a good call of it.
        exemption_header: the header that would exempt, if it were signed.
    """
    for name, headers in _forged(exemption_header):
        answer = sender.send(endpoint, replace(call, headers={**call.headers, **headers}))
        said = f"{name}: answered {answer.status}"
        yield Observation("rate-limit-bypass", name, answer.status != TOO_MANY, said, answer)


def _forged(exemption_header: str) -> Iterator[tuple[str, Mapping[str, str]]]:
    for number, template in enumerate(FORGED, 1):
        address = template.format(number)
        for header in ("X-Forwarded-For", "X-Real-IP", "X-Client-IP", "True-Client-IP",
                       "CF-Connecting-IP"):  # fmt: skip
            yield f"{header}: {address}", {header: address}
        yield f"Forwarded: for={address}", {"Forwarded": f'for="[{address}]"'}
    for header, value in {
        "Authorization": "Bearer another",
        "Cookie": "session=another",
        "User-Agent": "another",
        "X-Kirana-Synthetic": "another",
        "Origin": "https://another.example",
    }.items():
        yield f"another {header}", {header: value}
    yield "X-Forwarded-For: a list", {"X-Forwarded-For": "203.0.113.9, 127.0.0.2"}
    for value in ("1", "true", "9999999999.", f"9999999999.{'0' * 64}", "9999999999.x"):
        yield f"{exemption_header}: {value[:20]}", {exemption_header: value}
