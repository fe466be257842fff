"""The release report: one self-contained HTML page that works offline and runs no script.

The page of ``gates serve`` is the same page with one script of the server.

page            the content of the page, as plain values
table_rows      the rows of its tables
document        the whole page
decision_parts  the answer, what to do next, and the findings, worst first
ramp_parts      the traffic of a ramp as a timeline
chart_frame     the axes of all charts
ratio_chart     the ratio of bad events of both colours
table_parts     suites, load runs, guide, sign-offs and the ledger
tone            how a reader should take a part
markup          every text from outside is escaped here
"""

from reports.html.document import LIVE_POLICY, LIVE_SCRIPT, html
from reports.html.page import ReleasePage

__all__ = ["LIVE_POLICY", "LIVE_SCRIPT", "ReleasePage", "html"]
