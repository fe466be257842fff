"""The live table of a ramp.

On a terminal the last line is rewritten; elsewhere every state has a line of its own.
"""

import time
from datetime import UTC, datetime
from math import isnan
from pathlib import Path

from gates.cli.printing import explain_command
from gates.decisions import Context
from gates.judging.answers import for_slot
from gates.model import ComparisonObjective, Decision, EventIndicator, Part, Policy
from gates.model.figures import significant
from gates.model.indicators import UNITS
from gates.model.selector import rewritten
from gates.process.progress import PLAIN_SECONDS, ProgressLine
from gates.sources.missing_buckets import LE
from gates.sources.prometheus import instant
from gates.statistics import parse_selector
from reports.terminal import WORDS, printable

WINDOW_SECONDS = 60.0


class LiveTable:
    """The table of a ramp that is under way, on stderr; stdout is for decisions.

    Args:
        context: the policy, the target and the folders.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._slots = (context.target.slot, context.target.baseline_slot)
        self._errors = _compared(context.policy, buckets=False)
        self._latency = _compared(context.policy, buckets=True)
        self._line = ProgressLine()
        self._shown_at = 0.0
        self._last = ("", 0.0)
        self._has_header = False

    def show(self, at: float, share: float, decision: Decision | None, note: str) -> None:
        """Show the present state of the ramp.

        Args:
            at: the present time, in seconds since the epoch.
            share: green's share of the traffic, from 0 to 1.
            decision: the newest decision; None where only the note is shown.
            note: a short text beside the decision.
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
        """Show a decision that is in the ledger, on a line that is not rewritten.

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
        """Show a line that is not rewritten."""
        self._line.write(printable(line) if "\n" not in line else line)

    def end(self) -> None:
        """End the line that is rewritten, so that later output begins on a new line."""
        self._line.end()

    def _header(self) -> str:
        green, blue = self._slots
        return (
            f"{'UTC':<9}{green + ' %':>8}{blue + ' %':>8}  {'stage':<12}{'decision':<9}"
            f"{'errors ' + green:>13}{blue:>8}{'P95 ' + green:>12}{blue:>11}"
        )

    def _figures(self) -> str:
        """Return the error ratio and P95 of both colours over 60 s, divided by the time scale."""
        window = f"{round(WINDOW_SECONDS / self._context.time_scale * 1000)}ms"
        errors = [self._error_ratio(window, baseline=baseline) for baseline in (False, True)]
        p95 = [self._p95(window, baseline=baseline) for baseline in (False, True)]
        return (
            f"{_figure(errors[0], 100, '%'):>13}{_figure(errors[1], 100, '%'):>8}"
            f"{_figure(p95[0], 1000, 'ms'):>12}{_figure(p95[1], 1000, 'ms'):>11}"
        )

    def _error_ratio(self, window: str, *, baseline: bool) -> float | None:
        """Return a colour's error ratio from the first comparison of errors; None if unknown."""
        indicator = self._errors
        if indicator is None:
            return None
        counted, total = (
            f"sum(increase({for_slot(text, self._context.target, baseline=baseline)}[{window}]))"
            for text in (indicator.selected, indicator.total)
        )
        ratio = self._value(f"{counted} / {total}")
        return 1 - ratio if ratio is not None and indicator.part is Part.GOOD else ratio

    def _p95(self, window: str, *, baseline: bool) -> float | None:
        """Return a colour's P95 in seconds, from the buckets of the first comparison of latency."""
        indicator = self._latency
        if indicator is None:
            return None
        buckets = rewritten(indicator.selected, without=LE)
        selector = for_slot(buckets, self._context.target, baseline=baseline)
        p95 = self._value(f"histogram_quantile(0.95, sum by (le) (rate({selector}[{window}])))")
        return None if p95 is None else p95 * UNITS.get(indicator.unit, 1.0)

    def _value(self, query: str) -> float | None:
        """The value of a query with one result; None without an answer."""
        target = self._context.target
        answer = instant(target.addresses.prometheus, query, target.access.prometheus)
        return answer[0][1] if answer else None


def _compared(policy: Policy, *, buckets: bool) -> EventIndicator | None:
    """Return the indicator of the first comparison of latency, or of errors, that has a limit.

    Args:
        policy: the policy.
        buckets: true for the comparison of latency, which reads the buckets of a histogram.
    """
    indicators = (
        objective.indicator
        for stage in policy.steps
        for objective in stage.objectives
        if isinstance(objective, ComparisonObjective) and not objective.relative
    )
    return next(
        (each for each in indicators if (LE in parse_selector(each.selected).asks_for) == buckets),
        None,
    )


def _figure(value: float | None, factor: float, unit: str) -> str:
    return "-" if value is None or isnan(value) else f"{significant(factor * value)} {unit}"
