"""Writes the message of a failed check: expectation, observation, exchange, and line of the source.

The message has at most 13 lines. With ``--tb=long``, pytest shows the traceback instead.
"""

from dataclasses import dataclass
from pathlib import Path

import pytest

from suites.client import UnexpectedAnswerError, last_exchange

MAX_LINE = 300
MAX_OBSERVATION_LINES = 5
MAX_TEXT_LINES = 10
# The end of a comparison that pytest writes, on a CI server and elsewhere.
FULL_DIFF, ADVICE = "Full diff:", "Use -v to get more diff"


def failure_text(
    item: pytest.Item, excinfo: pytest.ExceptionInfo[BaseException], check_id: str
) -> str:
    """Return the message of a failed check; pytest's short summary shows the first line.

    Args:
        item: the test of the check.
        excinfo: the error that ended the test.
        check_id: the id of the check.
    """
    error = _first(excinfo.value)
    if isinstance(error, pytest.fail.Exception):
        return _plain(check_id, str(error.msg or "the check failed, and gave no reason"))
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
    """Return the check id, and the first ten lines of the message of ``pytest.fail``."""
    lines = text.splitlines() or [""]
    hidden = len(lines) - MAX_TEXT_LINES
    lines = [*lines[:MAX_TEXT_LINES], *([f"… {hidden} more lines"] if hidden > 0 else [])]
    return "\n".join([f"{check_id}: {lines[0]}", *lines[1:]])


def _first(error: BaseException) -> BaseException:
    """Return the error, or the first error of a group of errors."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _headline(error: BaseException) -> str:
    """Return the first problem of a response, or the first line of another error."""
    line = _lines(error)[0]
    return line.split("; ")[0] if isinstance(error, UnexpectedAnswerError) else line


def _lines(error: BaseException) -> list[str]:
    """Return the lines of an error's text, with the type of the error unless it is an assertion."""
    text = str(error) if isinstance(error, AssertionError) else f"{type(error).__name__}: {error}"
    text = text.split(FULL_DIFF)[0].replace(ADVICE, "")
    lines = [_cut(line) for line in text.splitlines() if line.strip()]
    return lines or [type(error).__name__]


def _expectation(error: BaseException, spot: "_Spot") -> list[str]:
    """Return the lines with the expectation and with the observation."""
    if isinstance(error, UnexpectedAnswerError) and error.expected:
        return [f"expected: {error.expected}", f"seen: {_cut(error.observed)}"]
    lines = _lines(error)
    notes = " ".join(" ".join(getattr(error, "__notes__", ())).split())
    return [
        f"expected: {spot.statement}",
        f"seen: {lines[0]}",
        *(f"  {line.strip()}" for line in lines[1:MAX_OBSERVATION_LINES]),
        *([f"  with {_cut(notes)}"] if notes else []),
    ]


@dataclass(frozen=True, slots=True)
class _Spot:
    """The statement of the source at which a check failed.

    Args:
        statement: the source of the statement.
        place: file, line and function, as in ``suites/smoke/test_shopping.py:20 in test_login``.
    """

    statement: str
    place: str


def _spot(item: pytest.Item, excinfo: pytest.ExceptionInfo[BaseException]) -> _Spot:
    """Return the last frame in the file of the test, else in the suites, else of the traceback."""
    entries = list(excinfo.traceback.filter(excinfo)) or list(excinfo.traceback)
    suites = Path(__file__).parent.parent
    in_test_file = [entry for entry in entries if Path(entry.path) == item.path]
    in_suites = [entry for entry in entries if suites in Path(entry.path).parents]
    entry = (in_test_file or in_suites or entries)[-1]
    path, root = Path(entry.path), item.config.rootpath
    shown_path = path.relative_to(root) if root in path.parents else path
    try:
        statement = _cut(" ".join(str(entry.statement).split()))
    except (OSError, IndexError):
        statement = "that the statement succeeds (its source cannot be read)"
    return _Spot(statement, f"{shown_path}:{entry.lineno + 1} in {entry.name}")


def _cut(text: str) -> str:
    return text if len(text) <= MAX_LINE else text[:MAX_LINE] + "…"
