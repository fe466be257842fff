"""Has the options of the pytest plugin, begins and ends runs, and prints header and summary."""

import contextlib
import shlex
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import pytest

from gates import __version__, places
from gates.errors import ConfigurationError
from gates.evidence.run_folder import RUN_ID as RUN_ID_PATTERN
from gates.evidence.run_folder import Subject, new_run_id
from gates.evidence.seal import configured_key
from gates.model import LEFT_NOTHING, Build, CheckOutcome
from gates.policy import policy_file, target_file
from gates.sources.access_problems import status_problem
from suites.client import StoreClient, UnexpectedAnswerError
from suites.contract import load
from suites.pytest_plugin.marks import CATEGORIES, SUITES
from suites.pytest_plugin.recorder import ReportRecorder
from suites.pytest_plugin.state import (
    BUILD,
    LEFTOVERS,
    OWN_LEFTOVERS,
    POLICY,
    RECORDER,
    RUN_ID,
    SUMMARY,
    TARGET,
    is_worker,
    only_shows,
    run_folder,
)
from suites.testdata import run_locks

if TYPE_CHECKING:
    # Loads pymongo, which a pytest run of another project has no use for.
    from suites.testdata.ended_runs import Leftovers

pytest_plugins = (
    "suites.pytest_plugin.fixtures",
    "suites.pytest_plugin.selection",
    "suites.pytest_plugin.parallel",
    "suites.pytest_plugin.reporting",
    "suites.pytest_plugin.allure_results",
)

INTERRUPTED = (pytest.ExitCode.INTERRUPTED, pytest.ExitCode.INTERNAL_ERROR)
DIGEST_DIGITS = 12
Value = TypeVar("Value")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of the suites to pytest."""
    group = parser.getgroup("kirana", "verification of a deployed Kirana Store")
    group.addoption("--target", metavar="NAME", help="the target to verify; required for checks")
    text = "the folder of target files (default: KIRANA_TARGETS, else the installed folder)"
    group.addoption("--targets", metavar="DIR", help=text)
    text = "the policy file (default: KIRANA_POLICY, else the installed file)"
    group.addoption("--policy", metavar="FILE", help=text)
    text = "the id of the run (default: date, time and random digits)"
    group.addoption("--run-id", metavar="ID", help=text)
    text = "run only this check; repeatable"
    group.addoption("--check", metavar="ID", action="append", help=text)
    text = "the folder of generated files (default: KIRANA_OUT, else ./out)"
    group.addoption("--out", metavar="DIR", help=text)
    group.addoption(
        "--remove-ended-runs",
        action="store_true",
        help="delete the data that ended runs left, also on a production target",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Register the markers, read the target file and the policy, and make the folder of the run."""
    _register_markers(config)
    if not config.getoption("target"):
        return
    folder = places.targets(config.getoption("targets")).path
    config.stash[TARGET] = _read(lambda: target_file.load(config.getoption("target"), folder))
    if only_shows(config):
        return
    if not __debug__:
        problem = "python -O removes the assert statements of the checks; start python without -O"
        raise pytest.UsageError(problem)
    policy = places.policy(config.getoption("policy")).path
    config.stash[POLICY] = _read(lambda: policy_file.load(policy))
    config.stash[RUN_ID] = _run_id(config)
    folder = run_folder(config)
    if not is_worker(config):
        if folder.exists():
            raise pytest.UsageError(
                f"run {config.stash[RUN_ID]} exists already in {folder}; name another --run-id"
            )
        _make_folder(folder)
        _write_reports_to(config, folder)
    run_locks.hold(config.stash[RUN_ID])
    # On a CI server pytest would repeat the whole failure in its short summary.
    config.option.force_short_summary = True
    secrets = tuple(config.stash[TARGET].secrets.values())
    config.stash[RECORDER] = ReportRecorder(folder, _read(configured_key), secrets)
    if not is_worker(config):
        config.pluginmanager.register(_ReportListener(config.stash[RECORDER]), "kirana-recorder")


def _register_markers(config: pytest.Config) -> None:
    text = "check(id, needs, alone): a check, the capability it needs, and whether it runs alone"
    config.addinivalue_line("markers", text)
    for suite in SUITES:
        config.addinivalue_line("markers", f"{suite}: a check of the {suite} suite")
    for category in CATEGORIES:
        config.addinivalue_line("markers", f"{category}: an integration test of this category")


def _read(load_value: Callable[[], Value]) -> Value:
    """Read a value of the configuration; a wrong configuration becomes a usage error of pytest."""
    try:
        return load_value()
    except ConfigurationError as error:
        raise pytest.UsageError(str(error)) from error


def _run_id(config: pytest.Config) -> str:
    if is_worker(config):
        return str(config.workerinput["kirana_run"])  # type: ignore[attr-defined]
    run_id = str(config.getoption("run_id") or new_run_id())
    if not RUN_ID_PATTERN.match(run_id):
        raise pytest.UsageError(
            f"--run-id {run_id[:80]!r}: expected at most 60 lower-case letters, digits and dashes"
        )
    return run_id


def _make_folder(folder: Path) -> None:
    """Make the folder of runs at the beginning; a folder that is read-only is a usage error."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder.parent):
            pass
    except OSError as error:
        raise pytest.UsageError(
            f"{folder.parent} cannot be written ({error.strerror}); name another folder: --out=DIR"
        ) from error


def _write_reports_to(config: pytest.Config, folder: Path) -> None:
    """Write JUnit XML and Allure results beside the run record, unless an option names a path."""
    if not config.option.xmlpath:
        config.option.xmlpath = str(folder / "junit.xml")
    if not getattr(config.option, "allure_report_dir", "unknown"):
        config.option.allure_report_dir = str(folder / "allure")


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: object) -> None:
    """Give a worker of pytest-xdist the id of the run to which the worker belongs."""
    config: pytest.Config = node.config  # type: ignore[attr-defined]
    if RUN_ID in config.stash:
        node.workerinput["kirana_run"] = config.stash[RUN_ID]  # type: ignore[attr-defined]


def served_build(config: pytest.Config) -> Build:
    """Return the build that the health response of the target names.

    Raises:
        UnexpectedAnswerError: the target does not respond, or the response differs from the
            contract.
    """
    client = StoreClient(config.stash[TARGET], load(), config.stash[RUN_ID], "")
    with contextlib.closing(client):
        body = client.ask("health").body
    return Build(release=body["release"], version=body["version"], digest=body["digest"])


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Begin the run record with the build that the target serves, before any check runs."""
    config = session.config
    if RECORDER not in config.stash or is_worker(config):
        return
    target, recorder = config.stash[TARGET], config.stash[RECORDER]
    problem = ""
    try:
        config.stash[BUILD] = served_build(config)
    except UnexpectedAnswerError as error:
        config.stash[BUILD], problem = None, str(error)
        if error.exchange is not None and error.exchange.status is not None:
            access = target.access.api
            hint = status_problem(error.exchange.status, b"", "", access)
            problem = f"{hint}\n{problem}" if hint else problem
    subject = Subject(
        target.name,
        target.addresses.api,
        target.digest,
        config.stash[BUILD],
        config.stash[POLICY].limits_digest,
    )
    recorder.start(config.stash[RUN_ID], subject, __version__)
    _point_latest(recorder.folder)
    if problem:
        raise pytest.UsageError(
            f"target {target.name} cannot be reached at {target.addresses.api}: {problem}\n"
            "  start the target (the embedded store: make up), or correct the target file"
        )
    config.stash[LEFTOVERS] = _remove_leftovers(config)


def _remove_leftovers(config: pytest.Config) -> "Leftovers":
    """Delete the data that ended runs left in the database, if the target allows this."""
    # Loads pymongo, which a pytest run of another project has no use for.
    from suites.testdata.ended_runs import remove_leftovers

    return remove_leftovers(
        config.stash[TARGET],
        config.stash[RUN_ID],
        also_in_production=config.getoption("remove_ended_runs"),
    )


def _point_latest(folder: Path) -> None:
    """Let the link ``out/latest`` lead to this run; the link is replaced in one step."""
    link = folder.parent.parent / "latest"
    new_link = link.with_name(f".latest-{folder.name}")
    new_link.symlink_to(Path("runs") / folder.name)
    new_link.replace(link)


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Return the lines of the header: the target, the policy, the builds and the run."""
    if TARGET not in config.stash:
        return []
    target = config.stash[TARGET]
    folder = places.targets(config.getoption("targets"))
    lines = [f"target: {target.name} at {target.addresses.api}, from {folder}"]
    if POLICY in config.stash:
        digest = config.stash[POLICY].limits_digest[:DIGEST_DIGITS]
        lines.append(f"policy: {places.policy(config.getoption('policy'))}; limits {digest}")
    if RECORDER in config.stash and BUILD in config.stash:
        lines.append(f"served: {config.stash[BUILD] or 'unknown'}; expected {target.expected}")
        lines.append(f"run: {config.stash[RUN_ID]} in {config.stash[RECORDER].folder}")
    return lines


class _ReportListener:
    """Passes the reports of all tests to the recorder, in the process that receives all reports."""

    def __init__(self, recorder: ReportRecorder) -> None:
        self._recorder = recorder

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Pass the report of one phase of one test to the recorder."""
        self._recorder.report(report)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Delete the data of the run, and seal the run record if the run was not interrupted.

    A run in which no check passed ends with an exit code other than 0.
    """
    config = session.config
    if RECORDER not in config.stash or is_worker(config) or config.stash.get(BUILD, None) is None:
        return
    recorder = config.stash[RECORDER]
    succeeded = recorder.passed > 0
    problem = _clean_up(config)
    if recorder.outcomes:
        recorder.look_back(LEFT_NOTHING, problem)
        if problem and exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
    if exitstatus in INTERRUPTED:
        return
    if exitstatus == pytest.ExitCode.USAGE_ERROR and not recorder.outcomes:
        recorder.collected([])
    if exitstatus == pytest.ExitCode.OK and not succeeded:
        session.exitstatus = pytest.ExitCode.NO_TESTS_COLLECTED
    build = None
    with contextlib.suppress(UnexpectedAnswerError):
        build = served_build(config)
    recorder.finish(build, int(session.exitstatus))


def _clean_up(config: pytest.Config) -> str:
    """Delete the data of this run and of ended runs.

    Returns:
        The reason why some data is left in the database; an empty text if no data is left.
    """
    # Loads pymongo, which a pytest run of another project has no use for.
    from suites.testdata.ownership import clean_up

    problem = clean_up(config.stash[TARGET], config.stash[RUN_ID])
    config.stash[OWN_LEFTOVERS] = problem or "nothing"
    config.stash[LEFTOVERS] += _remove_leftovers(config)
    return "; ".join(filter(None, (problem, config.stash[LEFTOVERS].problem)))


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, exitstatus: int, config: pytest.Config
) -> None:
    """Print the data that runs left, inconclusive checks, and advice if no check was found."""
    outside = config.args_source is pytest.Config.ArgsSource.INVOCATION_DIR
    if TARGET in config.stash and outside and exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED:
        command = shlex.join(["pytest", "--pyargs", "suites", *config.invocation_params.args])
        terminalreporter.write_line(
            f"There are no checks in {config.invocation_params.dir}. Type:  {command}\n"
            "  or change to the root folder of the release gate and repeat your command there."
        )
    for line in config.stash.get(SUMMARY, []):
        terminalreporter.write_line(line)
    if OWN_LEFTOVERS in config.stash:
        terminalreporter.write_line(f"left behind in the database: {config.stash[OWN_LEFTOVERS]}")
    if LEFTOVERS in config.stash and (sentence := config.stash[LEFTOVERS].sentence()):
        terminalreporter.write_line(f"other runs: {sentence}")
    if RECORDER in config.stash:
        outcomes = config.stash[RECORDER].outcomes
        unsure = sorted(name for name in outcomes if CheckOutcome.INCONCLUSIVE in outcomes[name])
        if unsure:
            terminalreporter.write_line(
                f"these checks are inconclusive, so the gate holds: {', '.join(unsure)}"
            )
        terminalreporter.write_line(report_line(config))


def report_line(config: pytest.Config) -> str:
    """Return the line that names the release report, and the command that writes the report.

    Args:
        config: the configuration of a run with a target.
    """
    out = run_folder(config).parent.parent
    options = [
        f"--{name}={value}"
        for name in ("target", "targets", "policy")
        if (value := config.getoption(name))
    ]
    command = shlex.join(["gates", "report", *options, f"--out={out}"])
    return f"report: {out / 'report' / 'index.html'} is written by: {command}"
