"""Limits how long a blocking call may hold up the caller."""

import threading
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")


def within(seconds: float, act: Callable[[], Result]) -> Result:
    """Call a function in a thread of its own, and wait for it for a limited time.

    A call that takes longer continues in the background, and does not keep the process alive.

    Args:
        seconds: the limit.
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
