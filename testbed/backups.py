"""The backup job of a world: a command that a host would run every night, run once at the start."""

import os
import subprocess
import sys
from pathlib import Path

from testbed.errors import TestbedError
from testbed.monitoring.configuration import textfile_folder
from testbed.world import World

TARGET = "green"
METRIC = "kirana_backup_last_success_timestamp_seconds"
MAX_SECONDS = 60


def folder_of(world: World) -> Path:
    """The world's folder of backups."""
    return world.folder / "backups"


def begin(world: World) -> subprocess.Popen[str]:
    """Start to take a backup of the database."""
    folder_of(world).mkdir(exist_ok=True)
    textfile = textfile_folder(world) / f"{METRIC}.prom"
    command = [
        sys.executable,
        "-m",
        "suites.backup",
        "take",
        "--target",
        TARGET,
        "--targets",
        str(world.targets),
        "--textfile",
        str(textfile),
    ]
    return subprocess.Popen(
        command,
        env={**os.environ, **world.environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def end(process: subprocess.Popen[str]) -> None:
    """Wait until the backup is complete.

    Raises:
        TestbedError: no backup could be taken.
    """
    try:
        output, _ = process.communicate(timeout=MAX_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise TestbedError(f"the first backup took over {MAX_SECONDS} s") from None
    if process.returncode:
        last = (output.strip().splitlines() or ["it printed nothing"])[-1]
        raise TestbedError(f"the first backup could not be taken: {last}")
