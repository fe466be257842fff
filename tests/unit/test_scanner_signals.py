"""Ctrl-C and SIGTERM end a scan, also where Python drops the exception of the signal handler."""

import io
import os
import signal

import pytest

from suites.scanner.__main__ import stopped_by_signals
from suites.scanner.sending import HttpSender


class InterruptedResponse(io.RawIOBase):
    """A response during whose finalizer the user stops the scan.

    Args:
        number: the signal that the user sends.
    """

    def __init__(self, number: int) -> None:
        super().__init__()
        self._number = number

    def close(self) -> None:
        """Send the signal; Python drops exceptions of ``close`` in a finalizer."""
        if not self.closed:
            super().close()
            os.kill(os.getpid(), self._number)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_during_a_finalizer_ends_the_scan_at_the_next_request(number: int) -> None:
    sender = HttpSender("http://127.0.0.1:1")
    with stopped_by_signals(sender):
        response = InterruptedResponse(number)
        del response
        with pytest.raises(KeyboardInterrupt):
            sender.exchange("GET", "/", {}, None)
    assert sender.sent == 0


def test_a_scan_that_ignores_ctrl_c_goes_on_to_ignore_it() -> None:
    sender = HttpSender("http://127.0.0.1:1")
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with stopped_by_signals(sender):
            os.kill(os.getpid(), signal.SIGINT)
        assert not sender.is_stopped
    finally:
        signal.signal(signal.SIGINT, before)
