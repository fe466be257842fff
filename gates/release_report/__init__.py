"""The release report: what the ledger, the kept evidence and the runs say, as one page.

report_input    what the page is written from
kept_decisions  the newest decisions, and the evidence of the newest ramp decision
answer_summary  the answer, since when, and what to do next
ramp_timeline   the moves, decisions and rollbacks of the newest ramp
ratio_series    the ratio of bad events of both colours, from raw samples
finding_rows    the findings of a decision with their measurements
run_rows        suites by category, and load runs
guide_rows      the state of the guide's items, and the sign-offs
ledger_rows     who decided what, and when
page_file       the page, and its file
"""

from gates.release_report.page_file import announce, page_of, write
from gates.release_report.report_input import ReportInput, ReportPlaces

__all__ = ["ReportInput", "ReportPlaces", "announce", "page_of", "write"]
