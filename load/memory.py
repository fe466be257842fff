"""The target's memory while a soak goes on, from its own metrics."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from gates.model import Target
from load.accounts import calling
from suites.client import UnexpectedAnswerError
from suites.inspection import total

READINGS = 60
METRIC, STARTED = "process_resident_memory_bytes", "process_start_time_seconds"


@contextmanager
def watched(
    target: Target, run_id: str, *, after: float, until: float
) -> Iterator[list[tuple[float, float]]]:
    """Read it now and then, in the background.

    Args:
        target: whose.
        run_id: marks the requests.
        after: seconds from now from which on readings count.
        until: seconds from now over which they are spread.

    Returns:
        Seconds and bytes, growing; emptied for good when the target is started anew, since what it
        had grown to is lost then.
    """
    readings: list[tuple[float, float]] = []
    over = threading.Event()
    watcher = threading.Thread(
        target=_read, args=(target, run_id, readings, over, (after, until)), daemon=True
    )
    watcher.start()
    try:
        yield readings
    finally:
        over.set()
        watcher.join()


def _read(
    target: Target,
    run_id: str,
    readings: list[tuple[float, float]],
    over: threading.Event,
    window: tuple[float, float],
) -> None:
    at, first_start = 0.0, None
    pause = max(1.0, window[1] / READINGS)
    with calling(target, run_id) as client:
        while not over.wait(pause):
            at += pause
            try:
                text = str(client.ask("metrics").body)
            except UnexpectedAnswerError:
                continue
            size, start = total(text, METRIC), total(text, STARTED)
            first_start = first_start or start
            if start != first_start:
                readings.clear()
                return
            if size and at > window[0]:
                readings.append((round(at, 1), size))
