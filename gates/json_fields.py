"""Reads fields of untrusted JSON; a missing field, or a field of another type, has no value."""

from collections.abc import Mapping
from datetime import datetime
from math import isfinite

JsonObject = Mapping[str, object]
# Larger whole numbers are not exact in JSON readers of other languages (RFC 8259, section 6).
MAX_WHOLE_NUMBER = 2**53


def text(content: JsonObject, key: str) -> str:
    """Return the text of a field; empty where the field is missing or is not a text.

    Args:
        content: the JSON object, from an untrusted source.
        key: the name of the field.
    """
    value = content.get(key)
    return value if isinstance(value, str) else ""


def texts(content: JsonObject, key: str) -> tuple[str, ...]:
    """Return the texts of a field that is a list, without values of other types."""
    return tuple(value for value in _values(content, key) if isinstance(value, str))


def number(content: JsonObject, key: str) -> float | None:
    """Return the number of a field; None where it is missing or is not a finite number."""
    value = content.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if isfinite(value) else None
    except OverflowError:  # a whole number of hundreds of digits
        return None


def whole_number(content: JsonObject, key: str) -> int | None:
    """Return the whole number of a field, from -2**53 to 2**53; None for any other value."""
    value = content.get(key)
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > MAX_WHOLE_NUMBER:
        return None
    return value


def moment(content: JsonObject, key: str) -> datetime | None:
    """Return the date and time of a field, in ISO 8601 with a UTC offset; None for other values."""
    try:
        value = datetime.fromisoformat(text(content, key))
    except ValueError:
        return None
    return value if value.utcoffset() is not None else None


def json_object(content: JsonObject, key: str) -> JsonObject | None:
    """Return the JSON object of a field; None where it is missing or is not an object."""
    value = content.get(key)
    return value if isinstance(value, dict) else None


def json_objects(content: JsonObject, key: str) -> tuple[JsonObject, ...]:
    """Return the JSON objects of a field that is a list, without values of other types."""
    return tuple(value for value in _values(content, key) if isinstance(value, dict))


def _values(content: JsonObject, key: str) -> list[object]:
    value = content.get(key)
    return value if isinstance(value, list) else []
