"""Writes the entries of the ledger as rows: who decided what, and when."""

from gates.ledger import LedgerRecord
from gates.release_report.report_input import ReportInput
from reports import terminal
from reports.html.table_rows import LedgerRow

MAX_ROWS = 200


def ledger_rows(source: ReportInput) -> tuple[LedgerRow, ...]:
    """Write the newest entries of the ledger as rows, newest first, for all targets.

    Args:
        source: the ledger, policy and target that the page is written from.
    """
    return tuple(map(_row, reversed(source.content.records[-MAX_ROWS:])))


def _row(record: LedgerRecord) -> LedgerRow:
    moment, event = terminal.entry_event(record.entry)
    return LedgerRow(moment.replace("T", " "), record.entry.target, event, record.entry_id)
