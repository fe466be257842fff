"""Attack: values that keep a regular expression busy, in growing lengths: the service survives.

A pattern with nested repetition takes twice as long for each further letter. The lengths grow until
an answer takes some tenths of a second, so no request occupies the service for long.

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
    """At each text, the first family of values whose time grows faster than its length."""
    texts = [place for place in places(endpoint, call) if _takes_text(place, value_at(call, place))]
    if not texts:
        return
    base = statistics.median(sender.send(endpoint, call).seconds for _ in range(BASE_CALLS))
    for place in texts:
        finding = _slow_at(sender, endpoint, call, place, base)
        sentence = f"{endpoint.name}: {place.name} takes its usual time for long values"
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
    """The first slow family: short values of all families come before long values of any."""
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
                f"{endpoint.name} {place.name}: answers take {slow.answer.seconds:.1f} s at times"
            )
            return Gap("slow-pattern", reason)
    return None


@dataclass(frozen=True, slots=True)
class SlowValue:
    """A value with a slow answer.

    Args:
        payload: the value.
        times: the seconds of the answers to values of growing length.
        answer: the slow exchange.
        is_growing: whether it is slow each time, and shorter values and a valid call are quick.
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
    """The first value with a slow answer; longer values are not sent, whatever the reason is."""
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
    """A text of a family with about this length."""
    return family.format(a="a" * length, d="a." * (length // 2), n="1" * length, s=" " * length,
                         m="a-" * (length // 2))  # fmt: skip


def _finding(endpoint: Endpoint, place: Parameter, slow: SlowValue, base: float) -> Observation:
    grown = ", ".join(f"{seconds:.2f}" for seconds in slow.times[-4:])
    sentence = (
        f"{endpoint.name}: {place.where} {place.name} with {len(slow.payload)} characters "
        f"({slow.payload[:40]!r}) takes {slow.answer.seconds:.2f} s, a valid call {base:.3f} s; "
        f"the times grow with the length: {grown} s"
    )
    name = f"{endpoint.name} {place.name}"
    return Observation("slow-pattern", name, is_finding=True, sentence=sentence,
                       exchange=slow.answer)  # fmt: skip
