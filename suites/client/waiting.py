"""Waiting for an effect that takes a moment; besides the collector, no other module sleeps."""

import time
from collections.abc import Callable
from typing import TypeVar

Value = TypeVar("Value")

PAUSE_SECONDS = 0.05
MAX_TEXT = 1000


def wait_until(
    condition: str,
    look: Callable[[], Value],
    holds: Callable[[Value], bool],
    *,
    seconds: float,
) -> Value:
    """Call ``look`` again and again until its value holds.

    Args:
        condition: the name of the condition, for the message.
        look: returns the present value.
        holds: whether a value meets the condition.
        seconds: the longest time to wait.

    Returns:
        The value that met the condition.

    Raises:
        AssertionError: no value met the condition in time; the text shows the last value.
    """
    __tracebackhide__ = True
    deadline = time.monotonic() + seconds
    value = look()
    while not holds(value):
        if time.monotonic() > deadline:
            text = f"{condition}: not within {seconds:g} s; last seen: {value!r}"
            raise AssertionError(text[:MAX_TEXT])
        time.sleep(PAUSE_SECONDS)
        value = look()
    return value


def pause(seconds: float) -> None:
    """Wait between two readings of something that changes."""
    time.sleep(seconds)
