"""The collector command: a process of its own, which is ended after a limited time."""

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
# The collector may hold up a question for this time, and no longer. Without a violation it takes
# about a second; a violation is read again for some seconds before it counts.
MAX_SECONDS = 10.0
POLL_SECONDS = 0.02
MAX_OUTPUT_BYTES = 2000
MAX_OUTPUT_CHARACTERS = 300


def installed_in() -> Path | None:
    """The folder that has the suites with the collector in it; None where it is not installed."""
    spec = find_spec(MODULE.partition(".")[0])
    for location in (spec and spec.submodule_search_locations) or ():
        if (Path(location) / "collector" / "__main__.py").is_file():
            return Path(location).parent
    return None


def run_command(options: Sequence[str], until: float, cancelled: threading.Event) -> str:
    """Run the collector command.

    Args:
        options: the options of the command.
        until: when the command is killed, on the monotonic clock.
        cancelled: when this event is set, the command is killed at once.

    Returns:
        Why it did not succeed; an empty text where it ended with exit code 0.

    Raises:
        OSError: the process could not be started.
    """
    folder = installed_in()
    if folder is None:
        return "the collector is not installed; type: pip install kirana-suites"
    with tempfile.TemporaryFile() as output:
        # The present folder is not searched (-P): a folder named suites in it would be run.
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", MODULE, *options],
            stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True,
            env=_environment(folder),
        )  # fmt: skip
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
    """The end of the output, on one line."""
    size = output.seek(0, os.SEEK_END)
    output.seek(max(0, size - MAX_OUTPUT_BYTES))
    text = " ".join(output.read().decode(errors="replace").split())
    return f": {text[-MAX_OUTPUT_CHARACTERS:]}" if text else ""


@contextlib.contextmanager
def lock(folder: Path, name: str, until: float, cancelled: threading.Event) -> Iterator[None]:
    """Hold a lock; wait for it at most until a moment of the monotonic clock.

    Raises:
        BlockingIOError: another process holds the lock for longer.
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
