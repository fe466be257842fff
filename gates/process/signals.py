"""Lets signals interrupt a command, and protects a piece of work from these signals."""

import contextlib
import signal
import threading
import time
from collections.abc import Iterator

ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

_INTERRUPTED = threading.Event()


class Interruption:
    """Whether a signal has interrupted a block of ``interruptible_once``.

    The handler of the signal raises KeyboardInterrupt. Python loses this exception where Python
    ignores exceptions, for example in ``__del__`` and in the callback of a weak reference
    (``sys.unraisablehook`` in the Python documentation). The block therefore also calls
    ``raise_if_received``.
    """

    def __init__(self) -> None:
        self._is_received = False

    def raise_if_received(self) -> None:
        """Raise the exception again if a signal was received.

        Raises:
            KeyboardInterrupt: a signal was received, and its exception did not end the block.
        """
        if self._is_received:
            raise KeyboardInterrupt

    def receive(self, *_: object) -> None:
        """Handle a signal: interrupt the block, and from now on ignore signals that end a process.

        Raises:
            KeyboardInterrupt: always.
        """
        self._is_received = True
        for number in ENDING_SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt


@contextlib.contextmanager
def interrupting() -> Iterator[None]:
    """Let each signal that ends a process raise KeyboardInterrupt in the ``with`` block.

    A signal that the process ignored before stays ignored, such as SIGHUP under ``nohup``. Only
    SIGTERM always interrupts the block.
    """
    _INTERRUPTED.clear()
    for number in ENDING_SIGNALS:
        if number == signal.SIGTERM or signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _interrupt)
    try:
        yield
    finally:
        _INTERRUPTED.clear()


def _interrupt(*_: object) -> None:
    """Interrupt the command, so that the command cleans up and ends.

    Raises:
        KeyboardInterrupt: always.
    """
    _INTERRUPTED.set()
    raise KeyboardInterrupt


def pause(seconds: float) -> None:
    """Wait between two rounds of a command.

    Args:
        seconds: the time to wait, in seconds.

    Raises:
        KeyboardInterrupt: a signal arrived before in the block of ``interrupting``, and Python lost
            the exception of the handler.
    """
    if _INTERRUPTED.is_set():
        raise KeyboardInterrupt
    time.sleep(seconds)


@contextlib.contextmanager
def interruptible_once() -> Iterator[Interruption]:
    """Let the first signal that ends a process interrupt the ``with`` block; ignore later ones.

    A second signal cannot interrupt the work that the block does after the first signal. A signal
    that the process ignored before stays ignored, such as SIGHUP under ``nohup``.
    """
    interruption = Interruption()
    handlers = [(number, signal.getsignal(number)) for number in ENDING_SIGNALS]
    handlers = [pair for pair in handlers if pair[1] not in (None, signal.SIG_IGN)]
    try:
        for number, _ in handlers:
            signal.signal(number, interruption.receive)
    except ValueError:  # not the main thread, which is the only thread that signals interrupt
        handlers = []
    try:
        yield interruption
    finally:
        for number, handler in handlers:
            signal.signal(number, handler)


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
