"""Probes of a rate limit: the number of requests, the time window, and forged headers."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import replace

from suites.probes.api import Call, Endpoint, Exchange, Observation, Sender

TOO_MANY = 429
# The part of a window that passes between the first request and the other requests.
EARLY_SHARE = 0.7
PROBES_AFTER_WINDOW = 5
FORGED = ("203.0.113.{}", "::ffff:127.0.0.{}", "2001:db8::{}")


def flood(sender: Sender, endpoint: Endpoint, call: Call, limit: int) -> list[Exchange]:
    """Send one request more than the limit from one address, and return all exchanges."""
    return [sender.send(endpoint, call) for _ in range(limit + 1)]


def limit_is(exchanges: list[Exchange], limit: int, window_seconds: float) -> Iterator[Observation]:
    """Compare the first refused request with the stated limit, and Retry-After with the window.

    Args:
        exchanges: more requests than the limit, from one new address, within one window.
        limit: the number of requests that the contract allows in a window.
        window_seconds: the length of the window, in seconds.

    Yields:
        One observation about the number of requests, and one observation about Retry-After.
    """
    refused = [
        number for number, exchange in enumerate(exchanges, 1) if exchange.status == TOO_MANY
    ]
    first = refused[0] if refused else 0
    sentence = (
        f"the first refused request is request {first} of {len(exchanges)} (0: no request was "
        f"refused); expected request {limit + 1}, because the limit is {limit}"
    )
    yield Observation("rate-limit", "count", first != limit + 1, sentence, exchanges[-1])
    retry_after = exchanges[-1].headers.get("retry-after", "")
    seconds_passed = sum(exchange.seconds for exchange in exchanges)
    earliest, latest = window_seconds - seconds_passed - 2, window_seconds + 1
    is_right = retry_after.isdigit() and earliest <= int(retry_after) <= latest
    sentence = (
        f"Retry-After is {retry_after or 'missing'} after {seconds_passed:.1f} s of a window of "
        f"{window_seconds:g} s; expected from {earliest:.0f} to {latest:.0f} s"
    )
    yield Observation("rate-limit", "retry-after", not is_right, sentence, exchanges[-1])


def window_slides(
    sender: Sender, endpoint: Endpoint, call: Call, limit: int, window_seconds: float
) -> Iterator[Observation]:
    """Find out whether the service enforces the limit in every window, not only in fixed minutes.

    A limit that counts in fixed minutes, or forgets all requests at once, allows twice as many
    requests around the end of a minute. If the limit also counts refused requests, a client that
    sent a request too early is still refused after the time of ``Retry-After`` (RFC 9110, section
    10.2.3). The probe takes a little longer than a window.

    Args:
        sender: the sender of requests from one new address.
        endpoint: an operation with a rate limit.
        call: a valid request for this operation.
        limit: the number of requests that the contract allows in a window.
        window_seconds: the length of the window, in seconds.

    Yields:
        One observation about the number of requests, and one observation about refused requests.
    """
    begin = time.monotonic()
    first = sender.send(endpoint, call)
    time.sleep(EARLY_SHARE * window_seconds)
    middle = time.monotonic()
    later = [sender.send(endpoint, call) for _ in range(limit - 1)]
    refused = [sender.send(endpoint, call) for _ in range(PROBES_AFTER_WINDOW)]
    refused_at = time.monotonic()
    time.sleep(max(0.0, begin + window_seconds + 1 - time.monotonic()))
    waited = time.monotonic() - refused_at
    last = [sender.send(endpoint, call) for _ in range(PROBES_AFTER_WINDOW)]
    seconds = time.monotonic() - middle
    served = [exchange for exchange in (*later, *last) if exchange.status != TOO_MANY]
    sentence = (
        f"{len(served)} requests of one address were served within {seconds:.0f} s; the limit is "
        f"{limit} in {window_seconds:g} s (the first request got status {first.status})"
    )
    is_wrong = seconds < window_seconds and len(served) > limit
    yield Observation("rate-limit", "window", is_wrong, sentence, last[-1])
    retry_after = refused[-1].headers.get("retry-after", "")
    is_over = retry_after.isdigit() and waited >= int(retry_after)
    sentence = (
        f"after {len(refused)} requests over the limit, Retry-After was {retry_after or 'none'}; "
        f"{waited:.0f} s later, a request got status {last[0].status}, expected another status "
        f"than {TOO_MANY}, because refused requests must not count"
    )
    is_wrong = is_over and last[0].status == TOO_MANY
    yield Observation("rate-limit", "refused requests", is_wrong, sentence, last[0])


def bypasses(
    sender: Sender, endpoint: Endpoint, call: Call, exemption_header: str
) -> Iterator[Observation]:
    """Find out whether a request with a forged header is accepted over the limit.

    Args:
        sender: the sender of requests from an address over its limit.
        endpoint: an operation with a rate limit.
        call: a valid request for this operation.
        exemption_header: the header whose signed value exempts a request from the limit.
    """
    for name, headers in _forged(exemption_header):
        answer = sender.send(endpoint, replace(call, headers={**call.headers, **headers}))
        sentence = f"over the limit, with {name}: status {answer.status}, expected {TOO_MANY}"
        yield Observation("rate-limit-bypass", name, answer.status != TOO_MANY, sentence, answer)


def _forged(exemption_header: str) -> Iterator[tuple[str, Mapping[str, str]]]:
    for number, template in enumerate(FORGED, 1):
        address = template.format(number)
        for header in (
            "X-Forwarded-For",
            "X-Real-IP",
            "X-Client-IP",
            "True-Client-IP",
            "CF-Connecting-IP",
        ):
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
