"""Puts the message of a failed check into the report of its test, and masks secrets there."""

from collections.abc import Generator

import pytest

from suites.client import masked
from suites.pytest_plugin.failures import failure_text
from suites.pytest_plugin.recorder import CHECK, FAILED_ATTEMPT
from suites.pytest_plugin.selection import check_id_of
from suites.pytest_plugin.state import RECORDER

MAX_ATTEMPT = 500


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Record each failed attempt of a test in its report, and mask secrets in the output."""
    report = yield
    if RECORDER not in item.config.stash:
        return report
    secrets = item.config.stash[RECORDER].secrets
    skipped = call.excinfo is not None and call.excinfo.errisinstance(pytest.skip.Exception)
    if call.excinfo is not None and not skipped and not hasattr(report, "wasxfail"):
        attempt = (FAILED_ATTEMPT, masked(call.excinfo.exconly()[:MAX_ATTEMPT], secrets))
        item.user_properties.append(attempt)
        report.user_properties.append(attempt)
        if check_id_of(item) and item.config.getoption("tbstyle", "auto") == "auto":
            text = failure_text(item, call.excinfo, check_id_of(item))
            report.longrepr = masked(text, secrets)
    report.sections = [(name, masked(text, secrets)) for name, text in report.sections]
    return report


def pytest_report_teststatus(report: pytest.TestReport) -> tuple[str, str, str] | None:
    """Show the check id of a failed test in pytest's short summary."""
    properties = getattr(report, "user_properties", ())
    check_id = dict(reversed(properties)).get(CHECK) if report.failed else None
    if not check_id:
        return None
    if report.when == "call":
        return "failed", "F", f"FAILED {check_id}"
    return "error", "E", f"ERROR {check_id}"
