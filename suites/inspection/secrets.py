"""Probe for what looks like a secret: in a text, and in a repository's whole history."""

import hashlib
import re
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from suites.probes.api import NotLookedAtError, Observation

SECRET = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY|\bAKIA[0-9A-Z]{16}\b|\bgh[pousr]_[A-Za-z0-9]{36}\b"
    r"|\bxox[bap]-[0-9A-Za-z-]{10,}|\bsk_live_[0-9A-Za-z]{16,}|\brzp_live_[0-9A-Za-z]{10,}"
    r"|mongodb(\+srv)?://[^\s/@{}]+:[^\s/@{}]+@"
    r"|(?i:api[_-]?key|secret|password)[\"']?\s*[:=]\s*[\"'][A-Za-z0-9+/_-]{16,}[\"']"
)
HUNK = re.compile(r"@@ -\d+(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
DIGITS = 16
SECONDS = 60


def history(repository: Path) -> Iterator[Observation]:
    """Lines that were ever added to a git repository, on any branch, and look like secrets.

    A finding's place is file and digest of the secret, which a rebase does not change; the sentence
    names line and commit. The same secret in the same file is one finding.

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
    places: set[str] = set()
    looked = 0
    for added in added_lines(done.stdout.decode(errors="replace").split("\n")):
        looked += 1
        found = SECRET.search(added.text)
        place = f"{added.file} {digest(found[0])}" if found else ""
        if found and place not in places:
            places.add(place)
            said = f"{added.file}:{added.number} of commit {added.commit} looks like a secret"
            said += f"; the place of this finding is `{place}`"
            yield Observation("exposed-secret", place, True, said)  # noqa: FBT003
    said = f"{looked} lines of history in {repository.resolve().name}"
    yield Observation("exposed-secret", "history", False, said)  # noqa: FBT003


@dataclass(frozen=True, slots=True)
class AddedLine:
    """A line that a commit added to a file."""

    commit: str
    file: str
    number: int
    text: str


def added_lines(log: Iterable[str]) -> Iterator[AddedLine]:
    """The added lines of a ``git log -p --unified=0 --format='commit %H'``.

    The counts of each hunk say which lines are content, so that no content can look like a heading.
    """
    commit, file, number, removed, added = "", "", 0, 0, 0
    for line in log:
        if removed and line.startswith("-"):
            removed -= 1
        elif added and line.startswith("+"):
            yield AddedLine(commit, file, number, line[1:])
            number, added = number + 1, added - 1
        elif line.startswith("commit "):
            commit = line[7:19]
        elif line.startswith("+++ "):
            file = line[6:]
        elif hunk := HUNK.match(line):
            removed, number, added = int(hunk[1] or 1), int(hunk[2]), int(hunk[3] or 1)


def digest(secret: str) -> str:
    """Names a secret without showing it, whichever commit and line it is in."""
    return f"sha256:{hashlib.sha256(secret.encode()).hexdigest()[:DIGITS]}"
