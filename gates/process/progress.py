"""Shows progress on stderr: a terminal rewrites one line, a file or a pipe gets new lines."""

import sys
import time

BAR_WIDTH = 24
# Where stderr is not a terminal, a line is written this often.
PLAIN_SECONDS = 10.0


class ProgressLine:
    """The last line on stderr: a terminal rewrites the line, a file or a pipe gets a new line."""

    def __init__(self) -> None:
        self.is_terminal = sys.stderr.isatty()
        self._width = 0

    def rewrite(self, text: str) -> None:
        """Show a text in place of the previous text; where stderr is no terminal, on a new line.

        Args:
            text: the text, without a line break.
        """
        if not self.is_terminal:
            self.write(text)
            return
        sys.stderr.write(f"\r{text:<{self._width}}")
        self._width = len(text)
        sys.stderr.flush()

    def write(self, text: str) -> None:
        """Write a text on new lines that are not rewritten."""
        self.end()
        sys.stderr.write(text + "\n")
        sys.stderr.flush()

    def end(self) -> None:
        """End the line that is rewritten, so that the next text begins on a new line."""
        if self._width:
            self._width = 0
            sys.stderr.write("\n")
            sys.stderr.flush()


class Progress:
    """Shows the progress of a task whose length is known.

    Args:
        total: the length of the task, in seconds or in another unit.
    """

    def __init__(self, total: float) -> None:
        self._total = max(total, 1e-9)
        self._line = ProgressLine()
        self._shown_at = time.monotonic()

    def show(self, done: float, text: str) -> None:
        """Show the part of the task that is done.

        Args:
            done: the part that is done, in the unit of ``total``.
            text: a few words about the present work.
        """
        share = min(1.0, max(0.0, done / self._total))
        if self._line.is_terminal:
            full = round(share * BAR_WIDTH)
            self._line.rewrite(f"[{'#' * full}{'.' * (BAR_WIDTH - full)}] {text}")
            return
        now = time.monotonic()
        if now - self._shown_at >= PLAIN_SECONDS:
            self._line.write(f"{100 * share:3.0f} %  {text}")
            self._shown_at = now

    def end(self) -> None:
        """End the progress line, so that the next text begins on a new line."""
        self._line.end()
