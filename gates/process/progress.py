"""Shows how far a run is: a line that moves on a terminal, plain lines elsewhere."""

import sys
import time

WIDTH = 24
EVERY_SECONDS = 10.0


class Progress:
    """One line on stderr.

    Args:
        total: how much there is to do, in seconds or pieces.
    """

    def __init__(self, total: float) -> None:
        self._total = max(total, 1e-9)
        self._moves = sys.stderr.isatty()
        self._said = 0.0
        self._width = 0

    def show(self, done: float, text: str) -> None:
        """How much is done, and what is going on."""
        share = min(1.0, max(0.0, done / self._total))
        now = time.monotonic()
        if self._moves:
            full = round(share * WIDTH)
            line = f"[{'#' * full}{'.' * (WIDTH - full)}] {text}"
            sys.stderr.write(f"\r{line:<{self._width}}")
            self._width = len(line)
        elif now - self._said >= EVERY_SECONDS:
            sys.stderr.write(f"{100 * share:3.0f} %  {text}\n")
            self._said = now
        sys.stderr.flush()

    def end(self) -> None:
        """Leave the line."""
        if self._moves and self._width:
            sys.stderr.write("\n")
            sys.stderr.flush()
