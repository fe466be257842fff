"""Check for SQL and NoSQL injection: by error texts, by different responses and by delays."""

import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace

from suites.probes import injection
from suites.probes.api import Call, Endpoint, Exchange, Observation, Parameter, Sender
from suites.probes.injection import ABSENT, DATABASE_ERRORS, WORD, Pair
from suites.probes.openapi import places, value_at
from suites.scanner.payloads.answers import REPEATS, differs

SERVER_ERROR = 500
CONTROL = Pair(f"{WORD}1", f"{WORD}2")
BREAKS = (
    Pair(f"{WORD}'", f"{WORD}''"),
    Pair(f'{WORD}"', f'{WORD}""'),
    Pair("1'", "1''"),
    Pair("1)", "(1)"),
)
# An error without a text of a database proves nothing about these values: a single parenthesis
# breaks a regular expression, too, and a single double quote breaks a query of a search engine.
PARENTHESIS, DOUBLE_QUOTE = BREAKS[3], BREAKS[1]
# In SQL, this is the call of an unknown function; in a regular expression, it is harmless.
NO_FUNCTION = f"{WORD}(1)"
# In a change, a condition that is always true would change everybody's data.
CHANGES = ("PUT", "PATCH", "DELETE")
NUMBER = ("integer", "number")


def sql(sender: Sender, endpoint: Endpoint, call: Call) -> Iterator[Observation]:
    """Send SQL quotes, conditions and delays in each parameter, and compare with harmless twins.

    Args:
        sender: sends the requests to the service.
        endpoint: the attacked operation.
        call: a valid request to the operation.
    """
    for place in places(endpoint, call):
        finding = _sql_at(sender, endpoint, call, place)
        yield finding or untouched("sql-injection", endpoint, place)


def _sql_at(sender: Sender, endpoint: Endpoint, call: Call, place: Parameter) -> Observation | None:
    def calls(value: object) -> Call:
        return call.with_value(place, value)

    for pair in BREAKS:
        broken = _breaks(sender, endpoint, calls, pair)
        if broken:
            return executed("sql-injection", endpoint, place, pair.attack, broken)
    number = 1000 + zlib.crc32(f"{endpoint.name} {place.name}".encode()) % 8000
    for pair in _conditions(endpoint, value_at(call, place)):
        pair = _renumbered(pair, number)  # noqa: PLW2901 - the same pair with other numbers
        control = Pair(_harmless(pair.attack), _harmless(pair.twin))
        answer = differs(sender, endpoint, calls, pair, control)
        if answer:
            return executed("sql-injection", endpoint, place, pair.attack, answer)
    for template in injection.SQL_DELAYS:
        for sleep, awake in injection.SLEEPS:
            slow, quick = (template.format(word=WORD, sleep=delay) for delay in (sleep, awake))
            answer = injection.delayed(sender, endpoint, call, place, Pair(slow, quick))
            if answer:
                return executed("sql-injection", endpoint, place, slow, answer)
    return None


def _renumbered(pair: Pair, number: int) -> Pair:
    """Return the pair with other numbers, so that no search finds what another attack stored."""

    def changed(text: object) -> str:
        return re.sub(r"\b2\b", str(number + 1), re.sub(r"\b1\b", str(number), str(text)))

    return Pair(changed(pair.attack), changed(pair.twin))


def _harmless(text: object) -> str:
    """Replace the SQL words and signs of a text by letters; length and numbers stay.

    A service may repeat parts of a value without executing it. Then the responses to this text and
    to its twin also differ, so a difference alone is no finding.
    """
    plain = re.sub(r"OR|AND|CASE|WHEN|THEN|ELSE|END", lambda word: "x" * len(word[0]), str(text))
    return re.sub(r"['\"()=%-]", "x", plain)


def _breaks(
    sender: Sender, endpoint: Endpoint, calls: Callable[[object], Call], pair: Pair
) -> Exchange | None:
    """Return the exchange of the attack, if it causes an error and its harmless twin does not."""
    broken = sender.send(endpoint, calls(pair.attack))
    harmless = sender.send(endpoint, calls(pair.twin))
    has_text = DATABASE_ERRORS.search(_without(broken.text, pair)) is not None
    shows_text = has_text and not DATABASE_ERRORS.search(_without(harmless.text, pair))
    breaks = broken.status >= SERVER_ERROR > harmless.status
    if not shows_text and (not breaks or pair is DOUBLE_QUOTE):
        return None
    if not shows_text and pair is PARENTHESIS:
        called = sender.send(endpoint, calls(NO_FUNCTION))
        if called.status < SERVER_ERROR:
            return None
    again = sender.send(endpoint, calls(pair.twin))
    second = sender.send(endpoint, calls(pair.attack))
    is_stable = again.status == harmless.status and second.status == broken.status
    return broken if is_stable else None


def _without(text: str, pair: Pair) -> str:
    return text.replace(str(pair.attack), "").replace(str(pair.twin), "")


def _conditions(endpoint: Endpoint, value: object) -> Iterator[Pair]:
    """Yield pairs of an SQL condition that is always true and one that is always false."""
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        yield Pair(f"{value}' AND '1'='1", f"{value}' AND '1'='2")
        yield Pair(f'{value}" AND "1"="1', f'{value}" AND "1"="2')
        yield Pair(f"{value} AND 1=1", f"{value} AND 1=2")
    if endpoint.method not in CHANGES:
        yield from injection.SQL
        yield Pair(f"{ABSENT}) OR (1=1", f"{ABSENT}) OR (1=2")
    if isinstance(value, str) and value.isidentifier():
        order = f"CASE WHEN 1={{}} THEN {value} ELSE 1 END"
        yield Pair(order.format(1), order.format(2))


def nosql(sender: Sender, endpoint: Endpoint, call: Call) -> Iterator[Observation]:
    """Send NoSQL operators instead of values, in bodies, forms and queries (``name[$ne]``).

    Args:
        sender: sends the requests to the service.
        endpoint: the attacked operation.
        call: a valid request to the operation.
    """
    for place in places(endpoint, call):
        if place.where == "path":
            continue
        for pair in _operators(value_at(call, place)):
            if place.where == "query" and isinstance(pair.attack, list):
                continue
            calls = injection.operator_calls(call, place)
            answer = differs(sender, endpoint, calls, pair, _control(pair))
            if answer:
                yield executed("nosql-injection", endpoint, place, pair.attack, answer)
                break
        else:
            yield untouched("nosql-injection", endpoint, place)


def _operators(value: object) -> Iterator[Pair]:
    yield from injection.nosql_pairs()
    if isinstance(value, str) and len(value) >= injection.MIN_PATTERN:
        yield Pair({"$eq": value}, {"$eq": f"{value}!"})
        yield Pair({"$regex": f"^{value[0]}"}, {"$regex": f"^{WORD}{WORD}"})


def _control(pair: Pair) -> Pair:
    """Return two values without meaning, of the same type as the pair."""
    if isinstance(pair.attack, dict):
        return Pair({"zqa": WORD}, {"zqb": WORD})
    return CONTROL


def executed(
    rule: str, endpoint: Endpoint, place: Parameter, payload: object, answer: Exchange
) -> Observation:
    """Return the observation (a finding) that the service executes a payload.

    Args:
        rule: the name of the rule, such as ``sql-injection``.
        endpoint: the attacked operation.
        place: the parameter that had the payload.
        payload: the value that the service executes.
        answer: the exchange with the payload.
    """
    sentence = (
        f"{endpoint.name}: the service executes {str(payload)[:120]!r} in {place.where} "
        f"{place.name}: status {answer.status} after {answer.seconds:.2f} s; the response differs "
        f"from the response to a harmless value in each of {REPEATS} tries"
    )
    name = f"{endpoint.name} {place.name}"
    return Observation(
        rule,
        name,
        is_finding=True,
        sentence=sentence,
        exchange=answer,
        cause=f"{endpoint.name} {place.where}",
    )


def untouched(rule: str, endpoint: Endpoint, place: Parameter) -> Observation:
    """Return the observation (no finding) that the service does not execute the payloads.

    Args:
        rule: the name of the rule, such as ``sql-injection``.
        endpoint: the attacked operation.
        place: the parameter that had the payloads.
    """
    sentence = (
        f"{endpoint.name}: the service treats payloads in {place.where} {place.name} as text, or "
        "refuses them"
    )
    return Observation(rule, f"{endpoint.name} {place.name}", is_finding=False, sentence=sentence)


def others(sender: Sender, endpoint: Endpoint, call: Call) -> Iterator[Observation]:
    """Send shell commands, templates, header lines and file paths in each parameter.

    Args:
        sender: sends the requests to the service.
        endpoint: the attacked operation.
        call: a valid request to the operation.
    """
    for probe in (injection.command, injection.template, injection.crlf, injection.traversal):
        for observation in probe(sender, endpoint, call):
            yield replace(observation, cause=endpoint.name)
