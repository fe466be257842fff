"""The lines of an examination of a target."""

from dataclasses import dataclass
from enum import Enum


class Sight(Enum):
    """Whether the gate sees what a line is about."""

    OK = "ok"
    LOOK = "look"  # the gate can decide; a person should know this
    FAIL = "FAIL"


@dataclass(frozen=True, slots=True)
class Line:
    """One line.

    Args:
        subject: what was examined, such as ``address of prometheus``.
        sight: whether the gate sees it.
        text: what was seen.
        mend: what a person can do; empty where nothing needs to be done.
    """

    subject: str
    sight: Sight
    text: str
    mend: str = ""

    def __str__(self) -> str:
        mend = f"\n      mend: {self.mend}" if self.mend else ""
        return f"{self.sight.value:<5} {self.subject}: {self.text}{mend}"


def ok(subject: str, text: str) -> Line:
    """A line about something that the gate sees."""
    return Line(subject, Sight.OK, text)


def fail(subject: str, text: str, mend: str) -> Line:
    """A line about something that the gate does not see and needs."""
    return Line(subject, Sight.FAIL, text, mend)


def look(subject: str, text: str, mend: str) -> Line:
    """A line about something that a person should know."""
    return Line(subject, Sight.LOOK, text, mend)
