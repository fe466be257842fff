"""Registers the plugin of the suites where no installed distribution has registered it."""

from importlib import import_module
from pathlib import Path

import pytest

ENTRY_POINT = "kirana"
ROOT = Path(__file__).resolve().parent
# Before pytest knows ``--targets DIR``, it takes the folder for a place to collect from, and does
# not read the settings of this folder. Even then it collects the suites only, unless somebody types
# ``pytest tests``.
collect_ignore = [path.name for path in ROOT.iterdir() if path.is_dir() and path.name != "suites"]


def pytest_addoption(pluginmanager: pytest.PytestPluginManager) -> None:
    """Pytest calls this before it reads the command line, so the plugin can add its options."""
    if not pluginmanager.has_plugin(ENTRY_POINT):
        pluginmanager.register(import_module("suites.pytest_plugin.plugin"), ENTRY_POINT)


def pytest_configure(config: pytest.Config) -> None:
    """Let a plugin of site-packages collect the checks of this folder.

    By default pytest refuses a file whose package was imported from another folder.
    """
    if not _plugin_file(config).is_relative_to(ROOT):
        config.option.importmode = "importlib"
    if any(_is_own_test(argument) for argument in config.args):
        # A filter further down the list comes first.
        config.getini("filterwarnings").insert(0, "error")


def _is_own_test(argument: str) -> bool:
    """Whether an argument of pytest names tests of this project, and no suites.

    In our own tests a warning is an error. A warning never ends a run of the suites, which stands
    in the environment of its user.
    """
    path = Path(argument.partition("::")[0]).resolve()
    return any(path.is_relative_to(ROOT / folder) for folder in ("tests", "proofs"))


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Say which plugin runs the checks of this folder, where it is another one."""
    file = _plugin_file(config)
    return [] if file.is_relative_to(ROOT) else [f"plugin: the installed one, {file.parent}"]


def _plugin_file(config: pytest.Config) -> Path:
    plugin = config.pluginmanager.get_plugin(ENTRY_POINT)
    return Path(str(plugin.__file__)).resolve() if plugin else ROOT
