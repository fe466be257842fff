"""How a reader should take a part of the page."""

from enum import Enum


class Tone(Enum):
    """How a reader should take a part of the page."""

    GOOD = "good"
    WAIT = "wait"
    BAD = "bad"
    PLAIN = "plain"
