"""The release report: one self-contained HTML page that works offline and runs no script.

The page of ``gates serve`` is the same page with one script of the server.

page            the content of the page, as plain values
table_rows      the rows of the tables of the page
document        the HTML of the whole page
decision_parts  the decision, what to do next, and the findings, worst first
ramp_parts      the traffic of a ramp as a timeline
chart_frame     the axes of all charts
ratio_chart     the charts of the ratio of bad events of green and blue
table_parts     suites, load runs, guide, sign-offs and the ledger
tone            whether a part of the page is good or bad news
markup          elements of HTML, and the escaping of every text from outside
"""

from reports.html.document import LIVE_POLICY, LIVE_SCRIPT, html
from reports.html.page import ReleasePage

__all__ = ["LIVE_POLICY", "LIVE_SCRIPT", "ReleasePage", "html"]
