"""The live table of a ramp: a line that moves on a terminal, a line each ten seconds elsewhere."""

import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from gates.cli.printing import explain_command
from gates.decisions import Context
from gates.model import Decision
from gates.sources.prometheus import instant
from reports.terminal import WORDS, printable

CUSTOMERS = 'traffic!="synthetic",route!~"/metrics|/api/health"'
# For the eye only: nothing is judged by these.
SHOWN = {
    "errors": (
        'sum by (slot) (increase(http_requests_total{{{customers},status=~"5.."}}[{window}]))'
        " / sum by (slot) (increase(http_requests_total{{{customers}}}[{window}]))"
    ),
    "p95": (
        "histogram_quantile(0.95, sum by (le, slot) "
        "(rate(http_request_duration_seconds_bucket{{{customers}}}[{window}])))"
    ),
}
EVERY_SECONDS = 10.0
MINUTE = 60.0


class LiveTable:
    """What a ramp looks like while it runs; on stderr, so that stdout stays for decisions.

    Args:
        context: where to look.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._slots = (context.target.slot, context.target.baseline_slot)
        self._moves = sys.stderr.isatty()
        self._said = 0.0
        self._last = ("", 0.0)
        self._headed = False
        self._width = 0

    def show(self, at: float, share: float, decision: Decision | None, note: str) -> None:
        """What is going on now."""
        if decision is None:
            self.say(note)
            return
        key = (decision.stage + decision.outcome.value, share)
        now = time.monotonic()
        if not self._moves and key == self._last and now - self._said < EVERY_SECONDS:
            return
        self._last, self._said = key, now
        if not self._headed:
            green, blue = self._slots
            self._write(
                f"{'UTC':<9}{green + ' %':>8}{blue + ' %':>8}  {'stage':<12}{'so far':<9}"
                f"{'errors ' + green:>13}{blue:>8}{'P95 ' + green:>12}{blue:>9}"
            )
            self._headed = True
        moment = datetime.fromtimestamp(at, UTC).strftime("%H:%M:%S")
        self._line(
            f"{moment:<9}{100 * share:>8g}{100 * (1 - share):>8g}  {decision.stage:<12}"
            f"{WORDS[decision.outcome]:<9}{self._measured()}  {note}"
        )

    def _measured(self) -> str:
        window = f"{round(MINUTE / self._context.time_scale * 1000)}ms"
        url = self._context.target.addresses.prometheus
        found = []
        for query in SHOWN.values():
            text = query.format(customers=CUSTOMERS, window=window)
            found.append({labels.get("slot"): value for labels, value in instant(url, text)})
        errors, p95 = found
        green, blue = self._slots

        def shown(values: dict[str | None, float], slot: str, unit: str, factor: float) -> str:
            value = values.get(slot)
            return "-" if value is None or value != value else f"{factor * value:.3g} {unit}"  # noqa: PLR0124

        return (
            f"{shown(errors, green, '%', 100):>13}{shown(errors, blue, '%', 100):>8}"
            f"{shown(p95, green, 'ms', 1000):>12}{shown(p95, blue, 'ms', 1000):>9}"
        )

    def decided(self, decision: Decision, entry_id: str, out: Path) -> None:
        """A decision was written down to the ledger of this folder."""
        self._write(
            f"{WORDS[decision.outcome]}  {decision.stage}: {printable(decision.reason)}  "
            f"({explain_command(out, entry_id)})"
        )

    def say(self, line: str) -> None:
        """A line that stays."""
        self._write(printable(line) if "\n" not in line else line)

    def end(self) -> None:
        """Leave the line that moves."""
        if self._width:
            sys.stderr.write("\n")
            self._width = 0
            sys.stderr.flush()

    def _line(self, text: str) -> None:
        if self._moves:
            sys.stderr.write(f"\r{text:<{self._width}}")
            self._width = len(text)
            sys.stderr.flush()
        else:
            self._write(text)

    def _write(self, text: str) -> None:
        self.end()
        sys.stderr.write(text + "\n")
        sys.stderr.flush()
