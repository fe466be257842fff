"""Probe: the bounds a contract states are kept: at a bound is accepted, beyond it refused."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from suites.probes.api import Call, Endpoint, Exchange, Observation, Parameter, Sender
from suites.probes.openapi import places, value_at

REFUSED = (400, 422)
SAYS_NOTHING = (401, 403, 404, 405, 409, 413, 429)
LONGEST = 100_000


def bounds_kept(sender: Sender, endpoint: Endpoint, call: Call) -> Iterator[Observation]:
    """Every numeric, length and count bound of an operation's parameters and body.

    Args:
        sender: the way to the service.
        endpoint: the operation.
        call: a good call; one that is refused says nothing of bounds.
    """
    if sender.send(endpoint, call).status in (*REFUSED, *SAYS_NOTHING):
        return
    for place, name, at, beyond in _bounds(endpoint, call):
        inside = sender.send(endpoint, call.with_value(place, at))
        outside = sender.send(endpoint, call.with_value(place, beyond))
        yield _seen(
            endpoint,
            place,
            f"{name} kept",
            outside,
            outside.status not in (*REFUSED, *SAYS_NOTHING),
        )
        yield _seen(endpoint, place, f"{name} reached", inside, inside.status in REFUSED)


def _bounds(endpoint: Endpoint, call: Call) -> Iterator[tuple[Parameter, str, Any, Any]]:
    for place in (*places(endpoint, call), *_lists(endpoint, call)):
        schema = place.schema
        if "minimum" in schema:
            yield place, "minimum", schema["minimum"], schema["minimum"] - 1
        if "maximum" in schema:
            yield place, "maximum", schema["maximum"], schema["maximum"] + 1
        if schema.get("maxLength", LONGEST) < LONGEST:
            yield place, "maxLength", "x" * schema["maxLength"], "x" * (schema["maxLength"] + 1)
        if schema.get("minLength"):
            yield place, "minLength", "x" * schema["minLength"], "x" * (schema["minLength"] - 1)
        given = value_at(call, place)
        if schema.get("maxItems", LONGEST) < LONGEST and isinstance(given, list) and given:
            one = given[0]
            most = schema["maxItems"]
            yield place, "maxItems", [one] * most, [one] * (most + 1)


def _lists(endpoint: Endpoint, call: Call) -> Iterator[Parameter]:
    """The lists of a body: leaves alone have no count."""
    for name, schema in (endpoint.body or {}).get("properties", {}).items():
        if isinstance(value_at(call, Parameter(name, "body", schema, required=False)), list):
            yield Parameter(name, "body", schema, required=True)


def unknown_fields(endpoint: Endpoint, call: Call) -> Iterator[tuple[str, Call]]:
    """Calls with one field more, in the body and in each closed object within it."""
    for path, schema in _objects(endpoint.body or {}, call.body, ""):
        if schema.get("additionalProperties", True) is False:
            name = f"{path}.unknown_field".strip(".")
            place = Parameter(name, "body", {}, required=False)
            yield name, replace(call.with_value(place, 1))


def _objects(schema: Any, value: object, path: str) -> Iterator[tuple[str, Any]]:  # noqa: ANN401
    if isinstance(value, dict):
        yield path, schema
        for name, one in value.items():
            inner = schema.get("properties", {}).get(name, {})
            yield from _objects(inner, one, f"{path}.{name}".strip("."))
    elif isinstance(value, list) and value:
        yield from _objects(schema.get("items", {}), value[0], f"{path}.0".strip("."))


def _seen(
    endpoint: Endpoint,
    place: Parameter,
    what: str,
    answer: Exchange,
    found: bool,  # noqa: FBT001
) -> Observation:
    said = f"{endpoint.name} {place.name}: {what}? answered {answer.status}"
    return Observation("input-bounds", f"{endpoint.name} {place.name} {what}", found, said, answer)
