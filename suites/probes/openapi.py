"""Reads the operations of an OpenAPI 3 document, and makes a valid value for each parameter."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from suites.probes.api import FORM, JSON, Call, Endpoint, Parameter

METHODS = ("get", "post", "put", "patch", "delete")
MAX_DEPTH = 8
# JSON as it was parsed from a file.
Schema = Mapping[str, Any]
Document = Mapping[str, Any]


def endpoints(document: Document) -> tuple[Endpoint, ...]:
    """Return all operations of an OpenAPI document.

    Args:
        document: the parsed OpenAPI 3.0 or 3.1 document.

    Raises:
        ValueError: the value is not an OpenAPI 3 document, or the document has no operation.
    """
    if not str(document.get("openapi", "")).startswith("3.") or not document.get("paths"):
        raise ValueError(
            "not an OpenAPI 3 document: expected the key openapi with a value that begins with 3., "
            "and the key paths"
        )
    try:
        operations = tuple(_all(document))
    except (TypeError, AttributeError, LookupError, RecursionError) as error:
        raise ValueError(
            f"the OpenAPI document cannot be read: {type(error).__name__}: {error}"
        ) from error
    if not operations:
        raise ValueError("the OpenAPI document has no operation under the key paths")
    return operations


def token_header(document: Document) -> str:
    """Return the name of the header that carries the token.

    Args:
        document: the parsed OpenAPI document.

    Returns:
        The header of a security scheme ``apiKey``, or else ``Authorization``.
    """
    schemes = (document.get("components") or {}).get("securitySchemes") or {}
    kinds = [scheme for scheme in schemes.values() if isinstance(scheme, Mapping)]
    if any(scheme.get("type") in ("http", "oauth2", "openIdConnect") for scheme in kinds):
        return "Authorization"
    names = [
        str(scheme.get("name"))
        for scheme in kinds
        if scheme.get("type") == "apiKey" and scheme.get("in") == "header"
    ]
    return names[0] if names else "Authorization"


def _all(document: Document) -> Iterator[Endpoint]:
    default_security = document.get("security", [])
    for path, methods in document["paths"].items():
        for method in METHODS:
            if method in methods:
                yield _endpoint(document, path, method, methods, default_security)


def _endpoint(
    document: Document, path: str, method: str, methods: Schema, default_security: list[Schema]
) -> Endpoint:
    content = methods[method]
    entries = [*(methods.get("parameters") or []), *(content.get("parameters") or [])]
    resolved = [_resolved(document, item) for item in entries]
    parameters = tuple(
        Parameter(item["name"], item["in"], _schema_of(item), bool(item.get("required")))
        for item in resolved
        if item["in"] in ("path", "query", "header")
    )
    bodies = _resolved(document, content.get("requestBody") or {}).get("content") or {}
    kinds = {name.partition(";")[0].strip().lower(): name for name in bodies}
    kind = next((kinds[item] for item in (JSON, FORM) if item in kinds), "")
    security = content.get("security", default_security)
    return Endpoint(
        name=content.get("operationId", f"{method.upper()} {path}"),
        method=method.upper(),
        path=path,
        parameters=parameters,
        body=_schema_of(bodies[kind] or {}) if kind else None,
        body_type=kind.partition(";")[0],
        secured=bool(security) and {} not in security,
        statuses=frozenset(
            int(item) for item in content.get("responses") or {} if str(item).isdigit()
        ),
        description=" ".join(
            str(text)
            for text in (
                content.get("summary", ""),
                content.get("description", ""),
                *(content.get("tags") or ()),
            )
        ),
    )


def _schema_of(content: Schema) -> Schema:
    """Return the schema of a parameter or a body, together with its example."""
    schema = content.get("schema", {})
    merged = _merged(schema) if isinstance(schema, Mapping) else {}
    return {**merged, "example": content["example"]} if "example" in content else merged


def _merged(schema: Schema) -> Schema:
    """Merge the parts of ``allOf`` of a schema into one object."""
    properties = {
        name: _merged(subschema) if isinstance(subschema, Mapping) else {}
        for name, subschema in (schema.get("properties") or {}).items()
    }
    merged = {**schema, **({"properties": properties} if properties else {})}
    for part in map(_merged, schema.get("allOf", ())):
        merged = {**part, **merged}
        for key in ("properties", "required"):
            if key in part and key in schema:
                united = (
                    {**part[key], **merged[key]}
                    if key == "properties"
                    else [*part[key], *merged[key]]
                )
                merged[key] = united
    return merged


def _resolved(document: Document, value: Any, path: tuple[str, ...] = ()) -> Any:  # noqa: ANN401 - any JSON
    """Replace every reference in a value by its target; a recursive reference becomes empty."""
    if len(path) > MAX_DEPTH:
        return {}
    if isinstance(value, list):
        return [_resolved(document, item, path) for item in value]
    if not isinstance(value, Mapping):
        return value
    name = value.get("$ref")
    if isinstance(name, str):
        if name in path:
            return {}
        referenced: Any = document
        for part in name.removeprefix("#/").split("/"):
            key = part.replace("~1", "/").replace("~0", "~")
            referenced = referenced[int(key)] if isinstance(referenced, list) else referenced[key]
        return _resolved(document, referenced, (*path, name))
    return {name: _resolved(document, item, path) for name, item in value.items()}


def sample(schema: Schema) -> Any:  # noqa: ANN401 - any JSON
    """Return a small value that a schema allows."""
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
    formats = {
        "email": "somebody@example.com",
        "date": "2026-01-01",
        "uri": "https://a.example",
        "date-time": "2026-01-01T00:00:00Z",
        "uuid": nobody,
    }
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
    """Make a valid request for an operation, with all required parameters."""
    required = [parameter for parameter in endpoint.parameters if parameter.required]
    return Call(
        path={
            parameter.name: str(sample(parameter.schema))
            for parameter in required
            if parameter.where == "path"
        },
        query={
            parameter.name: str(sample(parameter.schema))
            for parameter in required
            if parameter.where == "query"
        },
        body=sample(endpoint.body) if endpoint.body is not None else None,
        headers={
            parameter.name: str(sample(parameter.schema))
            for parameter in required
            if parameter.where == "header"
        },
    )


def places(endpoint: Endpoint, call: Call) -> tuple[Parameter, ...]:
    """Return every path and query parameter of an operation, and every field of a request's body.

    Args:
        endpoint: the operation.
        call: a valid request for the operation; only fields without inner fields are returned.
    """
    body = _leaves(endpoint.body or {}, call.body, "")
    return (*(parameter for parameter in endpoint.parameters if parameter.where != "header"), *body)


def value_at(call: Call, place: Parameter) -> object:
    """Return the value that a request sends in a parameter or body field; None without a value."""
    if place.where != "body":
        return (call.path if place.where == "path" else call.query).get(place.name)
    value: Any = call.body
    for key in place.name.split("."):
        if isinstance(value, list):
            value = value[int(key)]
        else:
            value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _leaves(schema: Schema, value: object, name: str) -> Iterator[Parameter]:
    if isinstance(value, Mapping):
        properties = schema.get("properties", {})
        for key in {**value, **properties}:
            yield from _leaves(properties.get(key, {}), value.get(key), f"{name}.{key}".strip("."))
    elif isinstance(value, list) and value:
        yield from _leaves(schema.get("items", {}), value[0], f"{name}.0".strip("."))
    elif name:
        yield Parameter(name, "body", schema, required=False)
