"""Typed fields of untrusted JSON: a field that is missing or of another type has no value."""

from collections.abc import Mapping
from datetime import datetime
from math import isfinite

JsonObject = Mapping[str, object]
# Larger whole numbers are not exact in JSON readers of other languages (RFC 8259, section 6).
MAX_WHOLE_NUMBER = 2**53


def text(content: JsonObject, key: str) -> str:
    """The text of a key; empty where there is no text.

    Args:
        content: untrusted.
        key: the key.
    """
    value = content.get(key)
    return value if isinstance(value, str) else ""


def texts(content: JsonObject, key: str) -> tuple[str, ...]:
    """The texts of a list; values of other types are left out."""
    return tuple(value for value in _values(content, key) if isinstance(value, str))


def number(content: JsonObject, key: str) -> float | None:
    """The finite number of a key; None where there is no such number."""
    value = content.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if isfinite(value) else None
    except OverflowError:  # a whole number of hundreds of digits
        return None


def whole_number(content: JsonObject, key: str) -> int | None:
    """The whole number of a key, at most 2**53 from zero; None where there is no such number."""
    value = content.get(key)
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > MAX_WHOLE_NUMBER:
        return None
    return value


def moment(content: JsonObject, key: str) -> datetime | None:
    """The date and time of a key, in ISO 8601 with an offset from UTC; None without such a time."""
    try:
        value = datetime.fromisoformat(text(content, key))
    except ValueError:
        return None
    return value if value.utcoffset() is not None else None


def json_object(content: JsonObject, key: str) -> JsonObject | None:
    """The object of a key; None where there is no object."""
    value = content.get(key)
    return value if isinstance(value, dict) else None


def json_objects(content: JsonObject, key: str) -> tuple[JsonObject, ...]:
    """The objects of a list; values of other types are left out."""
    return tuple(value for value in _values(content, key) if isinstance(value, dict))


def _values(content: JsonObject, key: str) -> list[object]:
    value = content.get(key)
    return value if isinstance(value, list) else []
