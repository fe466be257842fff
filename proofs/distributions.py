"""``make proof-packaging``: what is built from this checkout works where it is installed.

Builds the distributions, installs them into new environments, and tries there what a user does: the
gate alone, the suites beside it, and a checkout where only the dependencies are installed.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import tests_path  # noqa: F401 - what lies in tests/support
from worlds import ROOT, Done, environment

import gates

EXTRAS = ("suites", "testbed", "browser", "load", "serve", "dev")
SECONDS = 900
SMOKE = ("-m", "smoke", "--target", "green")
GENERAL_NAMES = ("load", "nightly", "policies", "rehearsal", "reports", "targets", "testbed")
PROGRAM = re.compile(r"```python\n(.*?)```", re.DOTALL)
UNKNOWN_NAME = "from gates import chek\n"


class NotProvedError(Exception):
    """Something is not as it should be; the message says what was seen."""


@dataclass(frozen=True, slots=True)
class Environment:
    """A virtual environment without pip.

    Args:
        folder: where it is.
        elsewhere: the folder where its commands run, far from any checkout.
        variables: environment variables of its commands.
    """

    folder: Path
    elsewhere: Path
    variables: dict[str, str] = field(default_factory=dict)

    @classmethod
    def create(cls, folder: Path) -> "Environment":
        """Create it, and an empty folder beside it."""
        command(sys.executable, "-m", "venv", "--without-pip", str(folder))
        elsewhere = folder.with_name(f"{folder.name}-elsewhere")
        elsewhere.mkdir()
        return cls(folder, elsewhere)

    @property
    def site_packages(self) -> Path:
        """Where packages are installed."""
        return next((self.folder / "lib").glob("python3*/site-packages"))

    def pip(self, *arguments: str) -> None:
        """Run the pip of this project for this environment."""
        python = str(self.folder / "bin" / "python")
        command(sys.executable, "-m", "pip", "--python", python, *arguments)

    def run(self, program: str, *arguments: str, folder: Path | None = None) -> Done:
        """Run a program of this environment."""
        path = os.pathsep.join([str(self.folder / "bin"), os.environ["PATH"]])
        done = subprocess.run(
            [str(self.folder / "bin" / program), *arguments],
            cwd=folder or self.elsewhere,
            env={**environment(), **self.variables, "PATH": path},
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        return Done(done.returncode, done.stdout, done.stderr)


def command(*arguments: str, folder: Path = ROOT) -> str:
    """Run a command that must succeed, and return its output.

    Raises:
        NotProvedError: the command failed.
    """
    done = subprocess.run(
        arguments,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode:
        raise NotProvedError(
            f"{' '.join(arguments[:5])}: {done.stdout[-1500:]}{done.stderr[-1500:]}"
        )
    return done.stdout


def proved(sentence: str) -> None:
    """Say what is proved."""
    print(f"proved: {sentence}", flush=True)


def expect(done: Done, code: int, *texts: str) -> Done:
    """A command must end with this code, and print these texts.

    Raises:
        NotProvedError: it did something else.
    """
    printed = done.out + done.err
    if done.code != code or any(text not in printed for text in texts):
        raise NotProvedError(f"expected exit code {code} and {texts}, got {done.code}:\n{printed}")
    return done


def main() -> int:
    """0 when everything is proved, 1 when not."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--part", choices=PARTS, action="append", help="only this part; repeatable")
    parts = parser.parse_args().part or list(PARTS)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="distributions-") as name:
        folder = Path(name)
        try:
            wheels = build(folder)
            for part in parts:
                PARTS[part](folder, wheels)
        except NotProvedError as error:
            print(f"NOT PROVED: {error}")
            return 1
    print(f"everything is proved, in {time.monotonic() - began:.0f} s")
    return 0


def build(folder: Path) -> list[Path]:
    """The wheels of both distributions; their top-level names are checked."""
    wheels = folder / "wheels"
    command(
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--wheel-dir",
        str(wheels),
        "./distributions/gates",
        "./distributions/suites",
    )
    built = sorted(wheels.glob("*.whl"))
    expected = [{"gates", "kirana_gates"}, {"kirana_suites", "suites"}]
    if (names := [top_names(wheel) for wheel in built]) != expected:
        raise NotProvedError(f"expected the top-level names {expected}, got {names}")
    proved(f"both wheels are built; their top-level names are {names}")
    return built


def top_names(wheel: Path) -> set[str]:
    """The names that a wheel puts into site-packages, without the versions of metadata."""
    with zipfile.ZipFile(wheel) as files:
        return {name.split("/")[0].split("-")[0] for name in files.namelist()}


def gate_alone(folder: Path, wheels: Sequence[Path]) -> None:
    """Prove that kirana-gates installs and runs without the other distributions."""
    place = Environment.create(folder / "gate")
    place.pip("install", "--quiet", "--no-index", "--no-deps", str(wheels[0]))
    names = {path.name.split("-")[0] for path in place.site_packages.iterdir()}
    if names - {"__pycache__"} != {"gates", "kirana_gates"}:
        raise NotProvedError(f"site-packages has {sorted(names)}")
    proved("site-packages has only gates and its metadata")
    expect(place.run("gates", "--version"), 0, gates.__version__)
    expect(place.run("gates", "lint"), 0, "no mistakes in", "_bundled/policies/release.toml")
    expect(place.run("gates", "stages"), 0, "green-ready")
    expect(place.run("python", "-W", "error", "-c", "from gates import *; check, judge"), 0)
    proved("gates --version, gates lint, gates stages and `from gates import *` work")
    closed_targets(place)
    for arguments, text in (((), "HOLD  green-ready"), (("--json",), '"decision": "hold"')):
        command = ("check", "green-ready", "--target", "green", *arguments)
        expect(place.run("gates", *command), gates.ExitCode.HOLD, text)
    proved("gates check answers HOLD where nobody answers, as text and as JSON")
    expect(
        place.run("gates", "rehearse"),
        gates.ExitCode.USAGE,
        "the rehearsal is not installed; run: pip install 'kirana-suites[testbed,load]'",
    )
    proved("gates rehearse says what to install, with exit code 2")
    library(place)


def closed_targets(place: Environment) -> None:
    """Name target files whose addresses nobody listens at."""
    targets = place.elsewhere / "targets"
    targets.mkdir()
    text = (ROOT / "targets" / "green.toml").read_text(encoding="utf-8")
    (targets / "green.toml").write_text(re.sub(r"127.0.0.1:\d+", "127.0.0.1:1", text))
    place.variables["KIRANA_TARGETS"] = str(targets)


def library(place: Environment) -> None:
    """The programs of docs/library.md run, and mypy strict accepts them."""
    programs = PROGRAM.findall((ROOT / "docs" / "library.md").read_text(encoding="utf-8"))
    for number, (text, code) in enumerate(zip(programs, (3, 0, 0), strict=True)):
        name = f"program_{number}.py"
        (place.elsewhere / name).write_text(text, encoding="utf-8")
        expect(place.run("python", "-W", "error", name), code)
        expect(mypy(place, name), 0, "no issues found")
    (place.elsewhere / "wrong.py").write_text(UNKNOWN_NAME, encoding="utf-8")
    expect(mypy(place, "wrong.py"), 1, 'has no attribute "chek"')
    proved("the programs of docs/library.md run, and mypy strict accepts them with the wheel alone")


def mypy(place: Environment, name: str) -> Done:
    """Check a program against the packages of an environment, and no others."""
    arguments = (
        "-m",
        "mypy",
        "--strict",
        "--config-file=",
        "--no-incremental",
        "--python-executable",
        str(place.folder / "bin" / "python"),
        name,
    )
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=place.elsewhere,
        env=environment(),
        text=True,
        capture_output=True,
        timeout=SECONDS,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)


def suites_installed(folder: Path, wheels: Sequence[Path]) -> None:
    """Both distributions are installed, with their dependencies."""
    place = with_dependencies(folder)
    place.pip("install", "--quiet", "--no-index", "--no-deps", *map(str, wheels))
    for name in GENERAL_NAMES:
        expect(place.run("python", "-c", f"import {name}"), 1, "No module named")
    proved(f"nothing is importable as {', '.join(GENERAL_NAMES)}")
    start = ("-m", "suites", "testbed", "--world", str(folder / "world"))
    with running(place, start, place.elsewhere):
        smoke(place, place.elsewhere, "--pyargs", "suites", "-p", "no:locust")
        proved("`pytest --pyargs suites -m smoke --target green` gives 17 passed anywhere")
        expect(
            place.run("gates", "check", "green-ready", "--target", "green"), 0, "GO  green-ready"
        )
        expect(place.run("gates", "lint"), 0, "no mistakes in")
        proved("gates check answers GO after it")
        loaded = place.run("python", "-m", "suites", "load", "run", "smoke", "--target", "green")
        expect(loaded, loaded.code, "load-smoke  green:")  # a busy machine may be a hold
        proved(f"`python -m suites load run smoke` makes load, and the gate answers {loaded.code}")
        expect(place.run("python", "-m", "suites", "nightly", "--help"), 0, "acknowledge")
        checkout = copied_checkout(folder)
        smoke(place, checkout, text="plugin: the installed one")
        proved("`pytest -m smoke --target green` in a checkout gives 17 passed, too")
    place.pip("uninstall", "--quiet", "--yes", "kirana-gates", "kirana-suites")


def checkout_alone(folder: Path, _: Sequence[Path]) -> None:
    """Only the dependencies are installed; then the checkout, editable and not."""
    place = with_dependencies(folder)
    checkout = copied_checkout(folder)
    with running(place, ("-m", "testbed", "--world", str(folder / "world")), checkout):
        smoke(place, checkout)
        smoke(place, checkout, "-n", "2")
        proved("with only the dependencies, `pytest -m smoke --target green` gives 17 passed")
        for arguments in (("--editable", "."), (".",)):
            place.pip(
                "install",
                "--quiet",
                "--no-deps",
                *(argument if argument != "." else str(checkout) for argument in arguments),
            )
            smoke(place, checkout)
            smoke(place, place.elsewhere, "--pyargs", "suites", "-p", "no:locust")
            proved(f"after `pip install {' '.join(arguments)}` there are 17 passed, too")
            place.pip("uninstall", "--quiet", "--yes", "kirana-release-gate")


def smoke(place: Environment, folder: Path, *arguments: str, text: str = "") -> None:
    """Run the smoke checks by the program pytest: all 17 must pass."""
    done = place.run("pytest", *arguments, *SMOKE, "-p", "no:cacheprovider", folder=folder)
    expect(done, 0, "17 passed", text)


def with_dependencies(folder: Path) -> Environment:
    """The environment with all dependencies and nothing of ours; created once."""
    if (folder / "dependencies").exists():
        return Environment(
            folder / "dependencies", folder / "dependencies-elsewhere", world_variables(folder)
        )
    place = Environment.create(folder / "dependencies")
    place.variables.update(world_variables(folder))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = {
        requirement for extra in EXTRAS for requirement in project["optional-dependencies"][extra]
    }
    place.pip("install", "--quiet", "-c", str(ROOT / "constraints.txt"), *sorted(wanted))
    return place


def world_variables(folder: Path) -> dict[str, str]:
    """Variables that name the target files of the running testbed."""
    return {"KIRANA_TARGETS": str(folder / "world" / "targets")}


@contextmanager
def running(place: Environment, start: Sequence[str], folder: Path) -> Iterator[None]:
    """A testbed on free ports, taken down at the end."""
    expect(place.run("python", *start, "up", "--ports", "free", folder=folder), 0)
    try:
        yield
    finally:
        expect(place.run("python", *start, "down", folder=folder), 0)


def copied_checkout(folder: Path) -> Path:
    """A copy of the files of this checkout, as they are now; made once."""
    copy = folder / "checkout"
    if not copy.exists():
        listed = command("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
        for name in filter(None, listed.split("\0")):
            if (ROOT / name).is_file():
                (copy / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, copy / name)
    return copy


PARTS: dict[str, Callable[[Path, Sequence[Path]], None]] = {
    "gate": gate_alone,
    "suites": suites_installed,
    "checkout": checkout_alone,
}

if __name__ == "__main__":
    sys.exit(main())
