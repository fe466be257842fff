"""Who decided what, and when: the entries of the ledger, newest first."""

from gates.ledger import LedgerRecord
from gates.release_report.report_input import ReportInput
from reports import terminal
from reports.html.table_rows import LedgerRow

MAX_ROWS = 200


def ledger_rows(source: ReportInput) -> tuple[LedgerRow, ...]:
    """The newest entries of the whole ledger, of every target.

    Args:
        source: what the page is written from.
    """
    return tuple(map(_row, reversed(source.content.records[-MAX_ROWS:])))


def _row(record: LedgerRecord) -> LedgerRow:
    moment, event = terminal.entry_event(record.entry)
    return LedgerRow(moment.replace("T", " "), record.entry.target, event, record.entry_id)
