"""Runs a command when the test's process has ended, in whatever way it ended."""

import subprocess
import sys
from collections.abc import Sequence

from commands import ROOT, environment

# The pipe is at its end when the process that started this one is gone.
WAITING = "import subprocess, sys; sys.stdin.read(); sys.exit(subprocess.call(sys.argv[1:]))"


def run_at_the_end(command: Sequence[str]) -> subprocess.Popen[bytes]:
    """Start a process that waits for the end of this process, and then runs a command.

    The process has a session of its own, so that Ctrl-C does not end it.

    Args:
        command: program and arguments.

    Returns:
        The waiting process; kill it where the command is no longer needed.
    """
    return subprocess.Popen(
        [sys.executable, "-c", WAITING, *command],
        cwd=ROOT,
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
