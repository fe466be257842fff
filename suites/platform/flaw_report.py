"""Lets a platform check fail; the message has the expectation, the flaws and a command."""

from collections.abc import Sequence

import pytest

MAX_FLAWS = 6
MAX_LINE = 300


def assert_no_flaws(expected: str, flaws: Sequence[str], *, again: str, next_step: str) -> None:
    """Fail if there are flaws, with a message of at most ten lines.

    Args:
        expected: the expectation of the check, as a sentence.
        flaws: one sentence for each flaw; a sentence begins with the name of the rule, receiver,
            service or panel, and a colon.
        again: the command that repeats the request of the check.
        next_step: the action that a person must take now.
    """
    __tracebackhide__ = True
    if not flaws:
        return
    shown = [f"  seen: {_cut(flaw)}" for flaw in flaws[:MAX_FLAWS]]
    others = list(dict.fromkeys(flaw.partition(":")[0] for flaw in flaws[MAX_FLAWS:]))
    if others:
        shown.append(f"  and {len(flaws) - MAX_FLAWS} more flaws of: {', '.join(others)}")
    lines = [f"expected: {expected}", *shown, f"  again: {again}", f"  next: {next_step}"]
    pytest.fail("\n".join(lines), pytrace=False)


def _cut(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= MAX_LINE else f"{line[:MAX_LINE]}…"
