"""``python -m suites.collector`` checks the database, and writes the record of a suite run.

Exit code 0 means that the record was written; the checks may have any outcome.
"""

import argparse
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from gates import __version__, places
from gates.cli.options import add_places, add_runs
from gates.errors import ConfigurationError, UnknownNameError
from gates.evidence.run_folder import Subject, new_run_id
from gates.evidence.seal import configured_key
from gates.evidence.suite_record import Recorder
from gates.exitcodes import ExitCode
from gates.model import LEFT_NOTHING, CheckOutcome, CheckResult, Policy, Target
from gates.policy import policy_file, target_file
from gates.process.command_line import carry_out
from gates.sources.health import served_build
from suites.collector import acknowledged, collection, differences
from suites.collector.collection import Request, TimedResult

STARS = "***"
MAX_MESSAGE = 2000


def main() -> int:
    """Check the database, write the run record, and return the exit code of the process."""
    return carry_out(_parser(), None, interrupted="the run proves nothing")


def _parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog="python -m suites.collector",
        description="Check the database of a store without pytest, and write the run record.",
        epilog="exit codes: 0 when the run record is written, whatever the outcomes of the checks; "
        "2 wrong usage or configuration; 70 internal error",
        allow_abbrev=False,
    )
    top.add_argument("--target", required=True, metavar="NAME", help="the target to check")
    top.add_argument(
        "--set", required=True, metavar="NAME", help="the check set to run, as named in the policy"
    )
    add_places(top)
    add_runs(top)
    top.add_argument(
        "--since",
        type=_moment,
        metavar="TIME",
        help="violations by documents older than this time (ISO 8601) do not fail a check",
    )
    top.add_argument(
        "--orders",
        type=Path,
        metavar="FILE",
        help="the orders and payments that the store acknowledged to shoppers (JSON lines)",
    )
    top.set_defaults(run=_run)
    return top


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError("expected a time such as 2026-11-27T14:00:00Z") from None
    if moment.tzinfo is None:
        raise argparse.ArgumentTypeError("expected a time with a time zone, such as …T14:00:00Z")
    return moment.astimezone(UTC)


def _run(options: argparse.Namespace) -> int:
    target = target_file.load(options.target, places.targets(options.targets).path)
    policy_place = places.policy(options.policy).path
    policy = policy_file.load(policy_place)
    checks = _checks(policy, options.set, policy_place)
    if acknowledged.CHECK in checks and options.orders is None and options.since is None:
        raise ConfigurationError(f"{acknowledged.CHECK} needs --orders FILE or --since TIME")
    orders = acknowledged.read(options.orders) if options.orders else None
    out = places.out(options.out, Path("out")).path
    runs = Path(options.runs) if options.runs else out / "runs"
    request = Request(target, policy, checks, options.since, orders, runs.resolve())
    collection.refuse_incomplete(target, policy)
    run_id = _record(request)
    sys.stdout.write(f"{run_id}\n")
    return ExitCode.GO


def _checks(policy: Policy, name: str, where: Path) -> tuple[str, ...]:
    """Return the ids of the checks in a check set of the policy.

    Raises:
        ConfigurationError: the policy has no such set, or the collector lacks one of its checks.
    """
    if name not in policy.check_sets:
        raise UnknownNameError("check set", name, policy.check_sets, str(where))
    checks = policy.check_sets[name]
    collection.refuse_unknown(checks, f"check set {name} of {where}")
    return checks


def _record(request: Request) -> str:
    """Run the checks, write the sealed run record, and return the run id."""
    target, run_id = request.target, new_run_id()
    folder = request.runs / run_id
    recorder = Recorder(folder, configured_key())
    subject = Subject(
        target.name,
        target.addresses.api,
        target.digest,
        served_build(target).build,
        request.policy.limits_digest,
    )
    recorder.started(run_id, subject, __version__, request.since)
    recorder.collected([*request.checks, LEFT_NOTHING])
    collected_checks = collection.collect(request)
    differences.write(folder, target.name, collected_checks.confirmed, configured_key())
    results = [_without_secrets(collected, target) for collected in collected_checks.results]
    for collected in results:
        recorder.check(collected.result, collected.seconds)
    # The collector only reads, so its run leaves nothing in the database.
    nothing_left = CheckResult(LEFT_NOTHING, CheckOutcome.PASSED, datetime.now(UTC), "", "")
    recorder.check(nothing_left, 0.0)
    failed = any(collected.result.outcome is not CheckOutcome.PASSED for collected in results)
    recorder.finished(served_build(target).build, int(failed))
    return run_id


def _without_secrets(collected: TimedResult, target: Target) -> TimedResult:
    message = collected.result.message
    for secret in target.secrets.values():
        message = message.replace(secret, STARS)
    # Cut afterwards: a part of a secret is a secret.
    return replace(collected, result=replace(collected.result, message=message[:MAX_MESSAGE]))


if __name__ == "__main__":
    sys.exit(main())
