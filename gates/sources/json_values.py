"""Parses untrusted JSON, and checks the types and ranges of its values.

Every module that reads JSON from outside (an HTTP response, a run record, a recording) reads the
numbers, texts and times of the JSON with the functions of this module.
"""

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from math import inf, isfinite
from operator import lt
from typing import Annotated, Any

# Types of dataclass fields: numbers with a lower bound of 0, and a time of any year.
NOT_NEGATIVE, ANY_YEAR = "not negative", "any year"
Count = Annotated[int, NOT_NEGATIVE]
Amount = Annotated[float, NOT_NEGATIVE]
AnyTime = Annotated[datetime, ANY_YEAR]

MIN_YEAR, MAX_YEAR = 2000, 2200
# Every error that a malformed document can cause while it is read.
MALFORMED = (
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    RecursionError,
    ArithmeticError,
)


def loads(text: str | bytes) -> Any:  # noqa: ANN401 - the result is any JSON value
    """Parse JSON strictly.

    Args:
        text: the document, as received.

    Raises:
        ValueError: the text is not JSON (NaN and infinities are not JSON), or an object has the
            same key twice, so that two programs could read two different values.
        RecursionError: the document is nested too deeply.

    Source: RFC 8259, section 4: names within an object should be unique.
    """
    content = json.loads(text, object_pairs_hook=_object, parse_constant=_refuse_constant)
    # The parser also accepts bytes with unescaped surrogates; such a surrogate begins with \xed.
    if isinstance(text, str):
        is_suspect = "\\ud" in text or "\\uD" in text
    else:
        is_suspect = b"\\ud" in text or b"\\uD" in text or b"\xed" in text
    return without_surrogates(content) if is_suspect else content


def without_surrogates(content: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Return a JSON value without unpaired surrogates, so that its texts can be written as UTF-8.

    Args:
        content: the value that the JSON parser returned; an unpaired surrogate is escaped.

    Source: RFC 8259, section 8.2: the behaviour of software that receives such texts varies.
    """
    if isinstance(content, str):
        return content.encode(errors="backslashreplace").decode()
    if isinstance(content, list):
        return [without_surrogates(item) for item in content]
    if isinstance(content, dict):
        return {without_surrogates(key): without_surrogates(item) for key, item in content.items()}
    return content


def object_of(value: object) -> Mapping[str, object]:
    """Return a value that must be a JSON object.

    Raises:
        TypeError: the value is not an object.
    """
    if not isinstance(value, dict):
        raise TypeError(f"{_shown(value)} is not an object")
    return value


def list_of(value: object) -> list[object]:
    """Return a value that must be a JSON array, as a list.

    Raises:
        TypeError: the value is not an array.
    """
    if not isinstance(value, list | tuple):
        raise TypeError(f"{_shown(value)} is not an array")
    return list(value)


def text(value: object) -> str:
    """Return a value that must be a JSON string.

    Raises:
        TypeError: the value is not a string.
    """
    if not isinstance(value, str):
        raise TypeError(f"{_shown(value)} is not a string")
    return value


def name(value: object, max_length: int) -> str:
    """Return a value that must be a short, non-empty string of printable characters.

    Args:
        value: the JSON value.
        max_length: the maximum length in characters.

    Raises:
        TypeError: the value is not a string.
        ValueError: the string is empty or too long, or has a character that is not printable.
    """
    content = text(value)
    if not content or not content.isprintable() or len(content) > max_length:
        raise ValueError(f"{_shown(value)} is not a name of 1 to {max_length} characters")
    return content


def number(value: object, minimum: float = -inf, maximum: float = inf) -> float:
    """Return a value that must be a finite JSON number; true and false are not numbers.

    Args:
        value: the JSON value.
        minimum: the smallest number that is accepted.
        maximum: the largest number that is accepted.

    Raises:
        TypeError: the value is not a number.
        ValueError: the number is not finite, or is out of bounds.
        OverflowError: the number is an integer too large for a float.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{_shown(value)} is not a number")
    if not isfinite(value) or not minimum <= value <= maximum:
        raise ValueError(f"{_shown(value)} is not a number from {minimum:g} to {maximum:g}")
    return float(value)


def integer(value: object, minimum: float = -inf) -> int:
    """Return a value that must be a JSON integer; true and false are not integers.

    Args:
        value: the JSON value.
        minimum: the smallest integer that is accepted.

    Raises:
        TypeError: the value is not an integer.
        ValueError: the integer is too small.
    """
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{_shown(value)} is not an integer")
    if value < minimum:
        raise ValueError(f"{_shown(value)} is less than {minimum:g}")
    return value


def moment(value: object) -> datetime:
    """Return the time in a string; it must have a time zone and a year from 2000 to 2200.

    Args:
        value: an ISO 8601 string.

    Raises:
        TypeError: the value is not a string.
        ValueError: the string is not a time, has no time zone, or has a year before 2000 or after
            2200.
    """
    parsed = moment_of_any_year(value)
    if not MIN_YEAR <= parsed.year <= MAX_YEAR:
        raise ValueError(f"expected a year from {MIN_YEAR} to {MAX_YEAR}, got {parsed.year}")
    return parsed


def moment_of_any_year(value: object) -> datetime:
    """Return the time in a string; it must have a time zone, and may be of any year.

    The epoch means an unknown time.

    Args:
        value: an ISO 8601 string.

    Raises:
        TypeError: the value is not a string.
        ValueError: the string is not a time, or has no time zone.
    """
    parsed = datetime.fromisoformat(text(value))
    if parsed.tzinfo is None:
        raise ValueError(f"the time {value!r:.40} has no time zone")
    return parsed


def sample_columns(value: object) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return the times and the values of samples in the form of Prometheus.

    Each sample must be a pair of a number and a number in a string.

    A decision reads hundreds of thousands of samples; so this function checks whole columns instead
    of calling ``number`` and ``text``.

    Args:
        value: the JSON value.

    Returns:
        The times in ascending order, and the values.

    Raises:
        TypeError: the value is not an array of such pairs.
        ValueError: an element is not a pair, a time is not finite, the times do not ascend, or a
            string is not a number; the strings of NaN and infinities are accepted.
        OverflowError: a time is an integer too large for a float.
    """
    pairs: Any = list_of(value)
    if not pairs:
        return (), ()
    if set(map(len, pairs)) != {2}:
        raise ValueError(f"{_shown(pairs)} are not pairs")
    moments, texts = zip(*pairs, strict=True)
    if not set(map(type, moments)) <= {int, float} or set(map(type, texts)) != {str}:
        raise TypeError(f"{_shown(pairs)} are not pairs of a number and a string")
    times = tuple(map(float, moments))
    if not (isfinite(times[0]) and isfinite(times[-1]) and all(map(lt, times, times[1:]))):
        raise ValueError("the samples do not ascend in time")
    return times, tuple(map(float, texts))


def samples(value: object) -> Iterator[tuple[float, float]]:
    """Return samples that must be in the form of Prometheus.

    Each sample must be a pair of a finite number and a number in a string.

    A decision reads hundreds of thousands of samples; so this function checks each pair itself
    instead of calling ``number`` and ``text``.

    Args:
        value: the JSON value.

    Returns:
        An iterator over the pairs of time and value.

    Raises:
        TypeError: the value is not an array of such pairs.
        ValueError: an element is not a pair, a time is not finite, or a string is not a number; the
            strings of NaN and infinities are accepted.
        OverflowError: a number is an integer too large for a float.
    """
    pairs: Any = list_of(value)
    for pair in pairs:
        at, content = pair
        if type(at) not in (int, float) or type(content) is not str:
            raise TypeError(f"{_shown(pair)} is not a pair of a number and a string")
        if not isfinite(at):
            raise ValueError(f"{_shown(at)} is not finite")
        yield float(at), float(content)


def _shown(value: object) -> str:
    return repr(value)[:40]


def _refuse_constant(constant: str) -> float:
    raise ValueError(f"{constant} is not JSON")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) != len(pairs):
        keys = [key for key, _ in pairs]
        repeated = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"an object has the key {repeated[:80]!r} twice")
    return content
