"""Streams that fail are remembered as lost, and nothing that prints is stopped by them."""

import io
import sys

import pytest

from gates.errors import OutputError
from gates.process import output


class Failing(io.StringIO):
    """A stream whose every write fails."""

    def write(self, text: str) -> int:
        raise BrokenPipeError(text)


def test_what_is_printed_arrives(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stdout", stream)
    with output.guarded():
        sys.stdout.write("one line\n")
        output.confirm()
    assert stream.getvalue() == "one line\n"
    assert sys.stdout is stream


@pytest.mark.parametrize("stream", [None, Failing()])
def test_a_stream_that_fails_stops_nothing_and_is_lost(
    monkeypatch: pytest.MonkeyPatch, stream: io.StringIO | None
) -> None:
    monkeypatch.setattr(sys, "stdout", stream)
    with output.guarded():
        assert not sys.stdout.isatty()
        sys.stdout.write("nobody reads this\n")
        sys.stdout.write("nor this\n")
        with pytest.raises(OutputError, match="stdout is closed, full, or has no reader"):
            output.confirm()


class Full(io.StringIO):
    """A stream that takes everything and can flush nothing."""

    def flush(self) -> None:
        raise OSError(28, "No space left on device")


def test_a_full_disk_is_noticed_before_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", Full())
    with output.guarded():
        sys.stdout.write("no newline, so nothing was flushed yet")
        assert output.is_lost()


def test_a_lost_stderr_is_not_a_lost_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    with output.guarded():
        sys.stderr.write("nobody reads this\n")
        assert not output.is_lost()


class OneLine(io.StringIO):
    """A pipe whose reader reads one line and ends, as ``head -1`` does."""

    def write(self, text: str) -> int:
        if self.getvalue():
            raise BrokenPipeError(text)
        return super().write(text)


def test_a_reader_of_one_line_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = OneLine()
    monkeypatch.setattr(sys, "stdout", stream)
    with output.guarded():
        sys.stdout.write("HOLD\nfirst finding\nsecond finding\n")
        sys.stdout.write("nobody reads this\n")
        output.confirm()
    assert stream.getvalue() == "HOLD\n"
