"""Runs our commands as processes, and reports progress on stderr."""

import subprocess
import sys

from gates.errors import RehearsalError

COMMAND_SECONDS = 120.0
MAX_OUTPUT_CHARACTERS = 600


def run_command(
    *command: str, seconds: float = COMMAND_SECONDS, accepted: tuple[int, ...] = (0,)
) -> str:
    """Run one of our commands; the output.

    Args:
        command: the name of the module, and its options.
        seconds: the longest time that it may take.
        accepted: the exit codes that are no error.

    Raises:
        RehearsalError: the command failed.
    """
    try:
        done = subprocess.run(
            [sys.executable, "-m", *command], capture_output=True, text=True, check=False,
            timeout=seconds, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise RehearsalError(f"{' '.join(command[:4])}: no end within {seconds:g} s") from error
    if done.returncode not in accepted:
        output = (done.stderr.strip() or done.stdout.strip())[-MAX_OUTPUT_CHARACTERS:]
        raise RehearsalError(f"{' '.join(command[:4])}: exit {done.returncode}: {output}")
    return done.stdout


def say(line: str) -> None:
    """Print a line on stderr."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()
