"""The command line of ``gates``: its commands and their options; each command has a module."""

import argparse
import importlib
import sys
from collections.abc import Callable

from gates import __version__, places
from gates.cli import options
from gates.cli.address_options import address_and_port, slots, url
from gates.exitcodes import EXIT_TABLE
from gates.process import command_line

# These commands write their answer to the ledger, so that it holds where nobody could read it.
ANSWER_IN_LEDGER = ("check", "watch", "ramp", "rollback", "rehearse", "sign", "revoke")
RECORD_SECONDS = 15.0
REHEARSAL_SCALE = 15.0
# A policy accepts a sign-off for at most so long.
MAX_LIFETIME_SECONDS = 30 * 86_400.0
Command = argparse.ArgumentParser
AddCommand = Callable[[str, str], Command]


def main(arguments: list[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: the command line, without the program's name.

    Returns:
        The exit code. For a command that makes no decision, 0 means that the command succeeded.
    """
    places.put_on_path(places.BUNDLED)
    return command_line.carry_out(parser(), arguments, interrupted="no decision was made")


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    top = argparse.ArgumentParser(
        prog="gates",
        description="Decides whether a release may go on. The exit code states the decision.",
        epilog=EXIT_TABLE,
        allow_abbrev=False,
    )
    top.add_argument("--version", action="version", version=f"gates {__version__}")
    subcommands = top.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, about: str) -> Command:
        command = subcommands.add_parser(name, help=about, epilog=EXIT_TABLE, allow_abbrev=False)
        command.set_defaults(run=_function_of(name.replace("-", "_")))
        return command

    _add_judging(add)
    _add_ramp(add)
    _add_rollback(add)
    _add_rehearse(add)
    _add_signing(add)
    _add_recordings(add)
    _add_reading(add)
    _add_serve(add)
    _add_new_store(add)
    for name in ANSWER_IN_LEDGER:
        subcommands.choices[name].set_defaults(answer_in_ledger=True)
    return top


def _function_of(module: str) -> Callable[[argparse.Namespace], int]:
    """Return a function that imports the module of a command, and calls its main function."""

    def run(arguments: argparse.Namespace) -> int:
        return int(getattr(importlib.import_module(f"gates.cli.{module}"), module)(arguments))

    return run


def _add_judging(add: AddCommand) -> None:
    check = add("check", "judge whether the release may proceed past a stage")
    check.add_argument("stage", metavar="STAGE", help="a stage of the policy, such as ramp-10")
    options.add_target(check)
    options.add_places(check)
    options.add_time_scale(check)
    options.add_runs(check)
    meaning = "while the decision is a hold, decide again for at most this time (default: 0)"
    options.add_duration(check, "--wait", meaning, default=0.0)
    options.add_json(check)
    options.add_format(check)
    watch = add("watch", "watch the rollback triggers; exit code 4 when a trigger fires")
    options.add_target(watch)
    options.add_baseline(watch)
    options.add_places(watch)
    options.add_time_scale(watch)
    options.add_runs(watch)
    options.add_watch_duration(watch)
    options.add_json(watch)


def _add_ramp(add: AddCommand) -> None:
    ramp = add("ramp", "move traffic step by step; decide at each step whether to go on")
    options.add_target(ramp)
    options.add_baseline(ramp)
    options.add_places(ramp)
    options.add_time_scale(ramp)
    options.add_runs(ramp)
    ramp.add_argument(
        "--schedule", metavar="FILE", help="a TOML file of steps (default: the policy's steps)"
    )
    meaning = (
        "the longest time that the ramp waits during a hold (default: the policy's hold_seconds)"
    )
    options.add_duration(ramp, "--hold", meaning)
    ramp.add_argument(
        "--dry-run", action="store_true", help="print the steps, move no traffic, exit with code 3"
    )
    options.add_json(ramp)


def _add_rollback(add: AddCommand) -> None:
    rollback = add("rollback", "move all traffic to the baseline; verify the move")
    options.add_target(rollback, "the target that loses its traffic", required=False)
    options.add_baseline(rollback)
    options.add_places(rollback)
    options.add_time_scale(rollback)
    rollback.add_argument(
        "--control",
        type=url,
        metavar="URL",
        help="the balancer's control address; with it, no target or policy file is needed",
    )
    rollback.add_argument(
        "--slots",
        type=slots,
        metavar="GREEN,BLUE",
        help="the names of both slots at the balancer (default: those in the target file)",
    )
    rollback.add_argument(
        "--prometheus",
        type=url,
        metavar="URL",
        help="the address of Prometheus (default: the address in the target file)",
    )
    rollback.add_argument(
        "--force", action="store_true", help="move the traffic although blue is not healthy"
    )


def _add_rehearse(add: AddCommand) -> None:
    rehearse = add("rehearse", "run a whole ramp on the testbed, with simulated shoppers")
    rehearse.add_argument("--fault", metavar="NAME", help="the fault that the testbed switches on")
    rehearse.add_argument(
        "--at",
        type=int,
        default=40,
        metavar="PERCENT",
        help="green's share, in percent, at which the testbed switches the fault on (default: 40)",
    )
    rehearse.add_argument(
        "--users",
        type=int,
        default=120,
        metavar="N",
        help="the number of simulated shoppers (default: 120)",
    )
    rehearse.add_argument(
        "--sign-as",
        metavar="NAME",
        help="sign the items of the day of the deployment; NAME is the person who signs",
    )
    rehearse.add_argument("--keep", action="store_true", help="do not stop the testbed at the end")
    options.add_policy(rehearse)
    options.add_out(rehearse)
    options.add_time_scale(rehearse, REHEARSAL_SCALE)


def _add_signing(add: AddCommand) -> None:
    sign = add("sign", "sign an item of a stage, or the override of an objective")
    sign.add_argument("item", metavar="ITEM", help="the name of an objective of the stage")
    options.add_stage(sign, "the stage for which the item is signed", required=True)
    options.add_target(
        sign, "the target whose release is signed (default: green)", required=False, default="green"
    )
    options.add_person(sign)
    meaning = "the time until the sign-off expires (default: the policy's max_age_seconds)"
    options.add_duration(sign, "--expires", meaning, max_seconds=MAX_LIFETIME_SECONDS)
    meaning = "sign an override: the objective needs no pass any more; two people must sign"
    sign.add_argument("--override", action="store_true", help=meaning)
    options.add_places(sign)
    revoke = add("revoke", "revoke a sign-off or an override")
    revoke.add_argument("id", metavar="ID", help="the id of the sign-off in the ledger")
    options.add_person(revoke)
    options.add_out(revoke)
    status = add("status", "show which objectives are verified, signed, open or failed")
    options.add_stage(status, "the stage whose status is shown (default: every stage)")
    options.add_target(
        status, "the target whose status is shown (default: green)", required=False, default="green"
    )
    options.add_places(status)
    options.add_json(status, "print the status as JSON")


def _add_recordings(add: AddCommand) -> None:
    record = add("record", "write the metrics of both colours to stdout")
    options.add_target(record, "the target that is green, the canary")
    options.add_baseline(record)
    options.add_targets(record)
    meaning = f"the time between two scrapes (default: {RECORD_SECONDS:g}s)"
    options.add_duration(record, "--every", meaning, default=RECORD_SECONDS)
    options.add_watch_duration(record)
    backtest = add("backtest", "judge recordings of metrics as if they were live")
    backtest.add_argument(
        "recordings", nargs="+", metavar="FILE", help="a recording: the output of gates record"
    )
    options.add_policy(backtest)
    options.add_json(backtest, "print the result of each recording as one line of JSON")
    test_policy = add("test-policy", "compare decisions on recordings with expected decisions")
    test_policy.add_argument(
        "cases", metavar="FILE", help="a TOML file of recordings and expected decisions"
    )
    options.add_policy(test_policy)


def _add_reading(add: AddCommand) -> None:
    explain = add("explain", "judge a decision again, and show its evidence")
    explain.add_argument("id", metavar="ID", help="the id of a decision in the ledger")
    options.add_out(explain)
    options.add_format(explain)
    log = add("log", "show the decisions and moves in the ledger")
    form = log.add_mutually_exclusive_group()
    form.add_argument("--verify", action="store_true", help="check that the ledger is undamaged")
    meaning = "print each decision and each move of traffic as a CDEvent, one line of JSON"
    form.add_argument("--cdevents", action="store_true", help=meaning)
    log.add_argument(
        "--last",
        type=int,
        default=20,
        metavar="N",
        help="the number of the newest entries to print (default: 20)",
    )
    options.add_out(log)
    _add_verify_attestation(add)
    report = add("report", "write the release report: the decisions and their reasons")
    meaning = "the target of the report (default: the target of the newest ramp in the ledger)"
    options.add_target(report, meaning, required=False)
    options.add_places(report)
    options.add_runs(report)
    stages = add("stages", "list the policy's stages")
    options.add_policy(stages)
    coverage = add("coverage", "show which objectives decide the items of the deployment guide")
    meaning = "add the state of each item, from the target's decisions and sign-offs in the ledger"
    options.add_target(coverage, meaning, required=False)
    options.add_places(coverage)
    coverage.add_argument(
        "--guide",
        metavar="FILE",
        help="the file of the guide's items (default: KIRANA_GUIDE, else the installed file)",
    )
    form = coverage.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print the matrix as JSON")
    form.add_argument("--markdown", action="store_true", help="print the matrix as Markdown")
    lint = add("lint", "find mistakes in the policy and the target files")
    options.add_policy(lint)
    options.add_targets(lint)
    meaning = "also check the target's secrets, files, addresses and buckets"
    options.add_target(lint, meaning, required=False)
    lint.add_argument(
        "--recording",
        metavar="FILE",
        action="append",
        default=[],
        help="also check that a recording has the buckets of the policy; can be repeated",
    )


def _add_verify_attestation(add: AddCommand) -> None:
    verify = add("verify-attestation", "verify a signed statement about a decision")
    verify.add_argument("file", metavar="FILE", help="the signed statement")
    meaning = "the public ed25519 key in PEM"
    verify.add_argument("--key", required=True, metavar="FILE", help=meaning)
    options.add_stage(verify, "the stage that the decision must be about", required=True)
    options.add_target(verify, "the target whose release the decision must be about")
    options.add_targets(verify)
    options.add_time_scale(verify)
    meaning = "the maximum age of the decision (default: any age)"
    options.add_duration(verify, "--max-age", meaning, max_seconds=MAX_LIFETIME_SECONDS)


def _add_serve(add: AddCommand) -> None:
    serve = add("serve", "serve decisions to pipelines over HTTP, and show a live page")
    serve.add_argument(
        "--listen",
        type=address_and_port,
        default=("127.0.0.1", 8765),
        metavar="HOST:PORT",
        help="the address of the server; port 0 means a free port (default: 127.0.0.1:8765)",
    )
    meaning = "the target of the page (default: the target of the newest ramp in the ledger)"
    options.add_target(serve, meaning, required=False)
    options.add_places(serve)
    options.add_time_scale(serve)
    options.add_runs(serve)
    meaning = "the longest time that a request waits for its decision (default: 30s)"
    options.add_duration(serve, "--time-limit", meaning, default=30.0, max_seconds=600)
    serve.add_argument(
        "--no-loopback-exception",
        action="store_true",
        help="require a token in requests from this machine, too",
    )
    serve.add_argument("--certificate", metavar="FILE", help="the server's certificate (PEM)")
    serve.add_argument("--key", metavar="FILE", help="the private key of the certificate (PEM)")
    meaning = "accept only clients with a certificate of this authority (PEM)"
    serve.add_argument("--client-ca", metavar="FILE", help=meaning)


def _add_new_store(add: AddCommand) -> None:
    init = add("init", "write target files and a starting policy for another store")
    init.add_argument("--url", type=url, required=True, metavar="URL", help="the store's address")
    init.add_argument(
        "--prometheus",
        type=url,
        required=True,
        metavar="URL",
        help="the address of the store's Prometheus",
    )
    init.add_argument("--baseline-url", type=url, metavar="URL", help="the baseline's address")
    init.add_argument("--control", type=url, metavar="URL", help="the balancer's control address")
    init.add_argument("--openapi", metavar="FILE", help="the store's OpenAPI file")
    options.add_target(init, "the target's name (default: green)", required=False, default="green")
    options.add_baseline(init)
    options.add_targets(init)
    options.add_policy(init)
    doctor = add("doctor", "show what the gate can and cannot read of a target")
    options.add_target(doctor)
    options.add_targets(doctor)
    options.add_policy(doctor)
    options.add_json(doctor)


if __name__ == "__main__":
    sys.exit(main())
