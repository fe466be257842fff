"""The ``gates`` command: its commands and options; what each does is in a module of its own."""

import argparse
import importlib
import io
import re
import sys
from collections.abc import Callable

from gates import __version__
from gates.cli.option_types import slots, url
from gates.exitcodes import EXIT_TABLE
from gates.process import command_line as commands

DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)?\Z")
UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, None: 1.0}
MOST_SECONDS = 7 * 86_400.0
# These commands write their answer to the ledger, so that it holds where nobody could read it.
ANSWER_IN_LEDGER = ("check", "watch", "ramp", "rollback", "rehearse")
Command = argparse.ArgumentParser


def main(arguments: list[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: the command line, without the program's name.

    Returns:
        The exit code; 0 for a command that asks nothing means it did what was asked.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    return commands.carry_out(parser(), arguments, interrupted="no decision was made")


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(
        prog="gates",
        description="May the release go on? Judges the evidence and answers by exit code.",
        epilog=EXIT_TABLE,
        allow_abbrev=False,
    )
    top.add_argument("--version", action="version", version=f"gates {__version__}")
    subcommands = top.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, about: str) -> Command:
        made = subcommands.add_parser(name, help=about, epilog=EXIT_TABLE, allow_abbrev=False)
        module = name.replace("-", "_")
        made.set_defaults(run=_later(module))
        return made

    _asking(command)
    _ramping(command)
    _recordings(command)
    _looking(command)
    for name in ANSWER_IN_LEDGER:
        subcommands.choices[name].set_defaults(answer_in_ledger=True)
    return top


def _later(module: str) -> Callable[[argparse.Namespace], int]:
    """The command's function: it has the module's name, and is imported when it is called."""

    def run(options: argparse.Namespace) -> int:
        return int(getattr(importlib.import_module(f"gates.cli.{module}"), module)(options))

    return run


MakeCommand = Callable[..., Command]


def _asking(command: MakeCommand) -> None:
    asked = command("check", "ask whether the release may go on past a stage")
    asked.add_argument("stage", metavar="STAGE", help="a stage of the policy, such as ramp-10")
    _of_target(asked)
    asked.add_argument("--runs", metavar="DIR", help="the folder of suite runs (OUT/runs)")
    asked.add_argument("--wait", type=seconds, metavar="TIME", default=0.0,
                       help="ask again while it is a hold, for so long")  # fmt: skip
    _printing(asked)
    watched = command("watch", "watch the rollback triggers; 4 when one holds")
    _of_target(watched)
    _with_baseline(watched)
    watched.add_argument("--runs", metavar="DIR", help="the folder of suite runs (OUT/runs)")
    watched.add_argument("--for", dest="duration", type=seconds, metavar="TIME", default=10800.0,
                         help="how long (3h)")  # fmt: skip
    _printing(watched)


def _ramping(command: MakeCommand) -> None:
    ramped = command("ramp", "move traffic step by step, asking the gate at each")
    _of_target(ramped)
    _with_baseline(ramped)
    ramped.add_argument("--runs", metavar="DIR", help="the folder of suite runs (OUT/runs)")
    ramped.add_argument("--schedule", metavar="FILE", help="steps and bakes (the guide's)")
    ramped.add_argument("--hold", type=seconds, metavar="TIME",
                        help="how long a hold is waited on (the policy's: 1h)")  # fmt: skip
    ramped.add_argument("--dry-run", action="store_true", help="say what would be done; exits 3")
    _printing(ramped)
    _rolling_back(command)
    rehearsed = command("rehearse", "a whole ramp on the testbed, with shoppers")
    rehearsed.add_argument("--fault", metavar="NAME", help="a fault of the testbed to switch on")
    rehearsed.add_argument("--at", type=int, default=40, metavar="PERCENT",
                           help="the step at which it is switched on (40)")  # fmt: skip
    rehearsed.add_argument("--users", type=int, default=120, metavar="N",
                           help="how many shoppers (120)")  # fmt: skip
    rehearsed.add_argument("--keep", action="store_true", help="leave the testbed running")
    rehearsed.add_argument("--policy", metavar="FILE", help="the policy (KIRANA_POLICY, installed)")
    rehearsed.add_argument("--out", metavar="DIR", help="the folder of generated files (./out)")
    rehearsed.add_argument("--time-scale", type=float, default=15.0, metavar="N",
                           help="one second stands for so many (15)")  # fmt: skip


def _rolling_back(command: MakeCommand) -> None:
    back = command("rollback", "give all traffic back, and verify it")
    _of_target(back, required=False)
    _with_baseline(back)
    back.add_argument("--control", type=url, metavar="URL",
                      help="the balancer's control address; then no file is needed")  # fmt: skip
    back.add_argument("--slots", type=slots, metavar="GREEN,BLUE",
                      help="both slots at the balancer (the target file's)")  # fmt: skip
    back.add_argument("--prometheus", type=url, metavar="URL",
                      help="the second witness (the target file's)")  # fmt: skip
    back.add_argument("--force", action="store_true", help="move although blue is not healthy")


def _recordings(command: MakeCommand) -> None:
    recorded = command("record", "write what both colours export, to stdout")
    recorded.add_argument("--target", required=True, metavar="NAME", help="green")
    _with_baseline(recorded)
    recorded.add_argument("--targets", metavar="DIR", help="the target files")
    recorded.add_argument("--every", type=seconds, default=15.0, metavar="TIME",
                          help="how often (15s)")  # fmt: skip
    recorded.add_argument("--for", dest="duration", type=seconds, default=10800.0, metavar="TIME",
                          help="how long (3h)")  # fmt: skip
    tested = command("backtest", "judge recordings as if they were live")
    tested.add_argument("recordings", nargs="+", metavar="FILE", help="JSON Lines of gates record")
    tested.add_argument("--policy", metavar="FILE", help="the policy (KIRANA_POLICY, installed)")
    tested.add_argument("--json", action="store_true", help="a line of JSON for each")
    unit = command("test-policy", "recordings must give the decisions expected of them")
    unit.add_argument("cases", metavar="FILE", help="TOML: recordings and expected decisions")
    unit.add_argument("--policy", metavar="FILE", help="the policy (KIRANA_POLICY, installed)")


def _looking(command: MakeCommand) -> None:
    explained = command("explain", "judge a decision again, and show what it rests on")
    explained.add_argument("id", metavar="ID", help="a decision's id in the ledger")
    explained.add_argument("--out", metavar="DIR", help="the folder of generated files (./out)")
    logged = command("log", "what was decided and moved")
    logged.add_argument("--verify", action="store_true", help="is the ledger whole?")
    logged.add_argument("--last", type=int, default=20, metavar="N", help="so many entries (20)")
    logged.add_argument("--out", metavar="DIR", help="the folder of generated files (./out)")
    listed = command("stages", "list the policy's stages")
    listed.add_argument("--policy", metavar="FILE", help="the policy (KIRANA_POLICY, installed)")
    linted = command("lint", "find mistakes in the policy and the target files")
    linted.add_argument("--policy", metavar="FILE", help="the policy (KIRANA_POLICY, installed)")
    linted.add_argument("--targets", metavar="DIR", help="the target files")
    linted.add_argument("--target", metavar="NAME",
                        help="look also for its secrets, files and addresses")  # fmt: skip


def _of_target(made: Command, *, required: bool = True) -> None:
    made.add_argument("--target", required=required, metavar="NAME", help="what is judged")
    made.add_argument("--policy", metavar="FILE", help="the policy (KIRANA_POLICY, installed)")
    made.add_argument("--targets", metavar="DIR", help="the target files")
    made.add_argument("--out", metavar="DIR", help="the folder of generated files (./out)")
    made.add_argument("--time-scale", type=float, default=1.0, metavar="N",
                      help="a rehearsal: one second stands for so many (1)")  # fmt: skip


def _with_baseline(made: Command) -> None:
    made.add_argument("--baseline", default="blue", metavar="NAME", help="the other colour (blue)")


def _printing(made: Command) -> None:
    made.add_argument("--json", action="store_true", help="print the decision as JSON")


def seconds(text: str) -> float:
    """A duration such as ``90``, ``15s``, ``10m`` or ``2h``, in seconds."""
    found = DURATION.match(text)
    if not found:
        raise argparse.ArgumentTypeError(f"expected a time like 15s, 10m or 2h, got {text!r}")
    value = float(found[1]) * UNITS[found[2]]
    if not 0 < value <= MOST_SECONDS:
        raise argparse.ArgumentTypeError(f"expected up to 7 days, got {text!r}")
    return value


if __name__ == "__main__":
    sys.exit(main())
