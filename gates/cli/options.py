"""The options that several commands have; ``load`` and ``nightly`` use these options too."""

import argparse

from gates.process.durations import MAX_SECONDS, duration_option

HOURS_OF_RAMP = 3
RAMP_SECONDS = HOURS_OF_RAMP * 3600.0


def add_target(
    command: argparse.ArgumentParser,
    meaning: str = "the name of the target",
    *,
    required: bool = True,
    default: str | None = None,
) -> None:
    """Add the option ``--target NAME`` to a command.

    Args:
        command: the command's parser.
        meaning: the help text of the option: what the command does with the target.
        required: whether the option must be on the command line.
        default: the name of the target where the option is not on the command line; None for no
            target.
    """
    command.add_argument(
        "--target", required=required, default=default, metavar="NAME", help=meaning
    )


def add_stage(command: argparse.ArgumentParser, meaning: str, *, required: bool = False) -> None:
    """Add the option ``--stage STAGE`` to a command.

    Args:
        command: the command's parser.
        meaning: the help text of the option: what the command does with the stage.
        required: whether the option must be on the command line.
    """
    command.add_argument("--stage", required=required, metavar="STAGE", help=meaning)


def add_person(command: argparse.ArgumentParser) -> None:
    """Add the options ``--by NAME`` and ``--note TEXT`` to a command."""
    command.add_argument(
        "--by",
        metavar="NAME",
        help="the person who signs or revokes (default: from the pipeline's environment)",
    )
    command.add_argument("--note", required=True, metavar="TEXT", help="why NAME signs or revokes")


def add_baseline(command: argparse.ArgumentParser) -> None:
    """Add the option ``--baseline NAME`` to a command."""
    command.add_argument(
        "--baseline",
        default="blue",
        metavar="NAME",
        help="the target that is the baseline (default: blue)",
    )


def add_policy(command: argparse.ArgumentParser) -> None:
    """Add the option ``--policy FILE`` to a command."""
    command.add_argument(
        "--policy",
        metavar="FILE",
        help="the policy file (default: KIRANA_POLICY, else the installed file)",
    )


def add_targets(command: argparse.ArgumentParser) -> None:
    """Add the option ``--targets DIR`` to a command."""
    command.add_argument(
        "--targets",
        metavar="DIR",
        help="the folder of target files (default: KIRANA_TARGETS, else the installed folder)",
    )


def add_out(command: argparse.ArgumentParser) -> None:
    """Add the option ``--out DIR`` to a command."""
    command.add_argument(
        "--out",
        metavar="DIR",
        help="the folder of generated files (default: KIRANA_OUT, else ./out)",
    )


def add_places(command: argparse.ArgumentParser) -> None:
    """Add the options ``--policy``, ``--targets`` and ``--out`` to a command."""
    add_policy(command)
    add_targets(command)
    add_out(command)


def add_runs(command: argparse.ArgumentParser) -> None:
    """Add the option ``--runs DIR`` to a command."""
    command.add_argument(
        "--runs", metavar="DIR", help="the folder of suite runs and load runs (default: OUT/runs)"
    )


def add_json(command: argparse.ArgumentParser, meaning: str = "print the decision as JSON") -> None:
    """Add the option ``--json`` to a command.

    Args:
        command: the command's parser.
        meaning: the help text of the option: what the command prints as JSON.
    """
    command.add_argument("--json", action="store_true", help=meaning)


def add_format(command: argparse.ArgumentParser) -> None:
    """Add the option ``--format NAME[=FILE]`` to a command; the option can be repeated."""
    command.add_argument(
        "--format",
        action="append",
        default=[],
        metavar="NAME[=FILE]",
        help="print the decision as markdown, junit, sarif, ctrf, cdevents, test-result, vsa or "
        "json; with =FILE, write the format to FILE; allure=DIR writes a folder; can be repeated",
    )


def add_time_scale(command: argparse.ArgumentParser, default: float = 1.0) -> None:
    """Add the option ``--time-scale N`` to a command.

    Args:
        command: the command's parser.
        default: the time scale where the option is not on the command line.
    """
    command.add_argument(
        "--time-scale",
        type=float,
        default=default,
        metavar="N",
        help=f"in a rehearsal, divide all durations by N (default: {default:g})",
    )


def add_duration(
    command: argparse.ArgumentParser,
    flag: str,
    meaning: str,
    *,
    default: float | None = None,
    max_seconds: float = MAX_SECONDS,
) -> None:
    """Add an option whose value is a duration, such as ``30s``; the parsed value is in seconds.

    Args:
        command: the command's parser.
        flag: the option, such as ``--wait``. The value of ``--for`` is in ``arguments.duration``,
            because ``for`` is a keyword of Python.
        meaning: the help text of the option: the use of the duration.
        default: the duration where the option is not on the command line, in seconds; None for no
            duration.
        max_seconds: the longest duration that the option accepts, in seconds.
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
    """Add the option ``--for TIME``; the default is the duration of the guide's ramp."""
    meaning = f"the time after which the command ends (default: {HOURS_OF_RAMP}h)"
    add_duration(command, "--for", meaning, default=RAMP_SECONDS)
