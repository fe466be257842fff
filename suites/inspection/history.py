"""Probe for secrets in the whole history of a git repository."""

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

# Options that the user's configuration and the repository's attributes cannot change. A merge is
# compared with its first parent, so that a line which only the merge added is seen as well. Three
# unchanged lines lead to the heading of a private key whose first lines are those of every key.
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
    """Lines of a file as a commit left them: added lines, and unchanged lines beside them.

    Args:
        commit: the first digits of the commit's hash.
        file: the file's path in the repository.
        number: the line number of the first line.
        lines: the lines.
        added: for each line, whether the commit added it.
    """

    commit: str
    file: str
    number: int
    lines: tuple[str, ...]
    added: tuple[bool, ...]

    def secrets(self) -> Iterator[Secret]:
        """The secrets of which the commit added a line.

        The heading of a private key may be an unchanged line, when the commit replaced the key.
        """
        for secret in secrets_in(self.lines, self.file):
            if any(self.added[position] for position in secret.positions):
                yield secret


def history(repository: Path) -> Iterator[Observation]:
    """The lines that were ever added to a git repository, on any branch, and look like secrets.

    The place of a finding is the file and the digest of the secret, which a rebase does not change;
    the sentence names line and commit. The same secret in the same file is reported once.

    Args:
        repository: the folder of the repository.

    Raises:
        NotLookedAtError: the folder has no history, or reading it takes too long.
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
    sentence = f"{number_of_lines} added lines of the history of {repository.resolve().name} read"
    yield Observation("exposed-secret", "history", is_finding=False, sentence=sentence)


def _finding(hunk: Hunk, secret: Secret, place: str) -> Observation:
    sentence = (
        f"{hunk.file}:{hunk.number + secret.position} of commit {hunk.commit} looks like a "
        f"secret ({secret.kind}); to accept this finding, use the place `{place}`"
    )
    return Observation("exposed-secret", place, is_finding=True, sentence=sentence)


def _distinct_hunks(repository: Path) -> Iterator[Hunk]:
    """Every hunk of the history; the same lines in the same file come once."""
    deadline = time.monotonic() + MAX_SECONDS
    known: set[int] = set()
    for hunk in hunks(_log_lines(repository)):
        if time.monotonic() > deadline:
            problem = f"reading the history takes over {MAX_SECONDS:g} s"
            raise NotLookedAtError(f"{repository}: {problem}")
        key = hash((hunk.file, hunk.lines, hunk.added))
        if key not in known:
            known.add(key)
            yield hunk


def _log_lines(repository: Path) -> Iterator[str]:
    """The lines of ``git log``, as git writes them.

    Raises:
        NotLookedAtError: git cannot be run, fails, writes nothing, or writes too much.
    """
    command = ["git", "-C", str(repository), *LOG]
    with tempfile.TemporaryFile() as errors:
        try:
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors)
        except OSError as error:
            raise NotLookedAtError(f"{repository}: git: {type(error).__name__}") from error
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
            raise NotLookedAtError(f"{repository}: no history: {reason}")


def _lines(output: Iterable[bytes]) -> Iterator[str]:
    size = 0
    for line in output:
        size += len(line)
        if size > MAX_LOG_BYTES:
            raise NotLookedAtError(f"the history has over {MAX_LOG_BYTES} bytes")
        yield line.decode(errors="replace").removesuffix("\n")


def hunks(log: Iterable[str]) -> Iterator[Hunk]:
    """The hunks of a ``git log --patch --format='commit %H'`` that is not a combined diff.

    The counts of each hunk say which lines are content, so that no content can look like a heading.
    A hunk of more than ``MAX_HUNK_LINES`` lines comes in parts.
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
