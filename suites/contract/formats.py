"""Checks every ``format`` of the contract; jsonschema ignores a format without a checker."""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from jsonschema import FormatChecker

# RFC 3339, section 5.6: a date, a time to the second at least, and the offset of the time zone.
DATE_TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:Z|[+-]\d{2}:\d{2})")
# How much the clock of a target may be ahead of the clock of this machine.
MAX_CLOCK_SKEW = timedelta(seconds=2)

FORMATS = FormatChecker(formats=())


@FORMATS.checks("date-time", raises=ValueError)
def is_date_time(value: object) -> bool:
    """Check that a text is a time as the contract requires: RFC 3339, in UTC, not in the future.

    Args:
        value: any JSON value of a response; only a text is checked.

    Returns:
        Always true; a wrong text raises an error.

    Raises:
        ValueError: the text is not such a time; the message says why.
    """
    if not isinstance(value, str):
        return True
    if DATE_TIME.fullmatch(value) is None:
        raise ValueError("expected an RFC 3339 time with the offset of its time zone")
    moment = datetime.fromisoformat(value)
    if moment.utcoffset() != timedelta(0):
        raise ValueError("expected a time in UTC")
    if moment > datetime.now(UTC) + MAX_CLOCK_SKEW:
        raise ValueError("expected a time that is not in the future")
    return True


def unchecked_formats(document: Mapping[str, Any]) -> list[str]:
    """Return the formats in a contract that have no checker, sorted by name."""
    return sorted(set(_formats(document)) - set(FORMATS.checkers))


def _formats(part: object) -> Iterator[str]:
    """Yield the value of every key ``format`` in a document, at any depth."""
    if isinstance(part, Mapping):
        if isinstance(part.get("format"), str):
            yield part["format"]
        for child in part.values():
            yield from _formats(child)
    elif isinstance(part, list):
        for child in part:
            yield from _formats(child)
