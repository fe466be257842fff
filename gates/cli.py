"""The ``gates`` command: ask a stage, list the stages, check the policy and the targets."""

import argparse
import io
import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from gates import __version__, commands, judge, ledger, places, policy, target
from gates.errors import ConfigurationError
from gates.exitcodes import ExitCode
from gates.gathering import Question, gather
from gates.model import Decision, Outcome, Policy
from reports import document, terminal

EXIT_CODES = {
    Outcome.GO: ExitCode.GO,
    Outcome.HOLD: ExitCode.HOLD,
    Outcome.NO_GO: ExitCode.NO_GO,
    Outcome.ROLLBACK: ExitCode.ROLLBACK,
}
EXIT_TABLE = "exit codes: 0 go, 1 no-go, 2 usage or configuration, 3 hold, 4 rollback, 70 internal"


def main(arguments: list[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: the command line, without the program's name.

    Returns:
        The exit code; 0 for a command other than ``check`` means it did what was asked.
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
    asked = subcommands.add_parser(
        "check", help="ask whether the release may go on past a stage", epilog=EXIT_TABLE,
        allow_abbrev=False,
    )  # fmt: skip
    asked.add_argument("stage", metavar="STAGE", help="a stage of the policy, such as ramp-10")
    asked.add_argument("--target", required=True, metavar="NAME", help="what is judged")
    _places(asked, with_targets=True)
    asked.add_argument("--runs", metavar="DIR", help="the folder of suite runs (OUT/runs)")
    asked.add_argument("--out", metavar="DIR", help="the folder of generated files (./out)")
    asked.add_argument("--json", action="store_true", help="print the decision as JSON")
    asked.set_defaults(run=check)
    listed = subcommands.add_parser("stages", help="list the policy's stages", allow_abbrev=False)
    _places(listed, with_targets=False)
    listed.set_defaults(run=stages)
    linted = subcommands.add_parser(
        "lint", help="find mistakes in the policy and the target files", allow_abbrev=False
    )
    _places(linted, with_targets=True)
    linted.set_defaults(run=lint)
    return top


def _places(command: argparse.ArgumentParser, *, with_targets: bool) -> None:
    command.add_argument("--policy", metavar="FILE", help="the policy (KIRANA_POLICY, installed)")
    if with_targets:
        command.add_argument(
            "--targets", metavar="DIR", help="the target files (KIRANA_TARGETS, installed)"
        )


def check(options: argparse.Namespace) -> int:
    """``gates check STAGE --target NAME``: judge, write it down, then say it."""
    policy_place = places.policy(options.policy)
    loaded = policy.load(policy_place.path)
    stage = policy.stage_named(loaded, options.stage, str(policy_place.path))
    chosen = target.load(options.target, places.targets(options.targets).path)
    out = places.out(options.out, Path("out")).path
    at = time.time()
    runs = Path(options.runs) if options.runs else out / "runs"
    evidence = gather(Question(stage=stage, target=chosen, runs=runs, at=at))
    decision = judge.judge(stage, evidence, datetime.fromtimestamp(at, UTC))
    _give(decision, loaded, out, as_json=options.json)
    return EXIT_CODES[decision.outcome]


def _give(decision: Decision, loaded: Policy, out: Path, *, as_json: bool) -> None:
    """Append the decision to the ledger, then print it."""
    content = document.of_decision(decision, policy_digest=loaded.digest, tool=__version__)
    entry_id = ledger.append(out, content)
    if as_json:
        print(document.as_text({**content, "id": entry_id}))
    else:
        colours = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
        print(terminal.decision(decision, entry_id, colours=colours))
    sys.stdout.flush()


def stages(options: argparse.Namespace) -> int:
    """``gates stages``: the policy's stages in order."""
    place = places.policy(options.policy)
    loaded = policy.load(place.path)
    print(f"{loaded.name}, {place}")
    for stage in loaded.stages:
        print(f"{stage.name:<18}{stage.title} (guide {stage.guide})")
        for objective in stage.objectives:
            print(f"{'':<18}  {objective.name}")
    return 0


def lint(options: argparse.Namespace) -> int:
    """``gates lint``: read everything; the first mistake of each file is printed."""
    problems = []
    place = places.policy(options.policy)
    try:
        policy.load(place.path)
    except ConfigurationError as error:
        problems.append(str(error))
    folder = places.targets(options.targets)
    names = target.names(folder.path)
    if not names:
        problems.append(f"{folder}: no target files")
    for name in names:
        try:
            target.load(name, folder.path)
        except ConfigurationError as error:
            problems.append(str(error))
    for problem in problems:
        print(problem)
    if problems:
        return ExitCode.USAGE
    print(f"no mistakes in {place.path} and {len(names)} targets of {folder.path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
