"""The event stream of a run: pytest's reports in, the run's record out."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gates.evidence.suite_runs import Recorder, Subject
from gates.model import Build, CheckOutcome, CheckResult
from suites.client import masked

MOST_MESSAGE = 2000
# Names of user properties, which travel from xdist's workers with each report.
CHECK = "kirana_check"
NOT_APPLICABLE = "kirana_not_applicable"
FAILED_ATTEMPT = "kirana_failed_attempt"


@dataclass(slots=True)
class _Phases:
    """What is known of one test so far."""

    seconds: float = 0.0
    outcome: CheckOutcome = CheckOutcome.PASSED
    message: str = ""
    called: bool = False


@dataclass(slots=True)
class Recording:
    """Writes the record of one run, in the process that sees all reports.

    Args:
        folder: the run's folder.
        key: the HMAC key of evidence, or empty.
        secrets: texts that must not get into the record.
    """

    folder: Path
    key: str
    secrets: tuple[str, ...]
    passed: int = 0
    outcomes: dict[str, list[CheckOutcome]] = field(default_factory=dict)
    _open: dict[str, _Phases] = field(default_factory=dict)
    _known: dict[str, str] = field(default_factory=dict)

    def _recorder(self) -> Recorder:
        return Recorder(self.folder, self.key)

    def start(self, run_id: str, subject: Subject, tool: str) -> None:
        """Write what is tested."""
        self._recorder().started(run_id, subject, tool)

    def collected(self, checks: list[str]) -> None:
        """Write what will be checked."""
        self._recorder().collected(checks)

    def report(self, report: pytest.TestReport) -> None:
        """Take in one phase of a test; its last phase completes the check."""
        properties = dict(reversed(report.user_properties))
        check_id = str(properties.get(CHECK, self._known.get(report.nodeid, "")))
        if not check_id:
            return
        self._known[report.nodeid] = check_id
        phases = self._open.setdefault(report.nodeid, _Phases())
        phases.seconds += report.duration
        _take_in(phases, report, properties)
        if report.when in ("setup", "call"):
            return
        del self._open[report.nodeid]
        self._write(check_id, phases, report.nodeid)

    def look_back(self, check_id: str, problem: str) -> None:
        """Write a check of the run itself, which no test makes."""
        outcome = CheckOutcome.FAILED if problem else CheckOutcome.PASSED
        result = CheckResult(check_id, outcome, datetime.now(UTC), problem[:MOST_MESSAGE], "")
        self._recorder().check(result, 0.0)

    def _write(self, check_id: str, phases: _Phases, nodeid: str) -> None:
        outcome = phases.outcome
        if outcome is CheckOutcome.PASSED and not phases.called:
            outcome, phases.message = CheckOutcome.ERROR, "the test never ran"
        result = CheckResult(
            check=check_id,
            outcome=outcome,
            at=datetime.now(UTC),
            message=masked(phases.message.removeprefix(f"{check_id}: "), self.secrets)[
                :MOST_MESSAGE
            ],
            nodeid=nodeid,
        )
        self._recorder().check(result, phases.seconds)
        self.outcomes.setdefault(check_id, []).append(outcome)
        self.passed += outcome is CheckOutcome.PASSED

    def finish(self, build: Build | None, exit_code: int) -> None:
        """Seal the record; a run that was cut short stays unsealed."""
        self._recorder().finished(build, exit_code)


def _take_in(phases: _Phases, report: pytest.TestReport, properties: dict[str, Any]) -> None:
    """The worst phase decides; a later one never improves on it."""
    phases.called = phases.called or report.when == "call"
    was_expected = hasattr(report, "wasxfail")
    if report.outcome not in ("passed", "skipped") or FAILED_ATTEMPT in properties:
        if phases.outcome is not CheckOutcome.FAILED:
            outside = report.when in ("setup", "teardown") and report.failed
            phases.outcome = CheckOutcome.ERROR if outside else CheckOutcome.FAILED
        said = str(properties.get(FAILED_ATTEMPT, "it was retried"))
        phases.message = phases.message or _message(report) or said
    elif phases.outcome in (CheckOutcome.FAILED, CheckOutcome.ERROR):
        return
    elif report.skipped:
        phases.outcome = CheckOutcome.XFAILED if was_expected else CheckOutcome.SKIPPED
        if NOT_APPLICABLE in properties:
            phases.outcome = CheckOutcome.NOT_APPLICABLE
        phases.message = str(properties.get(NOT_APPLICABLE) or _message(report))
    elif was_expected:
        phases.outcome, phases.message = CheckOutcome.XPASSED, "passed, expected to fail"


def _message(report: pytest.TestReport) -> str:
    """The sentence of a failure or a skip, without the traceback."""
    crash = getattr(report.longrepr, "reprcrash", None)
    if crash is not None:
        return str(crash.message)
    if isinstance(report.longrepr, tuple):
        return str(report.longrepr[2])
    return str(report.longrepr or "")
