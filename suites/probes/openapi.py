"""Reads the operations of an OpenAPI 3 document, and makes a valid value for each parameter."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from suites.probes.api import FORM, JSON, Call, Endpoint, Parameter

METHODS = ("get", "post", "put", "patch", "delete")
MAX_DEPTH = 8
# OpenAPI says that parameters with these names are ignored; the session has its own headers.
IGNORED_HEADERS = frozenset({"accept", "authorization", "content-type", "cookie"})
TEMPLATE_NAME = re.compile(r"{([^{}/]+)}")
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
    return _with_unique_names(operations)


def _with_unique_names(operations: tuple[Endpoint, ...]) -> tuple[Endpoint, ...]:
    """Name operations that share an operationId by method and path, so that none is lost."""
    counts = Counter(operation.name for operation in operations)
    return tuple(
        operation
        if counts[operation.name] == 1
        else replace(operation, name=f"{operation.method} {operation.path}")
        for operation in operations
    )


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
    for path, item in document["paths"].items():
        methods = _referenced(document, item) if isinstance(item, Mapping) else {}
        for method in METHODS:
            if method in methods:
                yield _endpoint(document, path, method, methods, default_security)


def _endpoint(
    document: Document, path: str, method: str, methods: Schema, default_security: list[Schema]
) -> Endpoint:
    content = methods[method]
    entries = [*(methods.get("parameters") or []), *(content.get("parameters") or [])]
    resolved = [_resolved(document, item) for item in entries]
    # An operation may declare a parameter of its path again; the operation's declaration counts.
    declared = {(item["name"], item["in"]): item for item in resolved}
    parameters = tuple(
        Parameter(name, where, _schema_of(item), bool(item.get("required")) or where == "path")
        for (name, where), item in declared.items()
        if where in ("path", "query", "header") and not _is_ignored(name, where)
    )
    known = {parameter.name for parameter in parameters if parameter.where == "path"}
    undeclared = [name for name in TEMPLATE_NAME.findall(path) if name not in known]
    parameters += tuple(
        Parameter(name, "path", {"type": "string"}, required=True) for name in undeclared
    )
    bodies = _resolved(document, content.get("requestBody") or {}).get("content") or {}
    kind = _body_kind(bodies)
    security = content.get("security", default_security)
    return Endpoint(
        name=content.get("operationId", f"{method.upper()} {path}"),
        method=method.upper(),
        path=path,
        parameters=parameters,
        body=_schema_of(bodies[kind] or {}) if kind else None,
        body_type=JSON if "*" in kind else kind.partition(";")[0].strip(),
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


def _is_ignored(name: str, where: str) -> bool:
    return where == "header" and name.lower() in IGNORED_HEADERS


def _body_kind(bodies: Schema) -> str:
    """Return the media type of the body that the scan sends: JSON, else a form; else empty."""
    kinds = {name.partition(";")[0].strip().lower(): name for name in bodies}
    chosen = [name for kind, name in kinds.items() if kind == JSON]
    chosen += [name for kind, name in kinds.items() if _is_json(kind)]
    chosen += [name for kind, name in kinds.items() if kind == FORM]
    return next(iter(chosen), "")


def _is_json(kind: str) -> bool:
    """Return whether a media type is JSON, also with another name, such as ``*/*``."""
    name = kind.partition(";")[0].strip().lower()
    return name in (JSON, "*/*", "application/*") or name.endswith("+json")


def _schema_of(content: Schema) -> Schema:
    """Return the schema of a parameter or a body, together with its example."""
    schema = content.get("schema", {})
    merged = _merged(schema) if isinstance(schema, Mapping) else {}
    if "example" in content:
        return {**merged, "example": content["example"]}
    examples = content.get("examples")
    named = list(examples.values()) if isinstance(examples, Mapping) else []
    values = [each["value"] for each in named if isinstance(each, Mapping) and "value" in each]
    return {**merged, "example": values[0]} if values else merged


def _merged(schema: Schema) -> Schema:
    """Unite the parts of ``allOf`` of a schema, at any depth, into one object."""
    merged: dict[str, Any] = dict(schema)
    # Some documents have a flag in the schema of a property here, as in a parameter.
    required = schema.get("required")
    merged["required"] = list(required) if isinstance(required, list) else []
    merged["properties"] = {
        name: _merged(inner) if isinstance(inner, Mapping) else {}
        for name, inner in (schema.get("properties") or {}).items()
    }
    for key in ("oneOf", "anyOf"):
        if isinstance(schema.get(key), list):
            merged[key] = [
                _merged(each) if isinstance(each, Mapping) else {} for each in schema[key]
            ]
    if isinstance(schema.get("items"), Mapping):
        merged["items"] = _merged(schema["items"])
    for part in schema.get("allOf") or ():
        inner = _merged(part) if isinstance(part, Mapping) else {}
        properties = {**inner.get("properties", {}), **merged["properties"]}
        names = list(dict.fromkeys([*inner.get("required", ()), *merged["required"]]))
        merged = {**inner, **merged, "properties": properties, "required": names}
    return {key: value for key, value in merged.items() if value or key not in UNITED}


UNITED = ("properties", "required")


def _referenced(document: Document, item: Schema) -> Schema:
    """Return a path item; where it is a reference, the path item that is referenced."""
    return {**_resolved(document, {"$ref": item["$ref"]}), **item} if "$ref" in item else item


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
            parameter.name: as_text(sample(parameter.schema))
            for parameter in required
            if parameter.where == "path"
        },
        query={
            parameter.name: as_text(sample(parameter.schema))
            for parameter in required
            if parameter.where == "query"
        },
        body=sample(endpoint.body) if endpoint.body is not None else None,
        headers={
            parameter.name: as_text(sample(parameter.schema))
            for parameter in required
            if parameter.where == "header"
        },
    )


def as_text(value: object) -> str:
    """Return a value as the text of a parameter: booleans in lower case, the items of a list."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return ",".join(as_text(item) for item in value)
    return str(value)


def places(endpoint: Endpoint, call: Call) -> tuple[Parameter, ...]:
    """Return every path and query parameter of an operation, and every field of a request's body.

    Args:
        endpoint: the operation.
        call: a valid request for the operation; only fields without inner fields are returned.
    """
    body = _leaves(endpoint.body or {}, call.body, "")
    return (*(parameter for parameter in endpoint.parameters if parameter.where != "header"), *body)


def declared_places(endpoint: Endpoint) -> tuple[Parameter, ...]:
    """Return the parameters and the body fields that the document declares, also optional ones."""
    return places(endpoint, Call(body=_skeleton(endpoint.body or {})))


def _skeleton(schema: Schema) -> Any:  # noqa: ANN401 - any JSON
    """Return the objects and lists of a schema, with None in the place of each other value."""
    options = [option for key in ("oneOf", "anyOf") for option in schema.get(key) or ()]
    inner = [_skeleton(option) for option in options]
    fields = {key: value for each in inner if isinstance(each, dict) for key, value in each.items()}
    fields |= {name: _skeleton(each) for name, each in (schema.get("properties") or {}).items()}
    if fields:
        return fields
    return [_skeleton(schema["items"])] if isinstance(schema.get("items"), Mapping) else None


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
