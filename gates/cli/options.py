"""The options of several commands, each defined once; ``load`` and ``nightly`` use them too."""

import argparse

from gates.process.durations import MAX_SECONDS, duration_option

HOURS_OF_RAMP = 3
RAMP_SECONDS = HOURS_OF_RAMP * 3600.0


def add_target(
    command: argparse.ArgumentParser,
    meaning: str = "what is judged",
    *,
    required: bool = True,
    default: str | None = None,
) -> None:
    """``--target NAME``.

    Args:
        command: the command's parser.
        meaning: what the command does with the target.
        required: whether the option must be on the command line.
        default: the target's name where the option is not on the command line.
    """
    command.add_argument(
        "--target", required=required, default=default, metavar="NAME", help=meaning
    )


def add_stage(command: argparse.ArgumentParser, meaning: str, *, required: bool = False) -> None:
    """``--stage STAGE``.

    Args:
        command: the command's parser.
        meaning: what the command does with the stage.
        required: whether the option must be on the command line.
    """
    command.add_argument("--stage", required=required, metavar="STAGE", help=meaning)


def add_person(command: argparse.ArgumentParser) -> None:
    """``--by NAME`` and ``--note TEXT``."""
    command.add_argument(
        "--by",
        metavar="NAME",
        help="the person who signs (default: the person whom the pipeline's environment names)",
    )
    command.add_argument("--note", required=True, metavar="TEXT", help="the reason")


def add_baseline(command: argparse.ArgumentParser) -> None:
    """``--baseline NAME``."""
    command.add_argument(
        "--baseline", default="blue", metavar="NAME", help="the other colour (blue)"
    )


def add_policy(command: argparse.ArgumentParser) -> None:
    """``--policy FILE``."""
    command.add_argument(
        "--policy", metavar="FILE", help="the policy file (KIRANA_POLICY, installed)"
    )


def add_targets(command: argparse.ArgumentParser) -> None:
    """``--targets DIR``."""
    command.add_argument(
        "--targets", metavar="DIR", help="the folder of target files (KIRANA_TARGETS, installed)"
    )


def add_out(command: argparse.ArgumentParser) -> None:
    """``--out DIR``."""
    command.add_argument(
        "--out", metavar="DIR", help="the folder of generated files (KIRANA_OUT, ./out)"
    )


def add_places(command: argparse.ArgumentParser) -> None:
    """``--policy``, ``--targets`` and ``--out``."""
    add_policy(command)
    add_targets(command)
    add_out(command)


def add_runs(command: argparse.ArgumentParser) -> None:
    """``--runs DIR``."""
    command.add_argument("--runs", metavar="DIR", help="the folder of suite runs (OUT/runs)")


def add_json(command: argparse.ArgumentParser, meaning: str = "print the decision as JSON") -> None:
    """``--json``.

    Args:
        command: the command's parser.
        meaning: what is printed.
    """
    command.add_argument("--json", action="store_true", help=meaning)


def add_format(command: argparse.ArgumentParser) -> None:
    """``--format NAME[=FILE]``, as often as there are formats."""
    command.add_argument(
        "--format",
        action="append",
        default=[],
        metavar="NAME[=FILE]",
        help="print the decision as markdown, junit, sarif, ctrf, cdevents, test-result, vsa or "
        "json; with =FILE, write it to a file; allure=DIR writes a folder; can be repeated",
    )


def add_time_scale(command: argparse.ArgumentParser, default: float = 1.0) -> None:
    """``--time-scale N``.

    Args:
        command: the command's parser.
        default: the time scale where the option is not on the command line.
    """
    command.add_argument(
        "--time-scale",
        type=float,
        default=default,
        metavar="N",
        help=f"in a rehearsal, divide all durations by N ({default:g})",
    )


def add_duration(
    command: argparse.ArgumentParser,
    flag: str,
    meaning: str,
    *,
    default: float | None = None,
    max_seconds: float = MAX_SECONDS,
) -> None:
    """An option that takes a duration; the command reads it as seconds.

    Args:
        command: the command's parser.
        flag: the option; ``--for`` is read as ``duration``, since ``for`` is a word of Python.
        meaning: what the duration is for.
        default: seconds where the option is not on the command line.
        max_seconds: the longest duration that the option accepts.
    """
    name = "duration" if flag == "--for" else flag.removeprefix("--").replace("-", "_")
    command.add_argument(
        flag,
        dest=name,
        type=duration_option(max_seconds),
        metavar="TIME",
        default=default,
        help=meaning,
    )


def add_watch_duration(command: argparse.ArgumentParser) -> None:
    """``--for TIME``, by default as long as a ramp of the guide takes."""
    meaning = f"how long the command runs ({HOURS_OF_RAMP}h)"
    add_duration(command, "--for", meaning, default=RAMP_SECONDS)
