"""Runs ``python -m nightly``: measures both colours, and tells if the release got slower."""

import argparse
import getpass
import os
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from pymongo.errors import PyMongoError

from gates import places
from gates.cli.options import add_baseline, add_places, add_target
from gates.errors import ConfigurationError
from gates.evidence.run_folder import new_run_id
from gates.exitcodes import ExitCode
from gates.model import Target
from gates.policy import policy_file as policies
from gates.policy import target_file as targets
from gates.process.command_line import carry_out
from gates.process.progress import Progress
from gates.sources.health import served_build
from load import allowed
from load.accounts import prepare
from nightly.history import Acknowledgement, History, machine
from nightly.night import figures_of, judge_nights
from nightly.rounds import (
    BASELINE,
    BASELINE_AGAIN,
    CANARY,
    CANARY_AGAIN,
    OPERATIONS,
    Arm,
    RoundError,
    Times,
    measure,
)
from reports import nightly as page
from suites.client import UnexpectedAnswerError
from suites.testdata.ownership import clean_up

ROUNDS = 30
PAGE = "index.html"


def main() -> int:
    """Run one command.

    Returns:
        0 when no operation got slower, 1 when an operation got slower, 3 when a night could not be
        measured, 2 for a mistake in the command or the configuration.
    """
    return carry_out(
        parser(),
        None,
        interrupted="this night has no figures",
        unmeasured=(RoundError, UnexpectedAnswerError, PyMongoError),
    )


def parser() -> argparse.ArgumentParser:
    """Build the parser of the command line."""
    top = argparse.ArgumentParser(
        prog="python -m nightly",
        description="Measure two colours in one night, store the figures, and compare the nights.",
        epilog="exit codes: 0 no operation got slower, 1 an operation got slower, 2 usage, "
        "3 not measured",
        allow_abbrev=False,
    )
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    tonight = commands.add_parser(
        "run", help="measure now, and judge the nights", allow_abbrev=False
    )
    _add_release(tonight)
    add_baseline(tonight)
    tonight.add_argument(
        "--rounds",
        type=_rounds,
        default=ROUNDS,
        metavar="N",
        help=f"the number of rounds ({ROUNDS})",
    )
    add_places(tonight)
    tonight.set_defaults(run=_run)
    again = commands.add_parser("report", help="write the page again", allow_abbrev=False)
    _add_release(again)
    add_places(again)
    again.set_defaults(run=_report)
    known = commands.add_parser(
        "acknowledge", help="state that a slowdown is known, for some days", allow_abbrev=False
    )
    known.add_argument(
        "operation", metavar="OPERATION", choices=OPERATIONS, help=f"one of {', '.join(OPERATIONS)}"
    )
    known.add_argument("quantile", metavar="QUANTILE", choices=("p50", "p95"), help="p50 or p95")
    _add_release(known)
    known.add_argument(
        "--days", type=_rounds, default=7, metavar="N", help="the number of days (7)"
    )
    known.add_argument(
        "--why", required=True, metavar="TEXT", help="what is being done about the slowdown"
    )
    add_places(known)
    known.set_defaults(run=_acknowledge)
    return top


def _add_release(command: argparse.ArgumentParser) -> None:
    add_target(command, "the release (green)", required=False, default="green")


def _rounds(text: str) -> int:
    number = int(text)
    if number < 2:  # noqa: PLR2004 - one round has no spread
        raise argparse.ArgumentTypeError("expected 2 or more")
    return number


def _run(options: argparse.Namespace) -> int:
    folder = places.targets(options.targets).path
    canary, baseline = (targets.load(name, folder) for name in (options.target, options.baseline))
    for target in (canary, baseline):
        allowed.check(target)
    served = served_build(canary).build
    if served is None:
        raise ConfigurationError(
            f"{canary.name} does not say which build it serves: start the target"
        )
    run_id = new_run_id()
    times = _measure(canary, baseline, run_id, options.rounds)
    tonight = _today()
    _history(options).add(figures_of(times, tonight, served.version, run_id))
    return _judge(options, tonight)


def _measure(canary: Target, baseline: Target, run_id: str, rounds: int) -> Times:
    progress = Progress(rounds)
    try:
        targets_of = {
            BASELINE: baseline,
            BASELINE_AGAIN: baseline,
            CANARY: canary,
            CANARY_AGAIN: canary,
        }
        shopping = prepare(canary, run_id, len(targets_of), lambda _: None)
        arms = [
            Arm(name, target, shopping.shoppers[str(number)].token, shopping)
            for number, (name, target) in enumerate(targets_of.items())
        ]
        times = measure(
            arms, rounds, run_id, lambda done: progress.show(done, f"round {done} of {rounds}")
        )
    finally:
        left_behind = clean_up(canary, run_id)
        progress.end()
    if left_behind:
        raise RoundError(f"the run may have left data in the database: {left_behind}")
    return times


def _history(options: argparse.Namespace) -> History:
    out = places.out(options.out, Path("out")).path
    return History(out / "history", machine(), options.target)


def _report(options: argparse.Namespace) -> int:
    return _judge(options, _today())


def _judge(options: argparse.Namespace, tonight: date) -> int:
    """Judge the nights, write the page, and print the result; a missing night is a hold."""
    policy = policies.load(places.policy(options.policy).path)
    history = _history(options)
    night = judge_nights(
        history.figures(), history.acknowledged(tonight), policy.nightly_limits, tonight
    )
    folder = places.out(options.out, Path("out")).path / "nightly"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / PAGE).write_text(
        page.html(night.as_page(options.target, machine())), "utf-8", "backslashreplace"
    )
    print(night.sentence)
    for line in night.lines():
        print(f"  {line}")
    print(f"page: {folder / PAGE}")
    if night.slower:
        return ExitCode.NO_GO
    return ExitCode.HOLD if night.is_missing(tonight) else ExitCode.GO


def _acknowledge(options: argparse.Namespace) -> int:
    until = _today() + timedelta(days=options.days)
    who = os.environ.get("USER") or getpass.getuser()
    known = Acknowledgement(options.operation, options.quantile, until, options.why, who)
    _history(options).acknowledge(known)
    print(
        f"the slowdown of {options.operation} {options.quantile} on {options.target} is known "
        f"until {until}"
    )
    return int(ExitCode.GO)


def _today() -> date:
    return datetime.now(UTC).date()


if __name__ == "__main__":
    sys.exit(main())
