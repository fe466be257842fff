"""The tones of the parts of a page: good news, bad news, or neither."""

from enum import Enum


class Tone(Enum):
    """Whether a part of the page is good news, a wait, bad news, or neutral."""

    GOOD = "good"
    WAIT = "wait"
    BAD = "bad"
    PLAIN = "plain"
