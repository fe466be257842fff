"""Durations are written alike on every command line, and shared options are defined once."""

import argparse
from collections.abc import Iterator

import pytest

from gates.cli import parser as gates_parser
from gates.process.durations import MAX_SECONDS, duration_option, seconds_of
from load.__main__ import parser as load_parser
from nightly.__main__ import parser as nightly_parser

SECONDS = {
    "90": 90.0,
    "90s": 90.0,
    "3m": 180.0,
    "2h": 7200.0,
    "500ms": 0.5,
    "1.5m": 90.0,
    "0.5": 0.5,
}
NO_DURATIONS = ["", "0", "0s", "-1", "1e3", "3 m", "3M", "m", "3mm", "1d", "٣s", "9" * 400, "nan"]


@pytest.mark.parametrize("text", SECONDS)
def test_a_duration_is_read_as_seconds(text: str) -> None:
    assert seconds_of(text) == SECONDS[text]


@pytest.mark.parametrize("text", NO_DURATIONS)
def test_a_text_that_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected a duration such as 90, 90s, 3m or 2h"):
        seconds_of(text)


def test_a_duration_beyond_the_limit_is_refused() -> None:
    assert duration_option()("168h") == MAX_SECONDS
    with pytest.raises(argparse.ArgumentTypeError, match="at most 168 hours"):
        duration_option()("169h")
    with pytest.raises(argparse.ArgumentTypeError, match="at most 24 hours"):
        duration_option(86_400.0)("25h")


COMMAND_LINES = {
    "gates check --wait": (gates_parser, ["check", "s", "--target", "t", "--wait"], "wait"),
    "gates watch --for": (gates_parser, ["watch", "--target", "t", "--for"], "duration"),
    "gates ramp --hold": (gates_parser, ["ramp", "--target", "t", "--hold"], "hold"),
    "gates record --every": (gates_parser, ["record", "--target", "t", "--every"], "every"),
    "gates record --for": (gates_parser, ["record", "--target", "t", "--for"], "duration"),
    "load run": (load_parser, ["run", "load", "--target", "t", "--duration"], "duration"),
    "load shop": (load_parser, ["shop", "--target", "t", "--duration"], "duration"),
}


@pytest.mark.parametrize("name", COMMAND_LINES)
@pytest.mark.parametrize("text", ["90", "90s", "1.5m"])
def test_every_command_line_reads_the_same_durations(name: str, text: str) -> None:
    parser, arguments, option = COMMAND_LINES[name]
    assert getattr(parser().parse_args([*arguments, text]), option) == 90.0


SHARED = ("--policy", "--targets", "--out", "--runs", "--baseline", "--time-scale", "--target")


def actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """Every option of a command line, those of its commands too."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                yield from actions(command)
        else:
            yield action


@pytest.mark.parametrize("flag", SHARED)
def test_a_shared_option_is_the_same_in_every_command(flag: str) -> None:
    parsers = (gates_parser(), load_parser(), nightly_parser())
    options = [
        action for each in parsers for action in actions(each) if flag in action.option_strings
    ]
    assert len(options) >= 3
    assert (
        len({(option.dest, option.metavar, option.type, option.nargs) for option in options}) == 1
    )
    if flag not in ("--target", "--time-scale"):  # whose meaning or default differs by command
        assert len({(option.help, option.default, option.required) for option in options}) == 1
