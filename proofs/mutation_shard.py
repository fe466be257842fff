"""A copy of the project with a world of its own, on which the suites judge one change at a time.

``proofs/mutation.py`` chooses the changes, and counts those that the suites notice.
"""

import contextlib
import difflib
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import mutation_operators
import tests_path  # noqa: F401 - what lies in tests/support
from worlds import TestWorld

ROOT = Path(__file__).resolve().parent.parent
TOOL = ROOT / ".venv" / "tools" / "bin" / "cosmic-ray"
# A timing on a busy machine is no kill, and long sweeps of attacks find other things than slips.
SUITES = "(smoke or integration or security) and not performance"
SUITES_OF_MIGRATIONS = f"platform or {SUITES}"
# The check of performance that counts, and measures no time.
COUNTED_CACHE = "performance.cache"
LONG = ("nosql", "sql", "command", "lines", "traversal", "no_text_runs")
LEFT_OUT = f"not ({' or '.join(f'test_{name}' for name in LONG)})"
MIGRATIONS = "testbed/migrations.py"
# A change that makes the suites hang counts as noticed: they take more than this many times the
# time that they take on the unchanged code.
HANGS_AFTER = 3
# The longest time of a run of the suites on the unchanged code, and on a changed migration.
MAX_SECONDS = 1200.0
# Smoke is quick, and notices many changes.
FOLDERS = ("smoke", "consistency", "integration", "security", "platform")


@dataclass(frozen=True, slots=True)
class Mutant:
    """A change of one place in one file of the store.

    Args:
        module: the path of the changed file in the project.
        operator: the operator's name.
        occurrence: which place of the module, counted from 0, the operator changes.
    """

    module: str
    operator: str
    occurrence: int

    @property
    def is_ours(self) -> bool:
        """Whether the operator is one of ``mutation_operators``."""
        return "/" not in self.operator


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a mutant.

    Args:
        mutant: the mutant.
        killed: whether a check failed.
        seconds: how long the test took.
        diff: the change.
    """

    mutant: Mutant
    killed: bool
    seconds: float
    diff: str


def cosmic_ray(folder: Path, *arguments: str) -> str:
    """Run cosmic-ray in a folder; what it printed.

    Raises:
        SystemExit: cosmic-ray failed.
    """
    done = subprocess.run(
        [str(TOOL), *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"cosmic-ray {arguments[0]}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout


class Shard:
    """A copy of the project with a world of its own.

    Args:
        folder: a folder that does not exist yet.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.copy, self.world = folder / "copy", TestWorld(folder / "world")
        self._max_seconds, self._printed = MAX_SECONDS, ""
        self._run: subprocess.Popen[str] | None = None
        ignored = shutil.ignore_patterns(".*", "out", "__pycache__")
        shutil.copytree(ROOT, self.copy, ignore=ignored)

    def start(self) -> None:
        """Start the world, and require that the suites pass on the code as it is."""
        up = self._testbed("up", "--ports", "free")
        if up.returncode:
            raise SystemExit(f"mutation: {up.stdout}{up.stderr}")
        began = time.monotonic()
        self.require_passes()
        self._max_seconds = HANGS_AFTER * (time.monotonic() - began)

    def require_passes(self) -> None:
        """Require that the suites pass on the code as it is."""
        if self._is_noticed(fresh=False):
            raise SystemExit(f"mutation: the suites fail on the code as it is:\n{self._printed}")

    def stop(self) -> None:
        """Stop the world."""
        self._testbed("down")

    def interrupt(self) -> None:
        """End the suites that run; their result does not count."""
        if self._run is not None and self._run.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._run.pid, signal.SIGKILL)

    def result(self, mutant: Mutant) -> Result:
        """Try a mutant, and restore the file."""
        path = self.copy / mutant.module
        before, began = path.read_text(), time.monotonic()
        try:
            self._change(mutant, path, before)
            changed = path.read_text()
            killed = self._is_noticed(fresh=mutant.module == MIGRATIONS)
        finally:
            path.write_text(before)
        fresh = mutant.module == MIGRATIONS
        if fresh or (killed and not self._is_well()):
            self._renew()
        lines = difflib.unified_diff(
            before.splitlines(), changed.splitlines(), mutant.module, mutant.module, "", "", 1, ""
        )
        return Result(mutant, killed, round(time.monotonic() - began, 1), "\n".join(lines))

    def _change(self, mutant: Mutant, path: Path, source: str) -> None:
        if not mutant.is_ours:
            arguments = mutant.module, mutant.operator, str(mutant.occurrence)
            cosmic_ray(self.copy, "apply", *arguments)
            return
        of_operator = [
            change
            for change in mutation_operators.changes(source)
            if change.operator == mutant.operator
        ]
        path.write_text(of_operator[mutant.occurrence].applied(source))

    def _is_noticed(self, *, fresh: bool) -> bool:
        """Whether the suites fail on the copy as it is; a test that never ends is a failure."""
        # A new world and the platform suite take longer.
        limit = MAX_SECONDS if fresh else self._max_seconds
        return self._fails(limit, *(["--fresh"] if fresh else []))

    def _is_well(self) -> bool:
        """Whether smoke passes on the restored code: a change may leave a defective world."""
        return not self._fails(self._max_seconds, "--smoke")

    def _renew(self) -> None:
        """Start a new world, because the next mutant needs one without the effects of this one."""
        self._testbed("down")
        shutil.rmtree(self.world.folder, ignore_errors=True)
        up = self._testbed("up", "--ports", "free")
        if up.returncode or not self._is_well():
            raise SystemExit(f"mutation: a new world is not well:\n{up.stderr}{self._printed}")

    def _fails(self, limit: float, *options: str) -> bool:
        """Run the suites on the copy as it is; every process of a run that hangs is killed."""
        command = [sys.executable, "proofs/mutation.py", "--try", str(self.world.folder), *options]
        with subprocess.Popen(
            command,
            cwd=self.copy,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        ) as self._run:
            try:
                self._printed, _ = self._run.communicate(timeout=limit)
            except subprocess.TimeoutExpired:
                self.interrupt()
                self._printed = f"the suites did not end within {limit:.0f} s"
                return True
        return self._run.returncode != 0

    def _testbed(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "testbed", "--world", str(self.world.folder), *arguments]
        return subprocess.run(command, cwd=self.copy, capture_output=True, text=True, check=False)


def try_mutant(world: TestWorld, *, fresh: bool, only_smoke: bool) -> int:
    """Restart green on the code as it stands and run the suites; 0 when nothing is noticed.

    Args:
        world: the world.
        fresh: whether a new world is needed, because the change is in the migrations.
        only_smoke: whether only the smoke suite runs.
    """
    if fresh:
        world.testbed("down")
        shutil.rmtree(world.folder, ignore_errors=True)
    started = world.testbed(*(("up", "--ports", "free") if fresh else ("restart", "green")))
    if started.code:
        print(f"green does not start: {started.err}")
        return 1
    out = world.folder / "out"
    if only_smoke:
        done = world.pytest(out / str(time.time_ns()), "-m", "smoke", "-q", "-x")
        print(done.out[-1500:])
        return done.code
    suites = SUITES_OF_MIGRATIONS if fresh else SUITES
    arguments = ("-m", suites, "-k", LEFT_OUT, "-q", "-x", "-n", "2", "-p", "no:allure_pytest")
    folders = [f"suites/{name}" for name in FOLDERS]
    done = world.pytest(out / str(time.time_ns()), *arguments, *folders)
    if done.code == 0:
        done = world.pytest(out / str(time.time_ns()), "-q", "--check", COUNTED_CACHE)
    print(done.out[-1500:])
    return done.code
