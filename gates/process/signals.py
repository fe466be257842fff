"""Protects a short piece of work from the signals that end a process."""

import contextlib
import signal
from collections.abc import Iterator

ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Ignore the signals that end a process while the ``with`` block runs; keep the block short."""
    try:
        handlers = [(number, signal.signal(number, signal.SIG_IGN)) for number in ENDING_SIGNALS]
    except ValueError:  # not the main thread, which is the only thread that signals interrupt
        handlers = []
    try:
        yield
    finally:
        for number, handler in handlers:
            signal.signal(number, handler)
