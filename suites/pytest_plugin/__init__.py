"""The pytest plugin: options, fixtures, the run record, and the messages of failed checks.

marks      has ``@check``, which gives a test the id of a check and the needed capability
plugin     has the options, begins and ends a run, and prints the header and the summary
selection  decides which of the collected tests are checks, and which checks run
reporting  puts the message of a failure into the report of a test, and masks secrets
state      stores the values of the plugin during a run
recorder   reads pytest's reports, and writes the run record
failures   writes the message of a failed check
fixtures   has the fixtures of the checks
"""
