"""Reads openapi.yaml into operations, each with a validator for every documented answer."""

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
MAX_PROBLEMS = 3
FIRST_REDIRECT = 300


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of the contract.

    Args:
        name: the operationId of the operation.
        method: HTTP method, in capitals.
        path: path template.
        public: whether a call needs no token.
        answers: for each documented status, a validator of the JSON body, or None.
        effects: for each status with effects, everything that the operation changes.
        echo: paths in the answer, each with the path of what was sent and must come back.
    """

    name: str
    method: str
    path: str
    public: bool
    answers: Mapping[int, Draft202012Validator | None]
    effects: Mapping[int, tuple[Effect, ...]]
    echo: Mapping[str, str]

    def url_path(self, values: Mapping[str, str]) -> str:
        """The path with its parameters filled in, escaped.

        Raises:
            KeyError: a parameter is missing.
        """
        escaped = {name: quote(value, safe="") for name, value in values.items()}
        return self.path.format_map(escaped)

    def problems(self, status: int, body: object) -> list[str]:
        """The differences of an answer from the contract; empty without differences.

        Args:
            status: the received status.
            body: the received JSON body; None for an empty body.
        """
        if status not in self.answers:
            documented = ", ".join(str(status) for status in sorted(self.answers))
            return [f"status {status} is not documented; the documented statuses are {documented}"]
        validator = self.answers[status]
        if validator is None:
            return [] if body is None else ["the answer has a body, and no body is documented"]
        errors = sorted(validator.iter_errors(body), key=lambda error: list(error.path))
        return [_problem(error) for error in errors[:MAX_PROBLEMS]]

    def echo_problems(self, status: int, sent: Document, answer: object) -> list[str]:
        """Values of the request that the answer repeats wrongly: it may be another person's answer.

        Args:
            status: the received status; only an answer of success repeats what was sent.
            sent: ``body``, ``path`` and ``query`` as they were sent.
            answer: the received JSON body.
        """
        if status >= FIRST_REDIRECT:
            return []
        problems = []
        for shown, reference in self.echo.items():
            expected = [str(value) for value in _present(sent, reference)]
            received = [str(value) for value in _present(answer, shown)]
            if expected and received != expected:
                problems.append(f"$.{shown} is {received} where {expected} was sent")
        return problems


def _present(content: object, path: str) -> list[Any]:
    """The values at a path that are not null."""
    return [value for value in values_at(content, path.split(".")) if value is not None]


def _problem(error: ValidationError) -> str:
    """Where a body differs from its schema, and how; for a format, with the reason."""
    reason = f": {error.cause}" if error.cause else ""
    return f"{error.json_path}: {error.message[:200]}{reason}"


@dataclass(frozen=True, slots=True)
class Contract:
    """All operations, keyed by id, and all schemas, keyed by name."""

    operations: Mapping[str, Operation]
    schemas: Mapping[str, Draft202012Validator]

    def operation(self, name: str) -> Operation:
        """The operation with this id.

        Raises:
            LookupError: the contract has no such operation.
        """
        if name not in self.operations:
            raise LookupError(f"no operation {name!r} in {FILE.name}")
        return self.operations[name]


@cache
def document() -> Document:
    """The contract as it is written; the file is read once."""
    text = FILE.read_text(encoding="utf-8")
    content: Document = yaml.load(text, Loader=_Loader)  # noqa: S506 - a safe loader
    return content


@cache
def load() -> Contract:
    """The contract's operations.

    Raises:
        LookupError: the contract uses a format that nothing checks.
    """
    document_ = document()
    if unchecked := unchecked_formats(document_):
        raise LookupError(f"no checker for the format {unchecked[0]!r} of {FILE.name}")
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
    """A validator that resolves references to the components of the contract."""
    rooted = {**schema, "components": document["components"]}
    return Draft202012Validator(rooted, format_checker=FORMATS)
