"""Look for secrets in the whole history of a git repository."""

import re
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from suites.inspection.secrets import Secret, secrets_in
from suites.probes.api import NotLookedAtError, Observation

HEADING = re.compile(r"@@ -\d+(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
MAX_SECONDS = 300.0
MAX_LOG_BYTES = 500_000_000
MAX_HUNK_LINES = 5000
MAX_REASON = 200
COMMIT_DIGITS = 12

# These options make git ignore the user's configuration and the repository's attributes. A merge is
# compared with its first parent, so that a line which only the merge added is in the log as well.
# Three unchanged lines before a change show the heading of a private key.
LOG = (
    "-c",
    "core.quotePath=false",
    "log",
    "--all",
    "--patch",
    "--unified=3",
    "--text",
    "--diff-merges=first-parent",
    "--find-renames",
    "--no-color",
    "--no-ext-diff",
    "--no-textconv",
    "--src-prefix=a/",
    "--dst-prefix=b/",
    "--format=commit %H",
)


@dataclass(frozen=True, slots=True)
class Hunk:
    """Consecutive lines of a file after a commit: added lines, and unchanged lines around them.

    Args:
        commit: the first digits of the commit's hash.
        file: the path of the file in the repository.
        number: the line number of the first line, counted from 1.
        lines: the added and unchanged lines; removed lines are left out.
        added: for each line, whether the commit added it.
    """

    commit: str
    file: str
    number: int
    lines: tuple[str, ...]
    added: tuple[bool, ...]

    def secrets(self) -> Iterator[Secret]:
        """Yield the secrets with at least one line that the commit added.

        The other lines may be unchanged, such as the first line of a replaced private key.
        """
        for secret in secrets_in(self.lines, self.file):
            if any(self.added[position] for position in secret.positions):
                yield secret


def history(repository: Path) -> Iterator[Observation]:
    """Yield a finding for each secret that any commit of a git repository added, on any branch.

    The place of a finding is the file and the digest of the secret, so a rebase does not change the
    place. The sentence names line and commit. A secret is reported once for each file.

    Args:
        repository: the folder of the repository.

    Raises:
        NotLookedAtError: the folder has no history, or the history takes too long to read.
    """
    places: set[str] = set()
    number_of_lines = 0
    for hunk in _distinct_hunks(repository):
        number_of_lines += sum(hunk.added)
        for secret in hunk.secrets():
            place = f"{hunk.file} {secret.digest}"
            if place not in places:
                places.add(place)
                yield _finding(hunk, secret, place)
    sentence = (
        f"the search for secrets read {number_of_lines} lines that commits added in the repository "
        f"{repository.resolve().name}"
    )
    yield Observation("exposed-secret", "history", is_finding=False, sentence=sentence)


def _finding(hunk: Hunk, secret: Secret, place: str) -> Observation:
    sentence = (
        f"{hunk.file}:{hunk.number + secret.position} of commit {hunk.commit} looks like a "
        f"secret ({secret.kind}); to accept this finding, use the place `{place}`"
    )
    return Observation("exposed-secret", place, is_finding=True, sentence=sentence)


def _distinct_hunks(repository: Path) -> Iterator[Hunk]:
    """Yield every hunk of the history; equal hunks of the same file are yielded once."""
    deadline = time.monotonic() + MAX_SECONDS
    known: set[int] = set()
    for hunk in hunks(_log_lines(repository)):
        if time.monotonic() > deadline:
            problem = f"the history takes longer than {MAX_SECONDS:g} s to read"
            raise NotLookedAtError(f"{repository}: {problem}")
        key = hash((hunk.file, hunk.lines, hunk.added))
        if key not in known:
            known.add(key)
            yield hunk


def _log_lines(repository: Path) -> Iterator[str]:
    """Yield the lines of ``git log``.

    Raises:
        NotLookedAtError: git cannot run, fails, writes nothing, or writes too much.
    """
    command = ["git", "-C", str(repository), *LOG]
    with tempfile.TemporaryFile() as errors:
        try:
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors)
        except OSError as error:
            raise NotLookedAtError(
                f"{repository}: git cannot run: {type(error).__name__}"
            ) from error
        is_empty = True
        with process:
            try:
                for line in _lines(process.stdout or ()):
                    is_empty = False
                    yield line
            except BaseException:
                process.kill()
                raise
        if process.returncode or is_empty:
            errors.seek(0)
            reason = errors.read(MAX_REASON).decode(errors="replace").strip()
            raise NotLookedAtError(f"{repository} has no history: {reason}")


def _lines(output: Iterable[bytes]) -> Iterator[str]:
    size = 0
    for line in output:
        size += len(line)
        if size > MAX_LOG_BYTES:
            raise NotLookedAtError(f"the history is larger than the limit of {MAX_LOG_BYTES} bytes")
        yield line.decode(errors="replace").removesuffix("\n")


def hunks(log: Iterable[str]) -> Iterator[Hunk]:
    """Parse the output of ``git log --patch --format='commit %H'`` into hunks.

    The heading of a hunk states its number of lines, so the parser never treats a line of the
    hunk as a heading. A hunk of more than ``MAX_HUNK_LINES`` lines is split into parts.

    Args:
        log: the lines of the output, without combined diffs.
    """
    commit, file, number, old, new = "", "", 0, 0, 0
    lines: list[str] = []
    added: list[bool] = []
    for line in log:
        if old and line.startswith("-"):
            old -= 1
        elif new and line.startswith(("+", " ")):
            lines.append(line[1:])
            added.append(line.startswith("+"))
            old, new = old - line.startswith(" "), new - 1
        elif line.startswith("commit "):
            commit = line.removeprefix("commit ")[:COMMIT_DIGITS]
        elif line.startswith("+++ "):
            # After a path with blanks, git writes a tab.
            file = line.removeprefix("+++ ").removeprefix("b/").removesuffix("\t")
        elif heading := HEADING.match(line):
            old, number, new = int(heading[1] or 1), int(heading[2]), int(heading[3] or 1)
        if lines and (not new or len(lines) == MAX_HUNK_LINES):
            yield Hunk(commit, file, number, tuple(lines), tuple(added))
            number, lines, added = number + len(lines), [], []
