"""Keeps signals that end a process away from work that must be finished."""

import contextlib
import signal
from collections.abc import Iterator

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Ignore every signal to end this process within the block; the block must be bounded."""
    try:
        before = [(one, signal.signal(one, signal.SIG_IGN)) for one in ENDING]
    except ValueError:  # not the main thread, which is the only thread that signals interrupt
        before = []
    try:
        yield
    finally:
        for one, handler in before:
            signal.signal(one, handler)
