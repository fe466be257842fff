"""Writes the release report: one page from the ledger, the stored evidence and the runs.

report_input    the ledger, policy, target and folders that the page is written from
kept_decisions  the newest decisions, and the evidence of the newest ramp decision
answer_summary  the decision, its reason and time, and what to do next
ramp_timeline   the moves, decisions and rollbacks of the newest ramp
ratio_series    the ratio of bad events of both colours, from raw samples
finding_rows    the findings of a decision with their measurements
run_rows        suites by category, and load runs
guide_rows      the state of the guide's items, and the sign-offs
ledger_rows     the entries of the ledger: who decided what, and when
page_file       the page, and its file
"""

from gates.release_report.page_file import announce, page_of, write
from gates.release_report.report_input import ReportInput, ReportPlaces

__all__ = ["ReportInput", "ReportPlaces", "announce", "page_of", "write"]
