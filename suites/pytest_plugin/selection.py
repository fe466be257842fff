"""Decides which of the collected tests are checks, and which checks run on the target."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from gates import places
from gates.model import LEFT_NOTHING
from gates.policy import target_file
from suites.client import forget
from suites.pytest_plugin.marks import SUITES
from suites.pytest_plugin.recorder import CHECK, NOT_APPLICABLE
from suites.pytest_plugin.state import RECORDER, TARGET, is_worker, only_shows

SUITES_FOLDER = Path(__file__).resolve().parent.parent
# The files that have the wanted checks; None where every file is needed.
NEEDED_FILES = pytest.StashKey[frozenset[Path] | None]()


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out files of the suites that have no wanted check, because an import takes time."""
    path = collection_path.resolve()
    is_test_file = path.name.startswith("test_") and path.suffix == ".py"
    if not is_test_file or SUITES_FOLDER not in path.parents:
        return None
    if NEEDED_FILES not in config.stash:
        check_ids, suite = config.getoption("check") or (), config.getoption("markexpr")
        config.stash[NEEDED_FILES] = needed_files(check_ids, suite, SUITES_FOLDER)
    needed = config.stash[NEEDED_FILES]
    return True if needed is not None and path not in needed else None


def needed_files(check_ids: Sequence[str], suite: str, folder: Path) -> frozenset[Path] | None:
    """Find the files that may have the wanted checks.

    Args:
        check_ids: the ids of the option ``--check``.
        suite: the expression of the option ``-m``; files are left out only for the name of a suite.
        folder: the folder of the suites.

    Returns:
        The files; None without such an option, where an id is in no file, and where a file cannot
        be read.
    """
    if not check_ids and suite not in SUITES:
        return None
    try:
        texts = {path: path.read_text("utf-8") for path in folder.rglob("test_*.py")}
    except (OSError, UnicodeDecodeError):
        return None
    if not check_ids:
        return frozenset(path for path, text in texts.items() if _may_have(text, suite))
    files = [
        frozenset(
            path for path, text in texts.items() if f'"{name}"' in text or f"'{name}'" in text
        )
        for name in check_ids
    ]
    return frozenset[Path]().union(*files) if all(files) else None


def _may_have(text: str, suite: str) -> bool:
    """Return whether a file may have checks of a suite: it has that mark, or no suite's mark."""
    marked = [name for name in SUITES if f"pytest.mark.{name}" in text]
    return suite in marked or not marked


def check_id_of(item: pytest.Item) -> str:
    """Return the id that ``@check`` gives a test; empty for a test without ``@check``."""
    marker = item.get_closest_marker("check")
    return str(marker.args[0]) if marker else ""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Give each test its check id. A run without ``--target`` and an id of two tests are errors."""
    checks = [item for item in items if item.get_closest_marker("check")]
    if not checks and config.stash.get(NEEDED_FILES, None) is None:
        return
    if TARGET not in config.stash:
        if only_shows(config):
            return
        folder = places.targets(config.getoption("targets")).path
        names = ", ".join(target_file.names(folder))
        raise pytest.UsageError(f"these checks need --target NAME; known targets: {names}")
    check_ids: set[str] = set()
    for item in checks:
        check_id = check_id_of(item)
        if check_id in check_ids:
            raise pytest.UsageError(
                f"two tests have the check id {check_id}; give one of the tests another id"
            )
        check_ids.add(check_id)
        item.user_properties.append((CHECK, check_id))
    _keep_named(config, items, check_ids)


def _keep_named(config: pytest.Config, items: list[pytest.Item], check_ids: set[str]) -> None:
    """Keep the checks that ``--check`` names; without the option, keep all."""
    names = config.getoption("check")
    if not names:
        return
    if unknown := sorted(set(names) - check_ids):
        raise pytest.UsageError(
            f"no check {unknown[0]!r} among the collected tests; correct --check, or the "
            "test folders on the command line"
        )
    selected = [item for item in items if check_id_of(item) in names]
    config.hook.pytest_deselected(items=[item for item in items if item not in selected])
    items[:] = selected


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> None:
    """Record the ids of the checks that will run, in the only process or in the first worker.

    After a collection error the list would be incomplete, so nothing is recorded.
    """
    config = session.config
    if RECORDER not in config.stash or session.testsfailed:
        return
    first = not is_worker(config) or config.workerinput["workerid"] == "gw0"  # type: ignore[attr-defined]
    distributes = not is_worker(config) and config.getoption("dist", "no") != "no"
    if first and not distributes:
        check_ids = [check_id for check_id in map(check_id_of, session.items) if check_id]
        config.stash[RECORDER].collected([*check_ids, LEFT_NOTHING] if check_ids else [])


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a check if the target lacks the capability, or if the target refuses the suite."""
    marker = item.get_closest_marker("check")
    if marker is None or TARGET not in item.config.stash:
        return
    forget()
    target = item.config.stash[TARGET]
    suites = {suite for suite in SUITES if item.get_closest_marker(suite)}
    if refused := sorted(suites - target.suites):
        pytest.skip(
            f"refused: the target file of {target.name} does not allow the {refused[0]} suite"
        )
    needs = marker.kwargs["needs"]
    if needs not in target.capabilities:
        reason = f"not applicable: {target.name} does not declare the capability {needs}"
        item.user_properties.append((NOT_APPLICABLE, reason))
        pytest.skip(reason)
