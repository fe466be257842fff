"""Compare responses without the input that they repeat, so that an echo is not a finding."""

import contextlib
import html
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from urllib.parse import quote, quote_plus

from suites.probes.api import Call, Endpoint, Exchange, Sender
from suites.probes.injection import Pair, shape, without_echoes

REPEATS = 3
MAX_TEXT = 200_000
MIN_ECHO = 3
MAX_DEPTH, MAX_ITEMS = 12, 1000
REFUSED_VALUE = (400, 422)
TOO_MANY, NO_ANSWER = 429, 0
# What differs between two answers to the same request: times, ids, tokens.
VOLATILE = re.compile(
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[.\d]{0,12}(?:Z|[+-]\d\d:?\d\d)?"
    r"|\b[0-9a-f]{8}-[0-9a-f-]{20,27}\b"
    r"|\b[0-9a-f]{16,64}\b|eyJ[\w-]{10,2000}\.[\w-]{0,2000}\.[\w-]{0,500}|\b\d{9,}\b",
    re.IGNORECASE,
)


def essence(answer: Exchange, *payloads: object) -> tuple[int, str]:
    """Return status and text of a response, without times, ids and echoes of payloads.

    Args:
        answer: the response of the service.
        payloads: values of the request; the returned text does not contain them.
    """
    text = answer.text[:MAX_TEXT]
    with contextlib.suppress(ValueError, RecursionError):
        text = json.dumps(without_echoes(json.loads(answer.text), payloads))[:MAX_TEXT]
    for payload in payloads:
        for echo in echoes(payload):
            text = text.replace(echo, "")
    return answer.status, VOLATILE.sub("", text)


def echoes(payload: object) -> list[str]:
    """Return the forms in which a service may repeat a payload or its parts, longest form first."""
    if isinstance(payload, dict):
        parts = [form for item in (*payload, *payload.values()) for form in echoes(item)]
        return sorted({*parts, *_forms(payload)}, key=len, reverse=True)
    return _forms(payload)


def _forms(payload: object) -> list[str]:
    word = payload if isinstance(payload, str) else json.dumps(payload)
    if len(word) < MIN_ECHO:
        return []
    escaped = json.dumps(word)[1:-1]
    forms = {
        word,
        escaped,
        json.dumps(escaped)[1:-1],
        html.escape(word),
        html.escape(escaped),
        html.escape(word, quote=False),
        _quoted(word, quote),
        _quoted(word, quote_plus),
        repr(word)[1:-1],
        word.strip(),
        str(payload),
    }
    forms |= {form.lower() for form in forms} | {form.upper() for form in forms}
    return sorted((form for form in forms if len(form) >= MIN_ECHO), key=len, reverse=True)


def _quoted(word: str, quoting: Callable[..., str]) -> str:
    return quoting(word, errors="replace")


def differs(
    sender: Sender, endpoint: Endpoint, calls: Callable[[object], Call], pair: Pair, control: Pair
) -> Exchange | None:
    """Decide whether the service executes an attack, by repeated comparisons.

    The responses to the attack and to its harmless twin must differ each time. The responses to the
    twin must be equal, apart from values of their JSON that differ in each response, such as the id
    of the request; these values are left out of all comparisons. Two control values, which differ
    like attack and twin but mean nothing, must get equal responses.

    Args:
        sender: sends the requests to the service.
        endpoint: the attacked operation.
        calls: builds the request that has a given value.
        pair: the attack and its harmless twin.
        control: two values without meaning.

    Returns:
        The last exchange of the attack; None when the service does not execute the attack.
    """
    last = None
    volatile: frozenset[str] = frozenset()

    def are_different(first: Exchange, second: Exchange, payloads: Pair) -> bool:
        return _are_different(without(first, volatile), without(second, volatile), payloads)

    for turn in range(REPEATS):
        attack = sender.send(endpoint, calls(pair.attack))
        twin = sender.send(endpoint, calls(pair.twin))
        if not are_different(attack, twin, pair):
            return None
        again = sender.send(endpoint, calls(pair.twin))
        if are_different(twin, again, pair):
            volatile |= volatile_values(twin, again)
            if are_different(twin, again, pair) or not are_different(attack, twin, pair):
                return None
        if turn == 0:
            first, second = (sender.send(endpoint, calls(value)) for value in _values(control))
            if are_different(first, second, control):
                return None
        if {TOO_MANY, NO_ANSWER} & {attack.status, twin.status, again.status}:
            return None
        last = attack
    return last


def volatile_values(first: Exchange, second: Exchange) -> frozenset[str]:
    """Return the places in the JSON of two responses to one request that have different values.

    Args:
        first: a response.
        second: the response to the same request.

    Returns:
        The paths of the values; empty where the responses have not the same fields.
    """
    values, others = (_leaves_of(answer) for answer in (first, second))
    if values.keys() != others.keys():
        return frozenset()
    return frozenset(path for path, value in values.items() if value != others[path])


def without(answer: Exchange, paths: frozenset[str]) -> Exchange:
    """Return a response without the values at some places of its JSON."""
    if not paths:
        return answer
    left = {path: value for path, value in _leaves_of(answer).items() if path not in paths}
    return replace(answer, text=json.dumps(left, sort_keys=True)) if left else answer


def _leaves_of(answer: Exchange) -> dict[str, object]:
    """Return the values in the JSON of a response by their paths; none for another response."""
    try:
        return dict(_json_leaves(json.loads(answer.text)))
    except (ValueError, RecursionError):
        return {}


def _json_leaves(content: object, path: str = "", depth: int = 0) -> Iterator[tuple[str, object]]:
    if depth > MAX_DEPTH:
        return
    if isinstance(content, Mapping):
        for key, value in content.items():
            yield from _json_leaves(value, f"{path}.{key}", depth + 1)
    elif isinstance(content, list):
        for number, value in enumerate(content[:MAX_ITEMS]):
            yield from _json_leaves(value, f"{path}.{number}", depth + 1)
    else:
        yield path, content


def _values(pair: Pair) -> tuple[object, object]:
    return pair.attack, pair.twin


def _are_different(first: Exchange, second: Exchange, pair: Pair) -> bool:
    """Return whether two responses differ in more than echoes; two refusals do not differ."""
    if first.status in REFUSED_VALUE and second.status in REFUSED_VALUE:
        return False
    payloads = _values(pair)
    if essence(first, *payloads) == essence(second, *payloads):
        return False
    if first.status == second.status and _differs_by_itself(first.text, second.text):
        return shape(first, *payloads) != shape(second, *payloads)
    return True


def _differs_by_itself(first: str, second: str) -> bool:
    """Return whether two texts are long and of nearly equal length; only a counter may differ."""
    shorter, longer = sorted((len(first), len(second)))
    return longer > MIN_LONG and shorter > longer * 0.95


MIN_LONG = 2000
