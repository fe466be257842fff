"""How a failing check is shown: what was expected, what was seen, the exchange, where it happened.

The whole block has at most 13 lines; pytest's ``--tb=long`` shows the traceback instead.
"""

from dataclasses import dataclass
from pathlib import Path

import pytest

from suites.client import UnexpectedAnswerError, last_exchange

MOST_LINE = 300
MOST_SEEN_LINES = 5
MOST_TEXT_LINES = 10
# What pytest puts at the end of a comparison, on a CI server and elsewhere.
FULL_DIFF, ADVICE = "Full diff:", "Use -v to get more diff"


def failure_text(
    item: pytest.Item, excinfo: pytest.ExceptionInfo[BaseException], check_id: str
) -> str:
    """The block of a failing check; its first line is what pytest's short summary shows.

    Args:
        item: the test.
        excinfo: why it failed.
        check_id: the id of its check.
    """
    error = _first(excinfo.value)
    if isinstance(error, pytest.fail.Exception):
        return _plain(check_id, str(error.msg or "failed without a reason"))
    spot = _spot(item, excinfo)
    lines = [f"{check_id}: {_headline(error)}", *_expectation(error, spot)]
    exchange = getattr(error, "exchange", None) or last_exchange()
    if exchange is not None:
        lines += [f"exchange: {exchange.summary()}", f"again: {exchange.curl()}"]
    else:
        lines += ["exchange: none before the failure"]
    lines += [f"at: {spot.place} (--tb=long shows the traceback)"]
    return "\n  ".join(lines)


def _plain(check_id: str, text: str) -> str:
    """A failure that says all in its own words."""
    lines = text.splitlines() or [""]
    more = len(lines) - MOST_TEXT_LINES
    shown = [*lines[:MOST_TEXT_LINES], *([f"… {more} lines more"] if more > 0 else [])]
    return "\n".join([f"{check_id}: {shown[0]}", *shown[1:]])


def _first(error: BaseException) -> BaseException:
    """The error itself, or the first of a group."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _headline(error: BaseException) -> str:
    """What went wrong, in short: the first problem of an answer, or the first line of the error."""
    return (
        _said(error)[0].split("; ")[0]
        if isinstance(error, UnexpectedAnswerError)
        else _said(error)[0]
    )


def _said(error: BaseException) -> list[str]:
    """The error's own words, by line; its type comes first where it is not an assertion."""
    text = str(error) if isinstance(error, AssertionError) else f"{type(error).__name__}: {error}"
    text = text.split(FULL_DIFF)[0].replace(ADVICE, "")
    lines = [_cut(line) for line in text.splitlines() if line.strip()]
    return lines or [type(error).__name__]


def _expectation(error: BaseException, spot: "_Spot") -> list[str]:
    said = _said(error)
    if isinstance(error, UnexpectedAnswerError) and error.expected:
        return [f"expected: {error.expected}", f"seen: {_cut(error.seen)}"]
    seen = [f"seen: {said[0]}", *(f"  {line.strip()}" for line in said[1:MOST_SEEN_LINES])]
    notes = " ".join(" ".join(getattr(error, "__notes__", ())).split())
    return [
        f"expected: {spot.statement}",
        *seen,
        *([f"  with {_cut(notes)}"] if notes else []),
    ]


@dataclass(frozen=True, slots=True)
class _Spot:
    """Where a check failed: the statement, and its place as people write it."""

    statement: str
    place: str


def _spot(item: pytest.Item, excinfo: pytest.ExceptionInfo[BaseException]) -> _Spot:
    """The last frame of the test's own file, else of the suites, else the last of all."""
    entries = list(excinfo.traceback.filter(excinfo)) or list(excinfo.traceback)
    suites = Path(__file__).parent.parent
    own = [entry for entry in entries if Path(entry.path) == item.path]
    near = [entry for entry in entries if suites in Path(entry.path).parents]
    entry = (own or near or entries)[-1]
    path, root = Path(entry.path), item.config.rootpath
    shown = path.relative_to(root) if root in path.parents else path
    try:
        statement = _cut(" ".join(str(entry.statement).split()))
    except (OSError, IndexError):
        statement = "that this line succeeds"
    return _Spot(statement, f"{shown}:{entry.lineno + 1} in {entry.name}")


def _cut(text: str) -> str:
    return text if len(text) <= MOST_LINE else text[:MOST_LINE] + "…"
