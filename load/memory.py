"""Reads the target's memory during a soak run, from the target's own metrics."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from gates.model import Target
from load.accounts import store_client
from suites.client import UnexpectedAnswerError
from suites.inspection import total

READINGS = 60
METRIC, STARTED = "process_resident_memory_bytes", "process_start_time_seconds"


@contextmanager
def memory_readings(
    target: Target, run_id: str, *, after: float, until: float
) -> Iterator[list[tuple[float, float]]]:
    """Read the target's memory at regular intervals, in the background.

    Args:
        target: the target whose metrics are read.
        run_id: the id of the run, which marks the requests as test traffic.
        after: seconds from now; earlier readings do not count.
        until: seconds from now; the readings are spread over this time.

    Returns:
        A list of pairs: seconds since now, and bytes. The list grows during the ``with`` block.
        When the target restarts, the list is emptied and stays empty, because a restart ends every
        growth of memory.
    """
    readings: list[tuple[float, float]] = []
    stop = threading.Event()
    reader = threading.Thread(
        target=_read, args=(target, run_id, readings, stop, (after, until)), daemon=True
    )
    reader.start()
    try:
        yield readings
    finally:
        stop.set()
        reader.join()


def _read(
    target: Target,
    run_id: str,
    readings: list[tuple[float, float]],
    stop: threading.Event,
    window: tuple[float, float],
) -> None:
    at, first_start = 0.0, None
    pause = max(1.0, window[1] / READINGS)
    with store_client(target, run_id) as client:
        while not stop.wait(pause):
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
