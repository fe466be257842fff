"""Reads pytest's reports of the phases of each test, and writes the run record."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gates.evidence.run_folder import Subject
from gates.evidence.suite_record import Recorder
from gates.model import Build, CheckOutcome, CheckResult
from suites.client import masked

MAX_MESSAGE = 2000
# Names of user properties, which pytest-xdist sends with each report from a worker.
CHECK = "kirana_check"
NOT_APPLICABLE = "kirana_not_applicable"
INCONCLUSIVE = "kirana_inconclusive"
FAILED_ATTEMPT = "kirana_failed_attempt"


@dataclass(slots=True)
class _Phases:
    """The result of one test after the phases that were reported."""

    seconds: float = 0.0
    outcome: CheckOutcome = CheckOutcome.PASSED
    message: str = ""
    called: bool = False


@dataclass(slots=True)
class ReportRecorder:
    """Writes the run record of one run, in the process that receives all reports.

    Args:
        folder: the folder of the run.
        key: the HMAC key of evidence; empty without a key.
        secrets: texts that the run record must not contain.
        passed: the number of results that are a pass.
        outcomes: the outcomes of each check, by check id.
    """

    folder: Path
    key: str
    secrets: tuple[str, ...]
    passed: int = 0
    outcomes: dict[str, list[CheckOutcome]] = field(default_factory=dict)
    _open: dict[str, _Phases] = field(default_factory=dict)
    _check_ids: dict[str, str] = field(default_factory=dict)

    def _recorder(self) -> Recorder:
        return Recorder(self.folder, self.key)

    def start(self, run_id: str, subject: Subject, tool: str) -> None:
        """Write the first event of the run record.

        Args:
            run_id: the id of the run.
            subject: the target, the served build and the policy of the run.
            tool: the version of this program.
        """
        self._recorder().started(run_id, subject, tool)

    def collected(self, checks: list[str]) -> None:
        """Write the ids of the checks that will run into the run record."""
        self._recorder().collected(checks)

    def report(self, report: pytest.TestReport) -> None:
        """Add the report of one phase of a test; after the last phase, write the result."""
        properties = dict(reversed(report.user_properties))
        check_id = str(properties.get(CHECK, self._check_ids.get(report.nodeid, "")))
        if not check_id:
            return
        self._check_ids[report.nodeid] = check_id
        phases = self._open.setdefault(report.nodeid, _Phases())
        phases.seconds += report.duration
        _add_phase(phases, report, properties)
        if report.when in ("setup", "call"):
            return
        del self._open[report.nodeid]
        self._write(check_id, phases, report.nodeid)

    def look_back(self, check_id: str, problem: str) -> None:
        """Write the result of a check that has no test, because it is about the run itself.

        Args:
            check_id: the id of the check.
            problem: the reason of a failure; empty for a pass.
        """
        outcome = CheckOutcome.FAILED if problem else CheckOutcome.PASSED
        result = CheckResult(check_id, outcome, datetime.now(UTC), problem[:MAX_MESSAGE], "")
        self._recorder().check(result, 0.0)

    def _write(self, check_id: str, phases: _Phases, nodeid: str) -> None:
        outcome = phases.outcome
        if outcome is CheckOutcome.PASSED and not phases.called:
            text = "the setup passed, but the test was not called"
            outcome, phases.message = CheckOutcome.ERROR, text
        message = masked(phases.message.removeprefix(f"{check_id}: "), self.secrets)
        result = CheckResult(
            check=check_id,
            outcome=outcome,
            at=datetime.now(UTC),
            message=message[:MAX_MESSAGE],
            nodeid=nodeid,
        )
        self._recorder().check(result, phases.seconds)
        self.outcomes.setdefault(check_id, []).append(outcome)
        self.passed += outcome is CheckOutcome.PASSED

    def finish(self, build: Build | None, exit_code: int) -> None:
        """Write the last event with the seal; an interrupted run has no last event.

        Args:
            build: the build that the target serves at the end; None if it is not known.
            exit_code: the exit code of pytest.
        """
        self._recorder().finished(build, exit_code)


def _add_phase(phases: _Phases, report: pytest.TestReport, properties: dict[str, object]) -> None:
    """Add the report of a phase to the result: the worst phase decides the outcome."""
    phases.called = phases.called or report.when == "call"
    was_expected_to_fail = hasattr(report, "wasxfail")
    if report.outcome not in ("passed", "skipped") or FAILED_ATTEMPT in properties:
        if phases.outcome is not CheckOutcome.FAILED:
            outside_test = report.when in ("setup", "teardown") and report.failed
            phases.outcome = CheckOutcome.ERROR if outside_test else CheckOutcome.FAILED
        attempt = str(properties.get(FAILED_ATTEMPT, "an attempt failed, and the test was retried"))
        phases.message = phases.message or _message(report) or attempt
    elif phases.outcome in (CheckOutcome.FAILED, CheckOutcome.ERROR):
        return
    elif report.skipped:
        phases.outcome = CheckOutcome.XFAILED if was_expected_to_fail else CheckOutcome.SKIPPED
        if NOT_APPLICABLE in properties:
            phases.outcome = CheckOutcome.NOT_APPLICABLE
        elif INCONCLUSIVE in properties:
            phases.outcome = CheckOutcome.INCONCLUSIVE
        reason = properties.get(NOT_APPLICABLE) or properties.get(INCONCLUSIVE)
        phases.message = str(reason or _message(report))
    elif was_expected_to_fail:
        text = "the check passed, although it is marked as an expected failure"
        phases.outcome, phases.message = CheckOutcome.XPASSED, text


def _message(report: pytest.TestReport) -> str:
    """Return the message of a failure or a skip, without the traceback."""
    crash = getattr(report.longrepr, "reprcrash", None)
    if crash is not None:
        return str(crash.message)
    if isinstance(report.longrepr, tuple):
        return str(report.longrepr[2])
    return str(report.longrepr or "")
