"""Writes the report page of a release to its file, ``OUT/report/index.html``."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from gates import __version__
from gates.process.time_limit import within
from gates.release_report.answer_summary import summary_of
from gates.release_report.finding_rows import findings_of
from gates.release_report.guide_rows import guide_of, sign_off_rows
from gates.release_report.kept_decisions import Decisions, decisions_of
from gates.release_report.ledger_rows import MAX_ROWS, ledger_rows
from gates.release_report.ramp_timeline import ramp_entries, ramp_of
from gates.release_report.ratio_series import charts_of
from gates.release_report.report_input import ReportInput, moment_text
from gates.release_report.run_rows import loads_of, suites_of
from reports.html import ReleasePage, html
from reports.html.page import Charts, Findings, Ramp

FOLDER, FILE = "report", "index.html"
# A command that has done its work waits for its report no longer than this.
MAX_SECONDS = 60.0


def page_of(source: ReportInput) -> ReleasePage:
    """Collect the content of the report page.

    Args:
        source: the ledger, policy and target that the page is written from.
    """
    decisions = decisions_of(source)
    ramp = ramp_of(source)
    charts = _charts(decisions, ramp)
    document = decisions.newest
    if source.target is None and decisions.newest_evidence is not None:
        source = replace(source, target=decisions.newest_evidence.target)
    summary = summary_of(source, document, ramp_entries(source), charts.charts)
    findings = document.decision.findings if document else ()
    title = f"{summary.word or 'Release report'} {source.name}".strip()
    return ReleasePage(
        title=title,
        written=f"Written at {moment_text(source.now)} by gates {__version__} from {source.out}.",
        rehearsal=_rehearsal(decisions),
        summary=summary,
        ramp=ramp,
        charts=charts,
        findings=findings_of(findings, decisions.newest_evidence) if findings else Findings(""),
        suites=suites_of(source),
        loads=loads_of(source),
        guide=guide_of(source),
        sign_offs=sign_off_rows(source),
        ledger=ledger_rows(source),
        ledger_left_out=max(0, len(source.content.records) - MAX_ROWS),
    )


def _charts(decisions: Decisions, ramp: Ramp) -> Charts:
    if decisions.ramp is None:
        return Charts("", decisions.problem)
    return charts_of(decisions.ramp, ramp.moves)


def _rehearsal(decisions: Decisions) -> str:
    """Write a sentence where the newest decision is of a rehearsal; empty otherwise."""
    scale = decisions.newest.decision.time_scale if decisions.newest else 1.0
    if scale == 1:
        return ""
    return (
        f"This is a rehearsal: every live duration is divided by {scale:g}. A rehearsal proves "
        "nothing about production."
    )


def write(source: ReportInput) -> Path:
    """Write the page to ``OUT/report/index.html``; no reader ever sees a half-written file.

    Args:
        source: the ledger, policy and target that the page is written from.

    Returns:
        The path of the file.

    Raises:
        OSError: the file cannot be written.
    """
    folder = source.out / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f".{FILE}.{os.getpid()}"
    try:
        part.write_text(html(page_of(source)), encoding="utf-8", errors="backslashreplace")
        part.rename(folder / FILE)
    finally:
        part.unlink(missing_ok=True)
    return folder / FILE


def announce(source_of: Callable[[], ReportInput], say: Callable[[str], None]) -> None:
    """Write the page at the end of a command, and print its path, or the problem.

    Args:
        source_of: reads the ledger, policy and target that the page is written from.
        say: prints a line at the terminal.
    """
    try:
        path = within(MAX_SECONDS, lambda: write(source_of()))
    except Exception as error:  # noqa: BLE001 - the traffic is moved, and the answer is known
        say(f"the report could not be written: {type(error).__name__}: {error}"[:300])
    else:
        say(f"report: {path}")
