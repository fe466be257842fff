"""The pytest plugin: which target, which checks, and a record of every run."""

import contextlib
import shlex
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gates import __version__, places
from gates.errors import ConfigurationError
from gates.evidence.suite_runs import RUN_ID, Subject, configured_key, new_run_id
from gates.model import LEFT_NOTHING, Build, Target
from gates.policy import policy_file as policies
from gates.policy import target_file as targets
from suites.client import StoreClient, UnexpectedAnswerError, forget, masked
from suites.contract import load
from suites.pytest_plugin.failures import failure_text
from suites.pytest_plugin.marks import CATEGORIES, SUITES
from suites.pytest_plugin.recorder import CHECK, FAILED_ATTEMPT, NOT_APPLICABLE, Recording
from suites.testdata import run_locks

if TYPE_CHECKING:
    from suites.testdata.ended_runs import Leftovers

pytest_plugins = ("suites.pytest_plugin.fixtures",)

TARGET = pytest.StashKey[Target]()
RUN = pytest.StashKey[str]()
BUILD = pytest.StashKey["Build | None"]()
LIMITS = pytest.StashKey[str]()
LEFT = pytest.StashKey[str]()
LEFTOVERS = pytest.StashKey["Leftovers"]()
RECORDING = pytest.StashKey[Recording]()
ONLY_SHOWS = ("collectonly", "help", "markers", "showfixtures", "show_fixtures_per_test", "version")
CUT_SHORT = (pytest.ExitCode.INTERRUPTED, pytest.ExitCode.INTERNAL_ERROR)


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of the suites."""
    group = parser.getgroup("kirana", "verification of a deployed Kirana Store")
    group.addoption("--target", metavar="NAME", help="what to verify: a file of the targets folder")
    group.addoption("--targets", metavar="DIR", help="the target files (KIRANA_TARGETS, installed)")
    group.addoption("--run-id", metavar="ID", help="names this run (default: date, time, digits)")
    group.addoption("--check", metavar="ID", action="append", help="only this check; repeatable")
    group.addoption("--out", metavar="DIR", help="generated files (KIRANA_OUT, ./out)")
    group.addoption("--remove-ended-runs", action="store_true",
                    help="delete what ended runs left on a production target, too")  # fmt: skip


def is_worker(config: pytest.Config) -> bool:
    """Whether this process is a worker of pytest-xdist."""
    return hasattr(config, "workerinput")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Register the markers, read the target, and choose where this run writes."""
    config.addinivalue_line("markers", "check(id, needs): the check's id and needed capability")
    for suite in SUITES:
        config.addinivalue_line("markers", f"{suite}: a check of the {suite} suite")
    for category in CATEGORIES:
        config.addinivalue_line("markers", f"{category}: an integration test of this category")
    if not config.getoption("target"):
        return
    place = places.targets(config.getoption("targets"))
    try:
        config.stash[TARGET] = targets.load(config.getoption("target"), place.path)
    except ConfigurationError as error:
        raise pytest.UsageError(str(error)) from error
    if any(config.getoption(name, default=False) for name in ONLY_SHOWS):
        return
    if not __debug__:
        raise pytest.UsageError("python -O removes the assertions that checks are made of")
    config.stash[RUN] = _run_id(config)
    config.stash[LIMITS] = _limits_digest()
    folder = run_folder(config)
    if not is_worker(config):
        if folder.exists():
            raise pytest.UsageError(f"run {config.stash[RUN]} exists already: {folder}")
        _also_write(config, folder)
    run_locks.hold(config.stash[RUN])
    # On a CI server pytest would repeat the whole failure in its short summary.
    config.option.force_short_summary = True
    secrets = tuple(config.stash[TARGET].secrets.values())
    recording = Recording(folder, _evidence_key(), secrets)
    config.stash[RECORDING] = recording
    if not is_worker(config):
        config.pluginmanager.register(_Listener(recording), "kirana-recording")


def _limits_digest() -> str:
    try:
        return policies.load(places.policy(None).path).limits_digest
    except ConfigurationError as error:
        raise pytest.UsageError(str(error)) from error


def _evidence_key() -> str:
    try:
        return configured_key()
    except ConfigurationError as error:
        raise pytest.UsageError(str(error)) from error


def _run_id(config: pytest.Config) -> str:
    if is_worker(config):
        return str(config.workerinput["kirana_run"])  # type: ignore[attr-defined]
    run_id = str(config.getoption("run_id") or new_run_id())
    if not RUN_ID.match(run_id):
        raise pytest.UsageError("--run-id: lower-case letters, digits and dashes, at most 60")
    return run_id


def run_folder(config: pytest.Config) -> Path:
    """Where this run writes."""
    out = places.out(config.getoption("out"), config.invocation_params.dir / "out").path
    return out.resolve() / "runs" / config.stash[RUN]


def _also_write(config: pytest.Config, folder: Path) -> None:
    """JUnit XML and Allure results beside the record, unless the command line says where."""
    if not config.option.xmlpath:
        config.option.xmlpath = str(folder / "junit.xml")
    if not getattr(config.option, "allure_report_dir", "unknown"):
        config.option.allure_report_dir = str(folder / "allure")


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: object) -> None:
    """Tell a worker of pytest-xdist which run it belongs to."""
    config: pytest.Config = node.config  # type: ignore[attr-defined]
    if RUN in config.stash:
        node.workerinput["kirana_run"] = config.stash[RUN]  # type: ignore[attr-defined]


def served_build(config: pytest.Config) -> Build:
    """Which build the target serves, as its health answer says.

    Raises:
        UnexpectedAnswerError: it does not answer, or not as the contract says.
    """
    client = StoreClient(config.stash[TARGET], load(), config.stash[RUN], "")
    with contextlib.closing(client):
        answer = client.ask("health")
    body = answer.body
    return Build(release=body["release"], version=body["version"], digest=body["digest"])


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Ask the target who it is, once, before anything is tested."""
    config = session.config
    if RECORDING not in config.stash or is_worker(config):
        return
    target, recording = config.stash[TARGET], config.stash[RECORDING]
    problem = ""
    try:
        config.stash[BUILD] = served_build(config)
    except UnexpectedAnswerError as error:
        config.stash[BUILD], problem = None, str(error)
    subject = Subject(target.name, target.addresses.api, target.digest, config.stash[BUILD],
                      config.stash[LIMITS])  # fmt: skip
    recording.start(config.stash[RUN], subject, __version__)
    _point_latest(recording.folder)
    if problem:
        raise pytest.UsageError(
            f"target {target.name} cannot be reached at {target.addresses.api}: {problem}\n"
            "  start it (the embedded store: make up), or correct its target file"
        )
    config.stash[LEFTOVERS] = _remove_leftovers(config)


def _remove_leftovers(config: pytest.Config) -> "Leftovers":
    """Delete what ended runs left, where the target allows that."""
    from suites.testdata.ended_runs import remove_leftovers

    return remove_leftovers(
        config.stash[TARGET],
        config.stash[RUN],
        also_in_production=config.getoption("remove_ended_runs"),
    )


def _point_latest(folder: Path) -> None:
    """``out/latest`` names the newest run; replaced in one step."""
    link = folder.parent.parent / "latest"
    fresh = link.with_name(f".latest-{folder.name}")
    fresh.symlink_to(Path("runs") / folder.name)
    fresh.replace(link)


def pytest_report_header(config: pytest.Config) -> list[str]:
    """What is tested, for the reader of the output."""
    if TARGET not in config.stash:
        return []
    target = config.stash[TARGET]
    place = places.targets(config.getoption("targets"))
    lines = [f"target: {target.name} at {target.addresses.api}, from {place}"]
    if RECORDING in config.stash and BUILD in config.stash:
        lines.append(f"served: {config.stash[BUILD] or 'unknown'}; expected {target.expected}")
        lines.append(f"run: {config.stash[RUN]} in {config.stash[RECORDING].folder}")
    return lines


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Give each test its check id; refuse suites without a target, ids used twice."""
    checks = [item for item in items if item.get_closest_marker("check")]
    if not checks:
        return
    if TARGET not in config.stash:
        if any(config.getoption(name, default=False) for name in ONLY_SHOWS):
            return
        known = ", ".join(targets.names(places.targets(config.getoption("targets")).path))
        raise pytest.UsageError(f"these checks need --target NAME; there are: {known}")
    seen: set[str] = set()
    for item in checks:
        check_id = check_id_of(item)
        if check_id in seen:
            raise pytest.UsageError(f"two tests are the check {check_id}")
        seen.add(check_id)
        item.user_properties.append((CHECK, check_id))
    _only_asked(config, items, seen)


def check_id_of(item: pytest.Item) -> str:
    """The id of a test's ``@check``."""
    marker = item.get_closest_marker("check")
    return str(marker.args[0]) if marker else ""


def _only_asked(config: pytest.Config, items: list[pytest.Item], known: set[str]) -> None:
    """Keep what ``--check`` names."""
    asked = config.getoption("check")
    if not asked:
        return
    if unknown := sorted(set(asked) - known):
        raise pytest.UsageError(f"no check {unknown[0]!r} among those collected")
    kept = [item for item in items if check_id_of(item) in asked]
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = kept


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> None:
    """Record what is about to be checked: this process, or the first worker.

    A collection that broke has not said what it would check, so nothing is recorded of it.
    """
    config = session.config
    if RECORDING not in config.stash or session.testsfailed:
        return
    first = not is_worker(config) or config.workerinput["workerid"] == "gw0"  # type: ignore[attr-defined]
    distributes = not is_worker(config) and config.getoption("dist", "no") != "no"
    if first and not distributes:
        checks = [one for one in map(check_id_of, session.items) if one]
        config.stash[RECORDING].collected([*checks, LEFT_NOTHING] if checks else [])


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Leave out what the target does not declare, and refuse what it does not allow."""
    marker = item.get_closest_marker("check")
    if marker is None or TARGET not in item.config.stash:
        return
    forget()
    target = item.config.stash[TARGET]
    suites = {suite for suite in SUITES if item.get_closest_marker(suite)}
    if refused := sorted(suites - target.suites):
        pytest.skip(f"refused: {target.name} does not allow the {refused[0]} suite")
    needs = marker.kwargs["needs"]
    if needs not in target.capabilities:
        reason = f"not applicable: {target.name} does not declare {needs}"
        item.user_properties.append((NOT_APPLICABLE, reason))
        pytest.skip(reason)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Remember a failure whatever a later attempt says; keep secrets out of captured output."""
    report = yield
    if RECORDING not in item.config.stash:
        return report
    recording = item.config.stash[RECORDING]
    skipped = call.excinfo is not None and call.excinfo.errisinstance(pytest.skip.Exception)
    if call.excinfo is not None and not skipped and not hasattr(report, "wasxfail"):
        said = masked(call.excinfo.exconly()[:500], recording.secrets)
        item.user_properties.append((FAILED_ATTEMPT, said))
        report.user_properties.append((FAILED_ATTEMPT, said))
        if check_id_of(item) and item.config.getoption("tbstyle", "auto") == "auto":
            text = failure_text(item, call.excinfo, check_id_of(item))
            report.longrepr = masked(text, recording.secrets)
    report.sections = [(name, masked(text, recording.secrets)) for name, text in report.sections]
    return report


def pytest_report_teststatus(report: pytest.TestReport) -> tuple[str, str, str] | None:
    """Name the check of a failure, so that pytest's short summary does."""
    properties = getattr(report, "user_properties", ())
    check_id = dict(reversed(properties)).get(CHECK) if report.failed else None
    if not check_id:
        return None
    if report.when == "call":
        return "failed", "F", f"FAILED {check_id}"
    return "error", "E", f"ERROR {check_id}"


class _Listener:
    """Hands reports to the recording, in the process that sees all of them."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """One phase of one test."""
        self._recording.report(report)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Seal the record of a run that went to its end; a run that proved nothing is no success."""
    config = session.config
    if RECORDING not in config.stash or is_worker(config) or config.stash.get(BUILD, None) is None:
        return
    from suites.testdata.ownership import clean_up

    recording = config.stash[RECORDING]
    succeeded = recording.passed > 0
    left = clean_up(config.stash[TARGET], config.stash[RUN])
    config.stash[LEFT] = left or "nothing"
    config.stash[LEFTOVERS] += _remove_leftovers(config)
    left = "; ".join(filter(None, (left, config.stash[LEFTOVERS].problem)))
    if recording.outcomes:
        recording.look_back(LEFT_NOTHING, left)
        if left and exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
    if exitstatus in CUT_SHORT:
        return
    if exitstatus == pytest.ExitCode.USAGE_ERROR and not recording.outcomes:
        recording.collected([])
    if exitstatus == pytest.ExitCode.OK and not succeeded:
        session.exitstatus = pytest.ExitCode.NO_TESTS_COLLECTED
    build = None
    with contextlib.suppress(UnexpectedAnswerError):
        build = served_build(config)
    recording.finish(build, int(session.exitstatus))


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, exitstatus: int, config: pytest.Config
) -> None:
    """Say what this run and ended runs left behind, and where the checks are if none was there."""
    outside = config.args_source is pytest.Config.ArgsSource.INVOCATION_DIR
    if TARGET in config.stash and outside and exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED:
        typed = shlex.join(["pytest", "--pyargs", "suites", *config.invocation_params.args])
        terminalreporter.write_line(
            f"There are no checks in {config.invocation_params.dir}. Type:  {typed}\n"
            "  or change to the root folder of the release gate and repeat your command there.."
        )
    if LEFT in config.stash:
        terminalreporter.write_line(f"left behind in the database: {config.stash[LEFT]}")
    if LEFTOVERS in config.stash and (sentence := config.stash[LEFTOVERS].sentence()):
        terminalreporter.write_line(f"other runs: {sentence}")
