"""Reads any OpenAPI 3 document into endpoints, with a valid value for each parameter."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from suites.probes.api import FORM, JSON, Call, Endpoint, Parameter

METHODS = ("get", "post", "put", "patch", "delete")
DEEPEST = 8
Schema = Mapping[str, Any]


def endpoints(document: Mapping[str, Any]) -> tuple[Endpoint, ...]:
    """The operations of a document.

    Args:
        document: the parsed OpenAPI 3.0 or 3.1 document.

    Raises:
        ValueError: it is none.
    """
    if not str(document.get("openapi", "")).startswith("3.") or not document.get("paths"):
        raise ValueError("not an OpenAPI 3 document: no openapi: 3.… or no paths")
    try:
        found = tuple(_all(document))
    except (TypeError, AttributeError, LookupError, RecursionError) as error:
        raise ValueError(f"the document cannot be read: {type(error).__name__}: {error}") from error
    if not found:
        raise ValueError("the document has no operation")
    return found


def _all(document: Mapping[str, Any]) -> Iterator[Endpoint]:
    everywhere = document.get("security", [])
    for path, methods in document["paths"].items():
        for method in METHODS:
            if method in methods:
                yield _endpoint(document, path, method, methods, everywhere)


def _endpoint(
    document: Mapping[str, Any], path: str, method: str, methods: Schema, everywhere: list[Schema]
) -> Endpoint:
    content = methods[method]
    listed = [*(methods.get("parameters") or []), *(content.get("parameters") or [])]
    resolved = [_resolved(document, one) for one in listed]
    parameters = tuple(
        Parameter(one["name"], one["in"], _schema_of(one), bool(one.get("required")))
        for one in resolved
        if one["in"] in ("path", "query", "header")
    )
    bodies = _resolved(document, content.get("requestBody") or {}).get("content") or {}
    kinds = {name.partition(";")[0].strip().lower(): name for name in bodies}
    kind = next((kinds[one] for one in (JSON, FORM) if one in kinds), "")
    security = content.get("security", everywhere)
    return Endpoint(
        name=content.get("operationId", f"{method.upper()} {path}"),
        method=method.upper(),
        path=path,
        parameters=parameters,
        body=_schema_of(bodies[kind] or {}) if kind else None,
        body_type=kind.partition(";")[0],
        secured=bool(security) and {} not in security,
        statuses=frozenset(
            int(one) for one in content.get("responses") or {} if str(one).isdigit()
        ),
    )


def _schema_of(content: Schema) -> Schema:
    """The schema of a parameter or a body, with the example that stands beside it."""
    schema = content.get("schema", {})
    merged = _merged(schema) if isinstance(schema, Mapping) else {}
    return {**merged, "example": content["example"]} if "example" in content else merged


def _merged(schema: Schema) -> Schema:
    """A schema whose ``allOf`` is one object."""
    properties = {name: _merged(one) if isinstance(one, Mapping) else {}
                  for name, one in (schema.get("properties") or {}).items()}  # fmt: skip
    merged = {**schema, **({"properties": properties} if properties else {})}
    for part in map(_merged, schema.get("allOf", ())):
        merged = {**part, **merged}
        for key in ("properties", "required"):
            if key in part and key in schema:
                both = {**part[key], **merged[key]} if key == "properties" else [
                    *part[key], *merged[key]]  # fmt: skip
                merged[key] = both
    return merged


def _resolved(document: Mapping[str, Any], value: Any, way: tuple[str, ...] = ()) -> Any:  # noqa: ANN401
    """The value with every reference replaced by what it names; one into itself by nothing."""
    if len(way) > DEEPEST:
        return {}
    if isinstance(value, list):
        return [_resolved(document, one, way) for one in value]
    if not isinstance(value, Mapping):
        return value
    name = value.get("$ref")
    if isinstance(name, str):
        if name in way:
            return {}
        found: Any = document
        for part in name.removeprefix("#/").split("/"):
            key = part.replace("~1", "/").replace("~0", "~")
            found = found[int(key)] if isinstance(found, list) else found[key]
        return _resolved(document, found, (*way, name))
    return {name: _resolved(document, one, way) for name, one in value.items()}


def sample(schema: Schema) -> Any:  # noqa: ANN401 - any JSON
    """A small value that a schema allows."""
    for key in ("example", "default", "const"):
        if key in schema:
            return schema[key]
    if schema.get("examples"):
        return schema["examples"][0]
    if schema.get("enum"):
        return schema["enum"][0]
    for key in ("oneOf", "anyOf"):
        if schema.get(key):
            return sample(schema[key][0])
    kind = schema.get("type", "object" if "properties" in schema else "string")
    name = (kind or ["string"])[0] if isinstance(kind, list) else kind
    return SAMPLES.get(name, _text)(schema)


def _object(schema: Schema) -> dict[str, Any]:
    properties = schema.get("properties", {})
    return {name: sample(properties.get(name, {})) for name in schema.get("required", ())}


def _text(schema: Schema) -> str:
    nobody = "00000000-0000-4000-8000-000000000000"
    formats = {"email": "somebody@example.com", "date": "2026-01-01", "uri": "https://a.example",
               "date-time": "2026-01-01T00:00:00Z", "uuid": nobody}  # fmt: skip
    text = formats.get(schema.get("format", ""), "sample")
    return text.ljust(schema.get("minLength", 0), "x")[: schema.get("maxLength", 200)]


SAMPLES: Mapping[str, Callable[[Schema], Any]] = {
    "object": _object,
    "array": lambda schema: [sample(schema.get("items", {}))] * schema.get("minItems", 1),
    "string": _text,
    "integer": lambda schema: max(1, schema.get("minimum", 1)),
    "number": lambda schema: max(1, schema.get("minimum", 1)),
    "boolean": lambda _: True,
    "null": lambda _: None,
}


def benign(endpoint: Endpoint) -> Call:
    """A call that the document allows."""
    required = [one for one in endpoint.parameters if one.required]
    return Call(
        path={one.name: str(sample(one.schema)) for one in required if one.where == "path"},
        query={one.name: str(sample(one.schema)) for one in required if one.where == "query"},
        body=sample(endpoint.body) if endpoint.body is not None else None,
        headers={one.name: str(sample(one.schema)) for one in required if one.where == "header"},
    )


def places(endpoint: Endpoint, call: Call) -> tuple[Parameter, ...]:
    """Every place of a call that takes a value: parameters, and the leaves of its body."""
    body = _leaves(endpoint.body or {}, call.body, "")
    return (*(one for one in endpoint.parameters if one.where != "header"), *body)


def value_at(call: Call, place: Parameter) -> object:
    """The value a call has at a place; None when it has none."""
    if place.where != "body":
        return (call.path if place.where == "path" else call.query).get(place.name)
    found: Any = call.body
    for key in place.name.split("."):
        if isinstance(found, list):
            found = found[int(key)]
        else:
            found = found.get(key) if isinstance(found, Mapping) else None
    return found


def _leaves(schema: Schema, value: object, name: str) -> Iterator[Parameter]:
    if isinstance(value, Mapping):
        properties = schema.get("properties", {})
        for key in {**value, **properties}:
            yield from _leaves(properties.get(key, {}), value.get(key), f"{name}.{key}".strip("."))
    elif isinstance(value, list) and value:
        yield from _leaves(schema.get("items", {}), value[0], f"{name}.0".strip("."))
    elif name:
        yield Parameter(name, "body", schema, required=False)
