"""Runs the collector command as a process of its own, and kills it after a limited time."""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import IO

from gates import ledger

MODULE = "suites.collector"
# A decision waits for the collector at most for this time. Without a violation the collector takes
# about a second; a violation is read again for some seconds before the violation counts.
MAX_SECONDS = 10.0
POLL_SECONDS = 0.02
MAX_OUTPUT_BYTES = 2000
MAX_OUTPUT_CHARACTERS = 300


def installed_in() -> Path | None:
    """Return the folder that has the package ``suites``; None where no collector is installed."""
    spec = find_spec(MODULE.partition(".")[0])
    for location in (spec and spec.submodule_search_locations) or ():
        if (Path(location) / "collector" / "__main__.py").is_file():
            return Path(location).parent
    return None


def run_command(options: Sequence[str], until: float, cancelled: threading.Event) -> str:
    """Run the collector command.

    Args:
        options: the options of the command.
        until: the moment at which the command is killed, on the monotonic clock.
        cancelled: when this event is set, the command is killed at once.

    Returns:
        Why the command failed; an empty text where the command ended with exit code 0.

    Raises:
        OSError: the process could not be started.
    """
    folder = installed_in()
    if folder is None:
        return "the collector is not installed; run: pip install kirana-suites"
    with tempfile.TemporaryFile() as output:
        # The present folder is not searched (-P): a folder named suites in it would be run.
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", MODULE, *options],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            env=_environment(folder),
        )
        try:
            while (code := process.poll()) is None:
                if cancelled.wait(POLL_SECONDS) or time.monotonic() >= until:
                    return f"the collector did not end within {MAX_SECONDS:g} s"
        finally:
            _end(process)
        return "" if code == 0 else f"the collector ended with exit code {code}{_last(output)}"


def _environment(folder: Path) -> Mapping[str, str]:
    inherited = os.environ.get("PYTHONPATH")
    path = os.pathsep.join([str(folder), *([inherited] if inherited else [])])
    return {**os.environ, "PYTHONPATH": path}


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill the process and the processes that it started."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _last(output: IO[bytes]) -> str:
    """Return the end of the command's output, on one line."""
    size = output.seek(0, os.SEEK_END)
    output.seek(max(0, size - MAX_OUTPUT_BYTES))
    text = " ".join(output.read().decode(errors="replace").split())
    return f": {text[-MAX_OUTPUT_CHARACTERS:]}" if text else ""


@contextlib.contextmanager
def lock(folder: Path, name: str, until: float, cancelled: threading.Event) -> Iterator[None]:
    """Hold a lock during the ``with`` block; wait until no other process holds the lock.

    Args:
        folder: the folder of the lock file.
        name: the name of the lock file.
        until: the moment at which the wait ends, on the monotonic clock.
        cancelled: when this event is set, the wait ends at once.

    Raises:
        BlockingIOError: another process still holds the lock at the end of the wait.
    """
    while True:
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(ledger.locked(folder, name, wait=False))
            except BlockingIOError:
                if cancelled.wait(POLL_SECONDS) or time.monotonic() >= until:
                    raise
            else:
                yield
                return
