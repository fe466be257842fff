"""Protects a command from output streams that fail, such as a closed pipe or a full disk."""

import contextlib
import io
import os
import sys
from collections.abc import Iterator
from typing import IO

from gates.errors import OutputError

# How characters are written that the encoding of a stream does not have.
ESCAPED = "backslashreplace"
STANDARD_DESCRIPTORS = (0, 1, 2)


class GuardedStream:
    """A text stream that raises no error after a failed write, and notes whether text is lost.

    Where the reader of a pipe closes the pipe after the first line, no text counts as lost. For
    example, ``head -1`` reads only one line.

    Args:
        stream: the stream that gets the text; None where the process has no such stream.
    """

    def __init__(self, stream: IO[str] | None) -> None:
        self._stream = stream
        self.lost = stream is None
        self._has_reader = False
        self.encoding = getattr(stream, "encoding", None) or "utf-8"
        self.errors = getattr(stream, "errors", None)

    def write(self, text: str) -> int:
        """Write a text, flush complete lines, and return the number of characters of the text."""
        # The first line goes alone: a pipe has no room for some texts, and `head -1` ends early.
        line, end, rest = text.partition("\n")
        for part in (line + end, rest) if rest and not self._has_reader else (text,):
            self._write(part)
        return len(text)

    def _write(self, text: str) -> None:
        if self._stream is None:
            return
        try:
            self._stream.write(text)
            if "\n" in text:
                self._stream.flush()
                self._has_reader = True
        except (OSError, ValueError) as error:
            self._give_up(error)

    def flush(self) -> None:
        """Flush the buffer of the stream."""
        if self._stream is not None:
            try:
                self._stream.flush()
            except (OSError, ValueError) as error:
                self._give_up(error)

    def isatty(self) -> bool:
        """Return whether the stream writes to a terminal."""
        try:
            return self._stream is not None and self._stream.isatty()
        except (OSError, ValueError):
            return False

    def writable(self) -> bool:
        """Return true: the stream accepts every text, even where nobody reads the text."""
        return True

    def fileno(self) -> int:
        """Return the file descriptor of the stream.

        Raises:
            OSError: the stream has no file descriptor, or has failed before.
        """
        if self._stream is None:
            raise OSError("the stream is closed, or an earlier write failed")
        return self._stream.fileno()

    def _give_up(self, error: Exception) -> None:
        """Discard all further text, so that the interpreter's last flush does not fail either."""
        stream, self._stream = self._stream, None
        self.lost = not (self._has_reader and isinstance(error, BrokenPipeError))
        with contextlib.suppress(OSError, ValueError, AttributeError):
            if stream is not None and stream.fileno() in (1, 2):
                _point_to_null(stream.fileno())
                stream.flush()


@contextlib.contextmanager
def guarded() -> Iterator[None]:
    """Replace ``sys.stdout`` and ``sys.stderr`` by guarded streams in the ``with`` block."""
    before = sys.stdout, sys.stderr
    _open_closed_descriptors()
    for stream in before:
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=ESCAPED)
    out, err = GuardedStream(sys.stdout), GuardedStream(sys.stderr)
    sys.stdout, sys.stderr = out, err
    try:
        yield
    finally:
        out.flush()
        err.flush()
        sys.stdout, sys.stderr = before


def is_lost() -> bool:
    """Return whether a text that was printed to stdout was lost."""
    sys.stdout.flush()
    return isinstance(sys.stdout, GuardedStream) and sys.stdout.lost


def confirm() -> None:
    """Require that stdout has accepted every printed text.

    Raises:
        OutputError: a text that was printed to stdout was lost.
    """
    if is_lost():
        raise OutputError(
            "the output could not be written (stdout is closed, full, or has no reader); "
            "run the command again with a working stdout"
        )


def _open_closed_descriptors() -> None:
    """Open closed standard descriptors, so that no other file gets their numbers."""
    for number in STANDARD_DESCRIPTORS:
        try:
            os.fstat(number)
        except OSError:
            _point_to_null(number)


def _point_to_null(number: int) -> None:
    with contextlib.suppress(OSError):
        descriptor = os.open(os.devnull, os.O_RDWR)
        if descriptor != number:
            os.dup2(descriptor, number)
            os.close(descriptor)
        os.set_inheritable(number, True)  # noqa: FBT003 - the function accepts no keyword
