"""Reads durations of the command line, such as ``90``, ``90s``, ``3m``, ``2h`` or ``500ms``."""

import argparse
import re
from collections.abc import Callable

DURATION = re.compile(r"(\d{1,12}(?:\.\d{1,12})?)(ms|s|m|h)?\Z", re.ASCII)
SECONDS_OF_UNIT = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, None: 1.0}
MAX_SECONDS = 7 * 86_400.0


def seconds_of(text: str) -> float:
    """Return the number of seconds of a duration.

    Args:
        text: a number and a unit: ``ms``, ``s``, ``m`` or ``h``. A number without a unit is in
            seconds.

    Raises:
        ValueError: the text is not a duration, or the duration is zero.
    """
    match = DURATION.match(text)
    seconds = float(match[1]) * SECONDS_OF_UNIT[match[2]] if match else 0.0
    if not seconds > 0:
        raise ValueError(f"expected a duration such as 90, 90s, 3m or 2h, got {text[:80]!r}")
    return seconds


def duration_option(max_seconds: float = MAX_SECONDS) -> Callable[[str], float]:
    """Return the argparse ``type`` of an option whose value is a duration.

    Args:
        max_seconds: the longest duration that the option accepts, in seconds.
    """

    def parse(text: str) -> float:
        try:
            seconds = seconds_of(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None
        if seconds > max_seconds:
            raise argparse.ArgumentTypeError(
                f"expected a duration of at most {max_seconds / 3600:g} hours, got {text!r}"
            )
        return seconds

    return parse
