"""``python -m load``: put a target under load, and ask the gate how it stood it."""

import argparse
import sys

from pymongo.errors import PyMongoError

from gates.process.command_line import carry_out
from load import plan
from load.generator import GeneratorError, work
from load.run import Request, run
from load.shop import shop
from suites.client import UnexpectedAnswerError


def main() -> int:
    """Run one command; the exit code is the gate's, or that of an error."""
    return carry_out(
        parser(), None, interrupted="the run proves nothing",
        unmeasured=(GeneratorError, UnexpectedAnswerError, PyMongoError),
    )  # fmt: skip


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(
        prog="python -m load",
        description="Put a target under load and judge it by the policy.",
        epilog="exit codes: those of gates; 3 also when the load could not be made",
        allow_abbrev=False,
    )
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    command = commands.add_parser("run", help="one run of a profile", allow_abbrev=False)
    command.add_argument("profile", metavar="PROFILE", choices=plan.names(),
                         help=f"one of {', '.join(plan.names())}")  # fmt: skip
    command.add_argument("--target", required=True, metavar="NAME", help="what is put under load")
    command.add_argument("--users", type=_users, metavar="N", help="the peak (the profile's)")
    length = command.add_mutually_exclusive_group()
    length.add_argument("--duration", type=_seconds, metavar="SECONDS",
                        help="the whole run's length; every phase in proportion")  # fmt: skip
    length.add_argument("--scale", type=_seconds, default=1.0, metavar="F",
                        help="every phase F times as long (1)")  # fmt: skip
    command.add_argument("--workers", type=_users, default=1, metavar="N",
                         help="generator processes (1)")  # fmt: skip
    command.add_argument("--listen", type=_address, metavar="HOST:PORT",
                         help="wait there for workers of other machines")  # fmt: skip
    command.add_argument("--targets", metavar="DIR", help="the target files")
    command.add_argument("--policy", metavar="FILE", help="the policy")
    command.add_argument("--out", metavar="DIR", help="the folder of generated files (./out)")
    command.set_defaults(run=_run)
    shopping = commands.add_parser(
        "shop", help="customers at the public edge, for a rehearsal", allow_abbrev=False
    )
    shopping.add_argument("--target", required=True, metavar="NAME", help="whose edge")
    shopping.add_argument("--users", type=_users, default=160, metavar="N", help="shoppers (160)")
    shopping.add_argument("--duration", type=_seconds, default=900.0, metavar="SECONDS",
                          help="for how long (900)")  # fmt: skip
    shopping.add_argument("--targets", metavar="DIR", help="the target files")
    shopping.add_argument("--out", metavar="DIR", help="the folder of generated files (./out)")
    shopping.set_defaults(
        run=lambda options: shop(
            options.target, options.users, options.duration, options.targets, options.out
        )
    )
    worker = commands.add_parser("worker", help="make load for a run that listens",
                                 allow_abbrev=False)  # fmt: skip
    worker.add_argument("--master", required=True, type=_address, metavar="HOST:PORT",
                        help="where the run listens")  # fmt: skip
    worker.set_defaults(run=lambda options: work(*options.master))
    return top


def _run(options: argparse.Namespace) -> int:
    scale = options.scale
    if options.duration:
        scale = options.duration / plan.length(options.profile)
    return run(
        Request(
            profile=options.profile, target=options.target, users=options.users, scale=scale,
            workers=options.workers, listen=options.listen,
            targets=options.targets, policy=options.policy,
            out=options.out,
        )
    )  # fmt: skip


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


def _seconds(text: str) -> float:
    number = float(text)
    if not 0 < number <= plan.MOST_SECONDS:
        raise argparse.ArgumentTypeError("expected more than 0")
    return number


if __name__ == "__main__":
    sys.exit(main())
