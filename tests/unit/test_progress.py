"""Progress: one line that is rewritten on a terminal, and plain lines elsewhere."""

import io
import sys

import pytest

from gates.process.progress import PLAIN_SECONDS, Progress, ProgressLine


class Terminal(io.StringIO):
    """A stream that a terminal shows."""

    def isatty(self) -> bool:
        return True


def stderr(monkeypatch: pytest.MonkeyPatch, stream: io.StringIO) -> io.StringIO:
    monkeypatch.setattr(sys, "stderr", stream)
    return stream


def test_a_terminal_shows_a_line_that_is_rewritten(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = stderr(monkeypatch, Terminal())
    line = ProgressLine()
    line.rewrite("a long text")
    line.rewrite("short")
    line.write("stays")
    line.end()
    assert terminal.getvalue() == "\ra long text\rshort      \nstays\n"


def test_elsewhere_each_text_has_a_line_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = stderr(monkeypatch, io.StringIO())
    line = ProgressLine()
    line.rewrite("first")
    line.write("second")
    line.end()
    assert plain.getvalue() == "first\nsecond\n"


def test_progress_on_a_terminal_is_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = stderr(monkeypatch, Terminal())
    progress = Progress(10.0)
    progress.show(5.0, "half")
    progress.end()
    assert terminal.getvalue() == f"\r[{'#' * 12}{'.' * 12}] half\n"


def test_progress_elsewhere_is_a_line_every_ten_seconds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plain = stderr(monkeypatch, io.StringIO())
    now = [1000.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    progress = Progress(100.0)
    for seconds in (0.0, 1.0, PLAIN_SECONDS, 2 * PLAIN_SECONDS):
        now[0] = 1000.0 + seconds
        progress.show(seconds, f"at {seconds:g} s")
    assert plain.getvalue() == " 10 %  at 10 s\n 20 %  at 20 s\n"
