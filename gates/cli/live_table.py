"""The live table of a ramp: a line that is rewritten on a terminal, plain lines elsewhere."""

import time
from datetime import UTC, datetime
from math import isnan
from pathlib import Path

from gates.cli.printing import explain_command
from gates.decisions import Context
from gates.model import Decision
from gates.process.progress import PLAIN_SECONDS, ProgressLine
from gates.sources.prometheus import instant
from reports.terminal import WORDS, printable

CUSTOMERS = 'traffic!="synthetic",route!~"/metrics|/api/health"'
# For the person at the terminal only: no decision is based on these.
QUERIES = {
    "errors": (
        'sum by (slot) (increase(http_requests_total{{{customers},status=~"5.."}}[{window}]))'
        " / sum by (slot) (increase(http_requests_total{{{customers}}}[{window}]))"
    ),
    "p95": (
        "histogram_quantile(0.95, sum by (le, slot) "
        "(rate(http_request_duration_seconds_bucket{{{customers}}}[{window}])))"
    ),
}
WINDOW_SECONDS = 60.0


class LiveTable:
    """The table of a ramp under way; on stderr, so that stdout stays for decisions.

    Args:
        context: policy, target and places.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._slots = (context.target.slot, context.target.baseline_slot)
        self._line = ProgressLine()
        self._shown_at = 0.0
        self._last = ("", 0.0)
        self._has_header = False

    def show(self, at: float, share: float, decision: Decision | None, note: str) -> None:
        """Show the present state of the ramp.

        Args:
            at: now, seconds since the epoch.
            share: green's share, 0 to 1.
            decision: the gate's answer; None where only the note is shown.
            note: a short text beside the answer.
        """
        if decision is None:
            self.say(note)
            return
        key = (decision.stage + decision.outcome.value, share)
        now = time.monotonic()
        is_recent = now - self._shown_at < PLAIN_SECONDS
        if not self._line.is_terminal and key == self._last and is_recent:
            return
        self._last, self._shown_at = key, now
        if not self._has_header:
            self._line.write(self._header())
            self._has_header = True
        moment = datetime.fromtimestamp(at, UTC).strftime("%H:%M:%S")
        self._line.rewrite(
            f"{moment:<9}{100 * share:>8g}{100 * (1 - share):>8g}  {decision.stage:<12}"
            f"{WORDS[decision.outcome]:<9}{self._figures()}  {note}"
        )

    def show_decision(self, decision: Decision, entry_id: str, out: Path) -> None:
        """Show a decision that is in the ledger.

        Args:
            decision: the decision.
            entry_id: the id of its ledger entry.
            out: the folder of the ledger.
        """
        self._line.write(
            f"{WORDS[decision.outcome]}  {decision.stage}: {printable(decision.reason)}  "
            f"({explain_command(out, entry_id)})"
        )

    def say(self, line: str) -> None:
        """Show a line that stays."""
        self._line.write(printable(line) if "\n" not in line else line)

    def end(self) -> None:
        """End the line that is rewritten."""
        self._line.end()

    def _header(self) -> str:
        green, blue = self._slots
        return (
            f"{'UTC':<9}{green + ' %':>8}{blue + ' %':>8}  {'stage':<12}{'so far':<9}"
            f"{'errors ' + green:>13}{blue:>8}{'P95 ' + green:>12}{blue:>9}"
        )

    def _figures(self) -> str:
        """The error ratio and the P95 of both colours in the last minute of the policy's time."""
        window = f"{round(WINDOW_SECONDS / self._context.time_scale * 1000)}ms"
        url = self._context.target.addresses.prometheus
        by_slot = []
        for query in QUERIES.values():
            text = query.format(customers=CUSTOMERS, window=window)
            by_slot.append({labels.get("slot"): value for labels, value in instant(url, text)})
        errors, p95 = by_slot
        green, blue = self._slots
        return (
            f"{_figure(errors.get(green), 100, '%'):>13}{_figure(errors.get(blue), 100, '%'):>8}"
            f"{_figure(p95.get(green), 1000, 'ms'):>12}{_figure(p95.get(blue), 1000, 'ms'):>9}"
        )


def _figure(value: float | None, factor: float, unit: str) -> str:
    return "-" if value is None or isnan(value) else f"{factor * value:.3g} {unit}"
