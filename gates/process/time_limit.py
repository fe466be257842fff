"""Limits the time that a caller waits for a function."""

import threading
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")


def within(seconds: float, act: Callable[[], Result]) -> Result:
    """Call a function in a new thread, and wait for its result for a limited time.

    A function that takes longer continues in the background. It does not keep the process alive.

    Args:
        seconds: the longest time to wait, in seconds.
        act: the function.

    Returns:
        The function's result.

    Raises:
        TimeoutError: the function did not return in time.
    """
    results: list[Result] = []
    errors: list[Exception] = []

    def run() -> None:
        try:
            results.append(act())
        except Exception as error:  # noqa: BLE001 - raised again in the caller's thread
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if errors:
        raise errors[0]
    if not results:
        raise TimeoutError(f"no result within {seconds:g} s")
    return results[0]
