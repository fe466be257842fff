"""Build valid request bodies and values from the schemas and field names of an OpenAPI file."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from suites.probes.api import Call, Endpoint, Parameter
from suites.probes.openapi import as_text, benign, places, sample, value_at
from suites.scanner.survey.known_values import KnownValues, plain

MAX_DEPTH = 6
# Of the accounts that the scan registers itself.
GOOD_PASSWORD = f"Zq7-{'Probe'}-2026-xK"
# A value by a part of the field's name, where the schema has no example.
BY_NAME: Mapping[str, object] = {
    "email": "probe@example.com",
    "mail": "probe@example.com",
    "password": GOOD_PASSWORD,
    "passwd": GOOD_PASSWORD,
    "phone": "5550101234",
    "mobile": "5550101234",
    "url": "https://example.com/",
    "uri": "https://example.com/",
    "link": "https://example.com/",
    "website": "https://example.com/",
    "date": "2026-01-01",
    "country": "DE",
    "currency": "EUR",
    "zip": "10115",
    "postcode": "10115",
}


def full_call(endpoint: Endpoint, known: KnownValues, *, optional: bool) -> Call:
    """Build a request with values that the OpenAPI file describes as valid.

    Args:
        endpoint: the operation that gets the request.
        known: values from earlier responses of the service, such as ids.
        optional: whether the request also has optional properties and query parameters.
    """
    call = benign(endpoint)
    if endpoint.body is not None:
        call = replace(call, body=_value("", endpoint.body, known, (optional, 0)))
    if optional:
        shown = {
            parameter.name: as_text(sample(parameter.schema))
            for parameter in endpoint.parameters
            if parameter.where == "query"
            and not parameter.required
            and {"example", "default"} & set(parameter.schema)
        }
        call = replace(call, query={**shown, **call.query})
    return call


def _value(
    name: str, schema: Mapping[str, Any], known: KnownValues, form: tuple[bool, int]
) -> object:
    optional, depth = form
    if depth > MAX_DEPTH:
        return None
    for key in ("oneOf", "anyOf"):
        options = [option for option in schema.get(key) or () if option.get("type") != "null"]
        if options and "properties" not in schema:
            return _value(name, {**options[0], **_example(schema)}, known, form)
    properties = schema.get("properties")
    if properties:
        example = schema.get("example")
        required = schema.get("required") or ()
        examples = example if isinstance(example, Mapping) else {}
        return {
            key: examples.get(key, _value(key, subschema, known, (optional, depth + 1)))
            for key, subschema in properties.items()
            if not subschema.get("readOnly")
            and (
                key in required
                or (
                    optional
                    and _is_shown(subschema, is_given=key in examples, has_required=bool(required))
                )
            )
        }
    kind = schema.get("type", "string")
    kind = (
        next((type_name for type_name in kind if type_name != "null"), "string")
        if isinstance(kind, list)
        else kind
    )
    if kind == "array" and "example" not in schema:
        count = max(1, int(schema.get("minItems", 1)))
        return [_value(name, schema.get("items") or {}, known, (optional, depth + 1))] * count
    if {"example", "default", "const", "enum", "examples"} & set(schema):
        return sample(schema)
    return _scalar(name, schema, str(kind), known)


def _example(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {key: schema[key] for key in ("example", "default") if key in schema}


def _is_shown(schema: Mapping[str, Any], *, is_given: bool, has_required: bool) -> bool:
    """Return whether to send an optional property: if it has an example, or if none is required."""
    return is_given or not has_required or bool({"example", "default", "examples"} & set(schema))


def _scalar(name: str, schema: Mapping[str, Any], kind: str, known: KnownValues) -> object:
    learned = known.of_name(name) if plain(name).endswith("id") else []
    if learned and (kind != "integer" or isinstance(learned[0], int)):
        return learned[0]
    if kind == "string" and "format" not in schema and "pattern" not in schema:
        for part, value in BY_NAME.items():
            if part in plain(name):
                return value
    return sample(schema)


def with_mark(endpoint: Endpoint, call: Call, mark: str) -> tuple[Call, list[Parameter]]:
    """Write a different text into every free text field of a request body.

    Args:
        endpoint: the operation that gets the request.
        call: a valid request.
        mark: the beginning of each text, without special characters.

    Returns:
        The changed request, and the fields that were changed.
    """
    free = list(free_texts(endpoint, call))
    for number, place in enumerate(free):
        call = call.with_value(place, f"{mark}f{number}")
    return call, free


def free_texts(endpoint: Endpoint, call: Call) -> Iterator[Parameter]:
    """Yield the fields of a request body in which the OpenAPI file allows any text."""
    for place in places(endpoint, call):
        if place.where == "body" and isinstance(value_at(call, place), str) and is_free(place):
            yield place


def is_free(place: Parameter) -> bool:
    """Return whether the OpenAPI file allows any text in a field."""
    name = plain(place.name.rpartition(".")[2])
    bound = {"enum", "format", "pattern", "const"} & set(place.schema)
    options = [place.schema, *(place.schema.get("anyOf") or ())]
    default = "object" if "anyOf" in place.schema else "string"
    kinds = [option.get("type", default) for option in options]
    is_text = any(
        kind == "string" or (isinstance(kind, list) and "string" in kind) for kind in kinds
    )
    is_known = name.endswith("id") or any(part in name for part in BY_NAME)
    return is_text and not bound and not is_known
