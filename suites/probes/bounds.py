"""Probe: the service must accept a value at a documented bound, and refuse a value beyond it."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from suites.probes.api import Call, Endpoint, Exchange, Observation, Parameter, Sender
from suites.probes.openapi import places, value_at

REFUSED = (400, 422)
# Refusals for other reasons, which prove nothing about a bound.
OTHER_REFUSALS = (401, 403, 404, 405, 409, 413, 429)
# Longer texts and lists are not tried.
MAX_LENGTH = 100_000


def bounds_kept(sender: Sender, endpoint: Endpoint, call: Call) -> Iterator[Observation]:
    """Test every bound of numbers, lengths and counts in the parameters and the body.

    Args:
        sender: the sender of requests to the service.
        endpoint: the operation.
        call: a valid request. If the service refuses this request, there are no observations.

    Yields:
        Two observations for each bound: a value beyond the bound, and a value at the bound.
    """
    if sender.send(endpoint, call).status in (*REFUSED, *OTHER_REFUSALS):
        return
    for place, bound, at_bound, beyond in _bounds(endpoint, call):
        inside = sender.send(endpoint, call.with_value(place, at_bound))
        outside = sender.send(endpoint, call.with_value(place, beyond))
        name = f"{endpoint.name} {place.name} {bound}"
        is_kept = outside.status in (*REFUSED, *OTHER_REFUSALS)
        yield _observation(f"{name} kept", "beyond", outside, is_finding=not is_kept)
        yield _observation(f"{name} reached", "at", inside, is_finding=inside.status in REFUSED)


def _bounds(endpoint: Endpoint, call: Call) -> Iterator[tuple[Parameter, str, Any, Any]]:
    for place in (*places(endpoint, call), *_lists(endpoint, call)):
        schema = place.schema
        if "minimum" in schema:
            yield place, "minimum", schema["minimum"], schema["minimum"] - 1
        if "maximum" in schema:
            yield place, "maximum", schema["maximum"], schema["maximum"] + 1
        if schema.get("maxLength", MAX_LENGTH) < MAX_LENGTH:
            yield place, "maxLength", "x" * schema["maxLength"], "x" * (schema["maxLength"] + 1)
        if schema.get("minLength"):
            yield place, "minLength", "x" * schema["minLength"], "x" * (schema["minLength"] - 1)
        value = value_at(call, place)
        if schema.get("maxItems", MAX_LENGTH) < MAX_LENGTH and isinstance(value, list) and value:
            item = value[0]
            max_items = schema["maxItems"]
            yield place, "maxItems", [item] * max_items, [item] * (max_items + 1)


def _lists(endpoint: Endpoint, call: Call) -> Iterator[Parameter]:
    """Yield the lists of a body; the number of items of a list may have bounds."""
    for name, schema in (endpoint.body or {}).get("properties", {}).items():
        if isinstance(value_at(call, Parameter(name, "body", schema, required=False)), list):
            yield Parameter(name, "body", schema, required=True)


def unknown_fields(endpoint: Endpoint, call: Call) -> Iterator[tuple[str, Call]]:
    """Make requests with one unknown field, in the body or in an object of the body.

    Args:
        endpoint: the operation.
        call: a valid request.

    Yields:
        The name of the unknown field, and the request. There is no request for an object that
        allows further fields.
    """
    for path, schema in _objects(endpoint.body or {}, call.body, ""):
        if schema.get("additionalProperties", True) is False:
            name = f"{path}.unknown_field".strip(".")
            place = Parameter(name, "body", {}, required=False)
            yield name, replace(call.with_value(place, 1))


def _objects(schema: Any, value: object, path: str) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - any JSON
    if isinstance(value, dict):
        yield path, schema
        for name, item in value.items():
            inner = schema.get("properties", {}).get(name, {})
            yield from _objects(inner, item, f"{path}.{name}".strip("."))
    elif isinstance(value, list) and value:
        yield from _objects(schema.get("items", {}), value[0], f"{path}.0".strip("."))


def _observation(place: str, side: str, answer: Exchange, *, is_finding: bool) -> Observation:
    bound = place.rpartition(" ")[0]
    sentence = f"a value {side} the bound ({bound}) got status {answer.status}"
    return Observation("input-bounds", place, is_finding, sentence, answer)
