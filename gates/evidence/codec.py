"""Encodes stored evidence and run records as JSON, and decodes this JSON.

There are two forms of the JSON. A field of stored evidence may have a value of one of several
classes, so each object has the key ``is`` with the name of its class. Run records have a published
schema: their objects do not have the key ``is``, and fields with default values are left out.
"""

import dataclasses
import types
import typing
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from enum import Enum
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from gates import model
from gates.model import Sample, Series
from gates.model.target import LATER
from gates.sources import json_values

# The names of fields that are never written, because these fields have secrets.
LEFT_OUT = {"secrets", "access"}
CLASS_KEY = "is"
# Most values of evidence have one of these classes. JSON can state such values directly.
PLAIN_CLASSES = frozenset({str, float, int, bool, type(None)})

Value = TypeVar("Value")
Decoder = Callable[[Any], Any]


class Form(Enum):
    """The two forms of JSON: stored evidence for ``gates explain``, and run records."""

    EVIDENCE = "evidence"
    RECORD = "record"


def to_json(value: object) -> Any:  # noqa: ANN401 - the result is any JSON value
    """Encode a value of stored evidence as JSON, without the fields ``secrets`` and ``access``."""
    return _encode(value, Form.EVIDENCE)


def to_record(value: object) -> Any:  # noqa: ANN401 - the result is any JSON value
    """Encode a run record, or a part of a run record, as JSON."""
    return _encode(value, Form.RECORD)


def from_json(kind: type[Value], content: object) -> Value:
    """Decode a value of stored evidence from JSON.

    Args:
        kind: the class of the value.
        content: the JSON that ``to_json`` returned; untrusted.

    Raises:
        ValueError, LookupError, TypeError, AttributeError, ArithmeticError: the content is not
            the JSON of a value of this class.
    """
    return typing.cast("Value", _decoder(typing.cast("Any", kind), Form.EVIDENCE)(content))


def from_record(kind: type[Value], content: object) -> Value:
    """Decode a run record, or a part of a run record, from JSON.

    Numbers must be finite, and times must have a time zone.

    Args:
        kind: the class of the value.
        content: the JSON that ``to_record`` returned; untrusted.

    Raises:
        ValueError, LookupError, TypeError, AttributeError, ArithmeticError: the content is not
            the JSON of a value of this class.
    """
    return typing.cast("Value", _decoder(typing.cast("Any", kind), Form.RECORD)(content))


def _encode(value: Any, form: Form) -> Any:  # noqa: ANN401 - any value
    return value if type(value) in PLAIN_CLASSES else _encode_object(value, form)


def _encode_object(value: Any, form: Form) -> Any:  # noqa: ANN401, PLR0911 - one case per type
    match value:
        case Series():
            return {
                "labels": dict(value.labels),
                "at": [sample.at for sample in value.samples],
                "values": [repr(sample.value) for sample in value.samples],
            }
        case Enum():
            return value.value
        case datetime():
            return value.isoformat()
        case timedelta():
            return value.total_seconds()
        case Path():
            return str(value)
        case Mapping():
            return {str(key): _encode(item, form) for key, item in value.items()}
        case frozenset():
            return sorted(_encode(item, form) for item in value)
        case tuple() | list():
            return [_encode(item, form) for item in value]
        case _ if dataclasses.is_dataclass(value):
            return _encode_dataclass(value, form)
        case _:
            return value


def _encode_dataclass(value: Any, form: Form) -> dict[str, Any]:  # noqa: ANN401 - any dataclass
    content = {} if form is Form.RECORD else {CLASS_KEY: type(value).__name__}
    for field in dataclasses.fields(value):
        item = getattr(value, field.name)
        if field.name in LEFT_OUT or (form is Form.RECORD and item == field.default):
            continue
        content[field.name] = _encode(item, form)
    return content


@lru_cache(maxsize=1000)
def _decoder(kind: Any, form: Form) -> Decoder:  # noqa: ANN401 - a class or a type expression
    """Return the decoder of a type; each decoder is built only once."""
    build = BY_ORIGIN.get(get_origin(kind))
    if build is not None:
        return build(get_args(kind), form)
    if kind is Series:
        return _series
    if dataclasses.is_dataclass(kind):
        return _dataclass(kind, form)
    return _plain(kind, form)


def _series(content: Any) -> Series:  # noqa: ANN401 - untrusted JSON
    samples = zip(content["at"], content["values"], strict=True)
    return Series(
        {str(label): str(value) for label, value in content["labels"].items()},
        tuple(Sample(float(at), float(value)) for at, value in samples),
    )


def _dataclass(kind: Any, form: Form) -> Decoder:  # noqa: ANN401 - any dataclass
    hints = get_type_hints(kind, vars(model), include_extras=True)
    fields = [
        (field.name, _decoder(hints[field.name], form), _may_be_missing(field, form))
        for field in dataclasses.fields(kind)
        if field.name not in LEFT_OUT
    ]
    secrets: dict[str, Any] = {"secrets": {}} if "secrets" in hints else {}

    def decode(content: Any) -> Any:  # noqa: ANN401 - untrusted JSON
        content = json_values.object_of(content)
        if form is Form.EVIDENCE and content[CLASS_KEY] != kind.__name__:
            class_name = str(content[CLASS_KEY])[:80]
            raise ValueError(f"expected the class {kind.__name__}, found {class_name}")
        values = {
            name: decode_field(content[name])
            for name, decode_field, may_be_missing in fields
            if not may_be_missing or name in content
        }
        return kind(**values, **secrets)

    return decode


def _may_be_missing(field: dataclasses.Field[Any], form: Form) -> bool:
    """Whether a run record, or evidence of an older version of the gate, may lack the field."""
    missing = dataclasses.MISSING
    if form is not Form.RECORD and not LATER.items() <= field.metadata.items():
        return False
    return field.default is not missing or field.default_factory is not missing


def _union(kinds: tuple[Any, ...], form: Form) -> Decoder:
    """Return the decoder of an optional value, or of one of several dataclasses."""
    optional = type(None) in kinds
    decoders = {kind: _decoder(kind, form) for kind in kinds if kind is not type(None)}
    if len(decoders) == 1:
        (only,) = decoders.values()
        return lambda content: None if optional and content is None else only(content)
    by_name = {kind.__name__: decode for kind, decode in decoders.items()}

    def decode(content: Any) -> Any:  # noqa: ANN401 - untrusted JSON
        if optional and content is None:
            return None
        return by_name[json_values.object_of(content)[CLASS_KEY]](content)

    return decode


def _literal(choices: tuple[Any, ...], _: Form) -> Decoder:
    def decode(content: Any) -> Any:  # noqa: ANN401 - untrusted JSON
        if not any(content == choice and type(content) is type(choice) for choice in choices):
            raise ValueError(f"{str(content)[:40]!r} is not one of {choices}")
        return content

    return decode


def _annotated(arguments: tuple[Any, ...], form: Form) -> Decoder:
    """Return the decoder of a type with a rule for values, such as ``json_values.Count``."""
    kind, *rules = arguments
    if json_values.ANY_YEAR in rules:
        return json_values.moment_of_any_year
    if json_values.NOT_NEGATIVE not in rules:
        return _decoder(kind, form)
    check = json_values.integer if kind is int else json_values.number
    return lambda content: check(content, 0)


def _tuple(kinds: tuple[Any, ...], form: Form) -> Decoder:
    if kinds[-1] is Ellipsis:
        decode_item = _decoder(kinds[0], form)
        return lambda content: tuple(map(decode_item, json_values.list_of(content)))
    decoders = [_decoder(kind, form) for kind in kinds]

    def decode(content: Any) -> Any:  # noqa: ANN401 - untrusted JSON
        items = zip(decoders, json_values.list_of(content), strict=True)
        return tuple(decode_item(item) for decode_item, item in items)

    return decode


def _frozenset(kinds: tuple[Any, ...], form: Form) -> Decoder:
    decode_item = _decoder(kinds[0], form)
    return lambda content: frozenset(map(decode_item, json_values.list_of(content)))


def _mapping(kinds: tuple[Any, ...], form: Form) -> Decoder:
    decode_key = int if kinds[0] is int else str
    decode_item = _decoder(kinds[1], form)
    return lambda content: {
        decode_key(key): decode_item(item) for key, item in json_values.object_of(content).items()
    }


BY_ORIGIN: dict[Any, Callable[[tuple[Any, ...], Form], Decoder]] = {
    types.UnionType: _union,
    typing.Union: _union,
    Literal: _literal,
    Annotated: _annotated,
    tuple: _tuple,
    frozenset: _frozenset,
    dict: _mapping,
    Mapping: _mapping,
}


def _plain(kind: Any, form: Form) -> Decoder:  # noqa: ANN401 - a class
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind
    strict = STRICT if form is Form.RECORD else {}
    return strict.get(kind) or PLAIN.get(kind) or (lambda content: _instance(kind, content))


def _instance(kind: type, content: Any) -> Any:  # noqa: ANN401 - untrusted JSON
    """Check that a JSON value has the expected class, and return the value."""
    if not isinstance(content, kind) or (isinstance(content, bool) and kind is not bool):
        raise TypeError(f"{content!r} is not a value of {kind.__name__}"[:200])
    return content


def _float(content: Any) -> float:  # noqa: ANN401 - untrusted JSON
    """A number of stored evidence; the number may be infinite."""
    is_integer = isinstance(content, int) and not isinstance(content, bool)
    return float(content) if is_integer else float(_instance(float, content))


PLAIN: dict[Any, Decoder] = {
    datetime: datetime.fromisoformat,
    timedelta: lambda content: timedelta(seconds=content),
    Path: Path,
    float: _float,
}
STRICT: dict[Any, Decoder] = {
    datetime: json_values.moment,
    float: json_values.number,
    int: json_values.integer,
    str: json_values.text,
}
