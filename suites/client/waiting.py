"""Waits until a condition is true, or for a number of seconds."""

import time
from collections.abc import Callable
from typing import TypeVar

Value = TypeVar("Value")

# The pauses grow, so that a long wait does not use up the rate limit of the store.
FIRST_PAUSE_SECONDS, MAX_PAUSE_SECONDS, GROWTH = 0.05, 0.5, 1.3
MAX_TEXT = 1000


def wait_until(
    condition: str,
    look: Callable[[], Value],
    holds: Callable[[Value], bool],
    *,
    seconds: float,
) -> Value:
    """Call ``look`` repeatedly until its value meets a condition, and return this value.

    Args:
        condition: the condition in words, for the message.
        look: a function that returns the present value.
        holds: a function that returns whether a value meets the condition.
        seconds: the longest time to wait, in seconds.

    Returns:
        The value that met the condition.

    Raises:
        AssertionError: no value met the condition in this time; the message has the last value.
    """
    __tracebackhide__ = True
    deadline = time.monotonic() + seconds
    next_pause = FIRST_PAUSE_SECONDS
    value = look()
    while not holds(value):
        left = deadline - time.monotonic()
        if left <= 0:
            text = f"not true within {seconds:g} s: {condition}; last value: {value!r}"
            raise AssertionError(text[:MAX_TEXT])
        time.sleep(min(next_pause, left))
        next_pause = min(next_pause * GROWTH, MAX_PAUSE_SECONDS)
        value = look()
    return value


def pause(seconds: float) -> None:
    """Wait for some seconds between two readings of a value that changes."""
    time.sleep(seconds)
