"""Runs the commands of the project as processes, and prints progress on stderr."""

import subprocess
import sys

from gates.errors import RehearsalError

COMMAND_SECONDS = 120.0
MAX_OUTPUT_CHARACTERS = 600


def run_command(
    *command: str, seconds: float = COMMAND_SECONDS, accepted: tuple[int, ...] = (0,)
) -> str:
    """Run a command of the project, and return its standard output.

    Args:
        command: the name of the command's Python module, and the options.
        seconds: the longest time that the command may take.
        accepted: the exit codes that are no error.

    Raises:
        RehearsalError: the command failed, or did not end in time.
    """
    try:
        done = subprocess.run(
            [sys.executable, "-m", *command],
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired as error:
        raise RehearsalError(
            f"{' '.join(command[:4])}: the command did not end within {seconds:g} s"
        ) from error
    if done.returncode not in accepted:
        output = (done.stderr.strip() or done.stdout.strip())[-MAX_OUTPUT_CHARACTERS:]
        raise RehearsalError(f"{' '.join(command[:4])}: exit code {done.returncode}: {output}")
    return done.stdout


def say(line: str) -> None:
    """Print a line on stderr."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()
