"""Waiting for an effect that takes a moment; the only place that sleeps."""

import time
from collections.abc import Callable
from typing import TypeVar

Value = TypeVar("Value")

PAUSE_SECONDS = 0.05


def wait_until(
    what: str,
    look: Callable[[], Value],
    holds: Callable[[Value], bool],
    *,
    seconds: float,
) -> Value:
    """Look again and again until what is seen holds.

    Args:
        what: what is waited for, for the message.
        look: returns what is seen now.
        holds: whether that is it.
        seconds: how long to wait.

    Returns:
        What was seen when it held.

    Raises:
        AssertionError: it never held; the text says what was seen last.
    """
    __tracebackhide__ = True
    deadline = time.monotonic() + seconds
    seen = look()
    while not holds(seen):
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {seconds:g} s; last seen: {seen!r}"[:1000])
        time.sleep(PAUSE_SECONDS)
        seen = look()
    return seen
