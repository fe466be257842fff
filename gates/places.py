"""Finds the paths of target files, policies and generated files.

An option, an environment variable or a default chooses each path.
"""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

# The folder that has ``gates`` in it: the root of a checkout, or site-packages.
BESIDE = Path(__file__).resolve().parent.parent
# A wheel has the folders with general names in here, so that no other distribution has files of
# the same name; a checkout has them at its root.
BUNDLED = Path(__file__).resolve().parent / "_bundled"
INSTALLED = BUNDLED if BUNDLED.is_dir() else BESIDE


@dataclass(frozen=True, slots=True)
class Place:
    """A path, and the option, environment variable or default that chose it, for messages."""

    path: Path
    chosen_by: str

    def __str__(self) -> str:
        return f"{self.path} ({self.chosen_by})"


def targets(option: str | None) -> Place:
    """Return the folder of target files: ``--targets``, KIRANA_TARGETS, or the installed folder."""
    return _place(option, "--targets", "KIRANA_TARGETS", INSTALLED / "targets")


def policy(option: str | None) -> Place:
    """Return the policy file: ``--policy``, KIRANA_POLICY, or the installed file."""
    return _place(option, "--policy", "KIRANA_POLICY", policy_installed())


def policy_installed() -> Path:
    """Return the path of the installed policy file."""
    return INSTALLED / "policies" / "release.toml"


def guide(option: str | None) -> Place:
    """Return the file of the guide's items: ``--guide``, KIRANA_GUIDE, or the installed file."""
    return _place(option, "--guide", "KIRANA_GUIDE", INSTALLED / "policies" / "guide.toml")


def suites_installed() -> Path | None:
    """Return the folder of the suites; None where the suites are not installed."""
    folder = BESIDE / "suites"
    return folder if (folder / "required.toml").is_file() else None


def put_on_path(folder: Path) -> None:
    """Put a folder first on the import path of this process and of its child processes.

    Only the commands of this project call the function. A program that imports ``gates`` keeps its
    own import path.

    Args:
        folder: the bundled folder of a wheel. The function does nothing where the folder does not
            exist.
    """
    if not folder.is_dir() or str(folder) in sys.path:
        return
    sys.path.insert(0, str(folder))
    inherited = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join([str(folder), *([inherited] if inherited else [])])


def out(option: str | None, default: Path) -> Place:
    """Return the folder of generated files: ``--out``, KIRANA_OUT, or the default."""
    return _place(option, "--out", "KIRANA_OUT", default)


def _place(option: str | None, flag: str, variable: str, default: Path) -> Place:
    if option:
        return Place(Path(option), flag)
    if os.environ.get(variable):
        return Place(Path(os.environ[variable]), variable)
    return Place(default, "installed" if default.is_relative_to(INSTALLED) else "default")
