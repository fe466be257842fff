"""Check for slow regular expressions (ReDoS), with values of growing length.

A pattern with nested repetition takes twice as long for each further letter. The lengths grow until
a response takes some tenths of a second, so no request occupies the service for long.

Source: CWE-1333; Davis et al., The Impact of Regular Expression Denial of Service (2018).
"""

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from suites.probes.api import Call, Endpoint, Exchange, Observation, Parameter, Sender
from suites.probes.openapi import places, value_at
from suites.scanner.result import Gap

# Doubling with each letter: from these lengths to the next, the time grows four times at most.
EXPONENTIAL = (14, 16, 18, 20, 22, 24, 26, 28, 30)
# Growing with the square or the cube of the length.
POLYNOMIAL = (200, 600, 2000, 5000)
FAMILIES = ("{a}!", "{a}", "{a}@", "a@{a}!", "a@{d}!", "{d}!", "{n}!", "{s}!", "{m}!")
SLOW_SECONDS = 0.4
# A slow answer takes this many times as long as a valid call.
MIN_FACTOR = 6.0
MIN_GROWTH = 3.0
CONFIRMATIONS = 2
BASE_CALLS = 3


def slow_patterns(sender: Sender, endpoint: Endpoint, call: Call) -> Iterator[Observation | Gap]:
    """For each text parameter, look for values whose response time grows faster than their length.

    Args:
        sender: sends the requests to the service.
        endpoint: the attacked operation.
        call: a valid request to the operation.

    Yields:
        One outcome for each text parameter: a finding, no finding, or a gap when response times
        vary too much to judge.
    """
    texts = [place for place in places(endpoint, call) if _takes_text(place, value_at(call, place))]
    if not texts:
        return
    base = statistics.median(sender.send(endpoint, call).seconds for _ in range(BASE_CALLS))
    for place in texts:
        finding = _slow_at(sender, endpoint, call, place, base)
        sentence = f"{endpoint.name}: long values in {place.name} take no longer than usual"
        name = f"{endpoint.name} {place.name}"
        yield finding or Observation("slow-pattern", name, is_finding=False, sentence=sentence)


def _takes_text(place: Parameter, value: object) -> bool:
    kind = place.schema.get("type", "string")
    return not place.schema.get("enum") and (
        isinstance(value, str) or kind == "string" or "string" in kind
    )


def _slow_at(
    sender: Sender, endpoint: Endpoint, call: Call, place: Parameter, base: float
) -> Observation | Gap | None:
    """Return the outcome for the first slow family of values; None when no family is slow.

    Short values of all families come before long values of any family.
    """
    rounds = (EXPONENTIAL,) if place.where != "body" else (EXPONENTIAL, POLYNOMIAL)
    for lengths in rounds:
        if lengths[0] > int(place.schema.get("maxLength", lengths[-1])):
            continue
        for family in FAMILIES:
            slow = _first_slow(sender, endpoint, (call, place), (family, lengths), base)
            if slow is None:
                continue
            if slow.is_growing:
                return _finding(endpoint, place, slow, base)
            reason = (
                f"{endpoint.name} {place.name}: a response took {slow.answer.seconds:.1f} s, and "
                "the repeated requests did not confirm this"
            )
            return Gap("slow-pattern", reason)
    return None


@dataclass(frozen=True, slots=True)
class SlowValue:
    """A value with a slow response.

    Args:
        payload: the value that was sent.
        times: the response times for values of growing length, in seconds.
        answer: the slow exchange.
        is_growing: whether the value is slow each time, while a shorter value and a valid request
            are quick.
    """

    payload: str
    times: tuple[float, ...]
    answer: Exchange
    is_growing: bool


def _first_slow(
    sender: Sender,
    endpoint: Endpoint,
    target: tuple[Call, Parameter],
    payloads: tuple[str, Sequence[int]],
    base: float,
) -> SlowValue | None:
    """Send longer and longer values until a response is slow; return this value, or else None."""
    call, place = target
    family, lengths = payloads
    limit = max(SLOW_SECONDS, base * MIN_FACTOR)
    times: list[float] = []
    for length in lengths:
        payload = text_of(family, length)
        answer = sender.send(endpoint, call.with_value(place, payload))
        times.append(answer.seconds)
        if answer.seconds < limit:
            continue
        slow, quick = [answer.seconds], []
        for _ in range(CONFIRMATIONS):
            shorter = call.with_value(place, text_of(family, lengths[0]))
            slow.append(sender.send(endpoint, call.with_value(place, payload)).seconds)
            quick += [sender.send(endpoint, quick_call).seconds for quick_call in (shorter, call)]
        is_growing = min(slow) >= limit / 2 and min(slow) > MIN_FACTOR * min(quick)
        is_growing = is_growing and statistics.median(slow) > MIN_GROWTH * statistics.median(quick)
        return SlowValue(payload, tuple(times), answer, is_growing)
    return None


def text_of(family: str, length: int) -> str:
    """Return a text of a family, of about the given length.

    Args:
        family: one of ``FAMILIES``, a format such as ``{a}!``.
        length: the length of the repeated part, in characters.
    """
    return family.format(
        a="a" * length,
        d="a." * (length // 2),
        n="1" * length,
        s=" " * length,
        m="a-" * (length // 2),
    )


def _finding(endpoint: Endpoint, place: Parameter, slow: SlowValue, base: float) -> Observation:
    grown = ", ".join(f"{seconds:.2f}" for seconds in slow.times[-4:])
    sentence = (
        f"{endpoint.name}: {place.where} {place.name} with {len(slow.payload)} characters "
        f"({slow.payload[:40]!r}) takes {slow.answer.seconds:.2f} s, a valid request {base:.3f} s; "
        f"the response times grow with the length of the value: {grown} s"
    )
    name = f"{endpoint.name} {place.name}"
    return Observation(
        "slow-pattern", name, is_finding=True, sentence=sentence, exchange=slow.answer
    )
