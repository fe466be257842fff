"""Probe for what looks like a secret: in a text, and in a repository's whole history."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from suites.probes.api import NotLookedAtError, Observation

SECRET = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY|\bAKIA[0-9A-Z]{16}\b|\bgh[pousr]_[A-Za-z0-9]{36}\b"
    r"|\bxox[bap]-[0-9A-Za-z-]{10,}|\bsk_live_[0-9A-Za-z]{16,}|\brzp_live_[0-9A-Za-z]{10,}"
    r"|mongodb(\+srv)?://[^\s/@{}]+:[^\s/@{}]+@"
    r"|(api[_-]?key|secret|password)[\"']?\s*[:=]\s*[\"'][A-Za-z0-9+/_-]{16,}[\"']"
)
SECONDS = 60


def history(repository: Path) -> Iterator[Observation]:
    """Lines that were ever added to a git repository, on any branch, and look like secrets.

    Args:
        repository: its folder.

    Raises:
        NotLookedAtError: it is none, or git takes too long.
    """
    command = ["git", "-C", str(repository), "log", "--all", "-p", "--no-color", "--unified=0",
               "--no-ext-diff", "--format=commit %H"]  # fmt: skip
    try:
        done = subprocess.run(command, capture_output=True, timeout=SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotLookedAtError(f"{repository}: git: {type(error).__name__}") from error
    if done.returncode or not done.stdout:
        said = done.stderr.decode(errors="replace").strip()[:200]
        raise NotLookedAtError(f"{repository}: no history: {said}")
    commit, file, looked = "", "", 0
    for line in done.stdout.decode(errors="replace").splitlines():
        if line.startswith("commit "):
            commit = line[7:19]
        elif line.startswith("+++ "):
            file = line[6:]
        elif line.startswith("+"):
            looked += 1
            if SECRET.search(line):
                said = f"commit {commit} adds what looks like a secret to {file}"
                yield Observation("exposed-secret", f"{file} in history", True, said)  # noqa: FBT003
    said = f"{looked} lines of history in {repository.name}"
    yield Observation("exposed-secret", "history", False, said)  # noqa: FBT003
