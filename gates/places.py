"""Where target files, policies and generated files are, and what chose that."""

import os
from dataclasses import dataclass
from pathlib import Path

INSTALLED = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Place:
    """A path, and what chose it: for headers and messages."""

    path: Path
    chosen_by: str

    def __str__(self) -> str:
        return f"{self.path} ({self.chosen_by})"


def targets(option: str | None) -> Place:
    """The folder of target files: ``--targets``, KIRANA_TARGETS, or the installed one."""
    return _place(option, "--targets", "KIRANA_TARGETS", INSTALLED / "targets")


def policy(option: str | None) -> Place:
    """The policy file: ``--policy``, KIRANA_POLICY, or the installed one."""
    return _place(option, "--policy", "KIRANA_POLICY", policy_installed())


def policy_installed() -> Path:
    """The installed policy file."""
    return INSTALLED / "policies" / "release.toml"


def out(option: str | None, default: Path) -> Place:
    """The folder of generated files: ``--out``, KIRANA_OUT, or the default."""
    return _place(option, "--out", "KIRANA_OUT", default)


def _place(option: str | None, flag: str, variable: str, default: Path) -> Place:
    if option:
        return Place(Path(option), flag)
    if os.environ.get(variable):
        return Place(Path(os.environ[variable]), variable)
    return Place(default, "installed" if default.is_relative_to(INSTALLED) else "default")
