"""The events of a run: pytest's reports in, the run record out."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gates.evidence.run_folder import Subject
from gates.evidence.suite_record import Recorder
from gates.model import Build, CheckOutcome, CheckResult
from suites.client import masked

MAX_MESSAGE = 2000
# Names of user properties, which travel from xdist's workers with each report.
CHECK = "kirana_check"
NOT_APPLICABLE = "kirana_not_applicable"
INCONCLUSIVE = "kirana_inconclusive"
FAILED_ATTEMPT = "kirana_failed_attempt"


@dataclass(slots=True)
class _Phases:
    """The result of one test so far."""

    seconds: float = 0.0
    outcome: CheckOutcome = CheckOutcome.PASSED
    message: str = ""
    called: bool = False


@dataclass(slots=True)
class ReportRecorder:
    """Writes the record of one run, in the process that receives all reports.

    Args:
        folder: the run's folder.
        key: the HMAC key of evidence, or empty.
        secrets: texts that the record must not hold.
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
        """Write the subject of the run: target, build and policy."""
        self._recorder().started(run_id, subject, tool)

    def collected(self, checks: list[str]) -> None:
        """Write the ids of the checks that will run."""
        self._recorder().collected(checks)

    def report(self, report: pytest.TestReport) -> None:
        """Add one phase of a test; the last phase completes the check."""
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
        """Write the result of a check of the run itself, for which there is no test."""
        outcome = CheckOutcome.FAILED if problem else CheckOutcome.PASSED
        result = CheckResult(check_id, outcome, datetime.now(UTC), problem[:MAX_MESSAGE], "")
        self._recorder().check(result, 0.0)

    def _write(self, check_id: str, phases: _Phases, nodeid: str) -> None:
        outcome = phases.outcome
        if outcome is CheckOutcome.PASSED and not phases.called:
            outcome, phases.message = CheckOutcome.ERROR, "the test never ran"
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
        """Write the last event, with the seal; the plugin does not call this for a cut run."""
        self._recorder().finished(build, exit_code)


def _add_phase(phases: _Phases, report: pytest.TestReport, properties: dict[str, object]) -> None:
    """The worst phase decides; a later phase never improves the outcome."""
    phases.called = phases.called or report.when == "call"
    was_expected_to_fail = hasattr(report, "wasxfail")
    if report.outcome not in ("passed", "skipped") or FAILED_ATTEMPT in properties:
        if phases.outcome is not CheckOutcome.FAILED:
            outside_test = report.when in ("setup", "teardown") and report.failed
            phases.outcome = CheckOutcome.ERROR if outside_test else CheckOutcome.FAILED
        attempt = str(properties.get(FAILED_ATTEMPT, "it was retried"))
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
        phases.message = str(reason or _message(report)).removeprefix("inconclusive: ")
    elif was_expected_to_fail:
        phases.outcome, phases.message = CheckOutcome.XPASSED, "passed, expected to fail"


def _message(report: pytest.TestReport) -> str:
    """The sentence of a failure or a skip, without the traceback."""
    crash = getattr(report.longrepr, "reprcrash", None)
    if crash is not None:
        return str(crash.message)
    if isinstance(report.longrepr, tuple):
        return str(report.longrepr[2])
    return str(report.longrepr or "")
