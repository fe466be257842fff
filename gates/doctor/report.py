"""The form of the lines that ``gates doctor`` prints about a target."""

from dataclasses import dataclass
from enum import Enum


class Sight(Enum):
    """Whether the gate can see the subject of a line, and whether a person must act."""

    OK = "ok"
    LOOK = "look"  # the gate can decide; a person should know this
    FAIL = "FAIL"


@dataclass(frozen=True, slots=True)
class Line:
    """A line of ``gates doctor``: one fact about the target, and what a person can do.

    Args:
        subject: what was examined, such as ``address of prometheus``.
        sight: whether the gate can see the subject.
        text: what the gate observed, or why the gate cannot see the subject.
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
    """Create a line about a subject that the gate sees; a person need not act."""
    return Line(subject, Sight.OK, text)


def fail(subject: str, text: str, mend: str) -> Line:
    """Create a line about a subject that the gate needs and cannot see."""
    return Line(subject, Sight.FAIL, text, mend)


def look(subject: str, text: str, mend: str) -> Line:
    """Create a line about a fact that a person should know, but that does not stop the gate."""
    return Line(subject, Sight.LOOK, text, mend)
