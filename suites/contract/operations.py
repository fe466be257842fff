"""Reads openapi.yaml into operations, each with a validator for every documented response."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import yaml
from jsonschema import Draft202012Validator, ValidationError

from suites.contract.effects import Effect, effects_by_status
from suites.contract.formats import FORMATS, unchecked_formats
from suites.contract.paths import values_at

# JSON as it was parsed from the file.
Document = Mapping[str, Any]

FILE = Path(__file__).with_name("openapi.yaml")
JSON = "application/json"
MAX_MESSAGE = 200
MAX_PROBLEMS = 3
FIRST_REDIRECT = 300


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of the contract.

    Args:
        name: the operationId of the operation.
        method: the HTTP method in capitals.
        path: the path template, such as ``/api/orders/{order_id}``.
        public: whether a request needs no token.
        answers: the validator of the JSON body for each documented status; None for a response
            without a body.
        effects: the changes of the operation for each status with effects.
        echo: the request values that the response must repeat: the path in the request, keyed by
            the path in the response.
    """

    name: str
    method: str
    path: str
    public: bool
    answers: Mapping[int, Draft202012Validator | None]
    effects: Mapping[int, tuple[Effect, ...]]
    echo: Mapping[str, str]

    def url_path(self, values: Mapping[str, str]) -> str:
        """Return the path with escaped values for its parameters.

        Args:
            values: the value of each path parameter, keyed by name.

        Raises:
            KeyError: the value of a parameter is missing.
        """
        escaped = {name: quote(value, safe="") for name, value in values.items()}
        return self.path.format_map(escaped)

    def problems(self, status: int, body: object) -> list[str]:
        """Return how a response differs from the contract, in at most three sentences.

        Args:
            status: the status of the response.
            body: the JSON body of the response; None for an empty body.
        """
        if status not in self.answers:
            documented = ", ".join(str(status) for status in sorted(self.answers))
            return [f"status {status} is not documented; the documented statuses are {documented}"]
        validator = self.answers[status]
        if validator is None:
            return [] if body is None else ["the response has a body, but no body is documented"]
        errors = sorted(validator.iter_errors(body), key=lambda error: list(error.path))
        return [_problem(error) for error in errors[:MAX_PROBLEMS]]

    def echo_problems(self, status: int, sent: Document, answer: object) -> list[str]:
        """Return the values of the request that the response repeats wrongly, as sentences.

        A wrong value may mean that the response belongs to another person.

        Args:
            status: the status of the response; only a successful response repeats values.
            sent: the values ``body``, ``path`` and ``query`` of the request.
            answer: the JSON body of the response.
        """
        if status >= FIRST_REDIRECT:
            return []
        problems = []
        for shown, reference in self.echo.items():
            expected = [str(value) for value in _present(sent, reference)]
            received = [str(value) for value in _present(answer, shown)]
            if expected and received != expected:
                problems.append(
                    f"$.{shown} is {received}, but the request had {expected} in {reference}"
                )
        return problems


def _present(content: object, path: str) -> list[Any]:
    """Return the values at a path, without null."""
    return [value for value in values_at(content, path.split(".")) if value is not None]


def _problem(error: ValidationError) -> str:
    """Return the JSON path and the message of a schema error, and why a format checker failed."""
    reason = f": {error.cause}" if error.cause else ""
    message = error.message
    if len(message) > MAX_MESSAGE:  # the message repeats a long value before it says what is wrong
        message = f"the value does not match {error.validator}: {error.validator_value!r}"
    return f"{error.json_path}: {message[:MAX_MESSAGE]}{reason}"


@dataclass(frozen=True, slots=True)
class Contract:
    """The contract of the store.

    Args:
        operations: all operations, keyed by operationId.
        schemas: a validator for each schema, keyed by the name of the schema.
    """

    operations: Mapping[str, Operation]
    schemas: Mapping[str, Draft202012Validator]

    def operation(self, name: str) -> Operation:
        """Return the operation with this operationId.

        Raises:
            LookupError: the contract has no operation with this operationId.
        """
        if name not in self.operations:
            raise LookupError(f"{FILE.name} has no operation {name!r}")
        return self.operations[name]


@cache
def document() -> Document:
    """Return the content of ``openapi.yaml``; the file is read only once."""
    text = FILE.read_text(encoding="utf-8")
    content: Document = yaml.load(text, Loader=_Loader)  # noqa: S506 - a safe loader
    return content


@cache
def load() -> Contract:
    """Return the contract of the store; ``openapi.yaml`` is read only once.

    Raises:
        LookupError: the contract uses a format that has no checker.
    """
    document_ = document()
    if unchecked := unchecked_formats(document_):
        raise LookupError(
            f"{FILE.name} uses the format {unchecked[0]!r}, which has no checker; add the checker "
            "to suites/contract/formats.py"
        )
    operations = {}
    for path, methods in document_["paths"].items():
        for method, content in methods.items():
            operation = _operation(document_, path, method, content)
            operations[operation.name] = operation
    schemas = {
        name: _validator(document_, {"$ref": f"#/components/schemas/{name}"})
        for name in document_["components"]["schemas"]
    }
    return Contract(operations=operations, schemas=schemas)


_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _operation(document: Document, path: str, method: str, content: Document) -> Operation:
    answers: dict[int, Draft202012Validator | None] = {}
    for status, answer in content["responses"].items():
        resolved = _resolved(document, answer)
        schema = resolved.get("content", {}).get(JSON, {}).get("schema")
        answers[int(status)] = _validator(document, schema) if schema else None
    return Operation(
        name=content["operationId"],
        method=method.upper(),
        path=path,
        public=content.get("security") == [],
        answers=answers,
        effects=effects_by_status(content),
        echo=content.get("x-echo", {}),
    )


def _resolved(document: Document, content: Document) -> Document:
    if "$ref" not in content:
        return content
    part_of_document = document
    for part in content["$ref"].removeprefix("#/").split("/"):
        part_of_document = part_of_document[part]
    return part_of_document


def _validator(document: Document, schema: Document) -> Draft202012Validator:
    """Return a validator that resolves references to the components of the contract."""
    rooted = {**schema, "components": document["components"]}
    return Draft202012Validator(rooted, format_checker=FORMATS)
