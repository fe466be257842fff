"""The verification suites: each test is one check of a target, and what they share.

contract   the store's API: the only place where a path is written
client     calls operations by id, validates every answer, masks secrets
probes     one interaction each, returning an observation
marks      ``@check``: a check's id and what it needs
ownership  the tests' own data, made under the run's name and cleaned up
run_locks  which runs are alive on this machine
ended_runs what ended runs left in the database, and its removal
live       WebSocket listeners
browsing   the real browser
waiting    the only place that waits
fixtures   what checks are written with
plugin     the pytest options, the header, the rules of collection
recording  the event stream of a run
failures   how a failing check is shown
"""
