"""Runs ``python -m load``: puts a target under load, and asks the gate for a decision."""

import argparse
import sys

from pymongo.errors import PyMongoError

from gates.cli.options import add_duration, add_out, add_places, add_target, add_targets
from gates.process.command_line import carry_out
from gates.process.durations import duration_option
from load import plan
from load.generator import GeneratorError, work
from load.run import Request, run
from load.shop import shop
from suites.client import UnexpectedAnswerError

SHOP_SECONDS = 900.0


def main() -> int:
    """Run one command, and return the exit code of the gate or of an error."""
    return carry_out(
        parser(),
        None,
        interrupted="the run proves nothing",
        unmeasured=(GeneratorError, UnexpectedAnswerError, PyMongoError),
    )


def parser() -> argparse.ArgumentParser:
    """Build the parser of the command line."""
    top = argparse.ArgumentParser(
        prog="python -m load",
        description="Put a target under load, and judge the run by the policy.",
        epilog="exit codes: those of gates; 3 also when the load could not be generated",
        allow_abbrev=False,
    )
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    _add_run_options(commands.add_parser("run", help="run one profile", allow_abbrev=False))
    meaning = "send requests as customers, for a rehearsal"
    _add_shop_options(commands.add_parser("shop", help=meaning, allow_abbrev=False))
    meaning = "generate load for a run on another machine"
    _add_worker_options(commands.add_parser("worker", help=meaning, allow_abbrev=False))
    return top


def _add_run_options(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "profile", metavar="PROFILE", choices=plan.names(), help=f"one of {', '.join(plan.names())}"
    )
    add_target(command, "the target that gets the load")
    command.add_argument(
        "--users",
        type=_users,
        metavar="N",
        help="the largest number of users (default: the number in the profile)",
    )
    length = command.add_mutually_exclusive_group()
    length.add_argument(
        "--duration",
        type=duration_option(plan.MAX_SECONDS),
        metavar="TIME",
        help="the length of the run; all phases change in proportion",
    )
    length.add_argument(
        "--scale",
        type=_factor,
        default=1.0,
        metavar="F",
        help="the factor that multiplies the length of each phase (1)",
    )
    command.add_argument(
        "--workers",
        type=_users,
        default=1,
        metavar="N",
        help="the number of generator processes (1)",
    )
    command.add_argument(
        "--listen",
        type=_address,
        metavar="HOST:PORT",
        help="wait at this address for workers of other machines",
    )
    add_places(command)
    command.set_defaults(run=_run)


def _add_shop_options(command: argparse.ArgumentParser) -> None:
    add_target(command, "the target whose public edge gets the requests")
    command.add_argument(
        "--users", type=_users, default=160, metavar="N", help="the number of shoppers (160)"
    )
    meaning = "how long the shoppers shop (15m)"
    add_duration(command, "--duration", meaning, default=SHOP_SECONDS)
    add_targets(command)
    add_out(command)
    command.set_defaults(
        run=lambda options: shop(
            options.target, options.users, options.duration, options.targets, options.out
        )
    )


def _add_worker_options(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--master",
        required=True,
        type=_address,
        metavar="HOST:PORT",
        help="the address at which the run waits for workers",
    )
    command.set_defaults(run=lambda options: work(*options.master))


def _run(options: argparse.Namespace) -> int:
    scale = options.scale
    if options.duration:
        scale = options.duration / plan.length(options.profile)
    return run(
        Request(
            profile=options.profile,
            target=options.target,
            users=options.users,
            scale=scale,
            workers=options.workers,
            listen=options.listen,
            targets=options.targets,
            policy=options.policy,
            out=options.out,
        )
    )


def _users(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("expected 1 or more")
    return number


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit():
        raise argparse.ArgumentTypeError("expected HOST:PORT")
    return host, int(port)


def _factor(text: str) -> float:
    number = float(text)
    if not 0 < number <= plan.MAX_SECONDS:
        raise argparse.ArgumentTypeError("expected a number greater than 0")
    return number


if __name__ == "__main__":
    sys.exit(main())
