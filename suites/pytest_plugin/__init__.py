"""The pytest plugin: options, fixtures, the run record, and the messages of failing checks.

marks      ``@check``: the id of a check and the capability that it needs
plugin     options, the beginning and the end of a run, the header and the summary
selection  which of the collected tests are checks, and which of them run
reporting  the report of each test: its message, and no secret in it
state      what the plugin keeps for the length of a run
recorder   pytest's reports in, the run record out
failures   the message of a failing check
fixtures   what checks are written with
"""
