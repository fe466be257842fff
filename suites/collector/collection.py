"""Run the checks of the collector, and return a result for each check."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import ConfigurationError as WrongAddressError
from pymongo.errors import PyMongoError

from gates.errors import ConfigurationError
from gates.evidence.seal import configured_key
from gates.model import CheckOutcome, CheckResult, Policy, Target
from suites.collector import acknowledged, differences
from suites.collector.acknowledged import AcknowledgedIds, UnmeasuredError
from suites.database import invariants, replication
from suites.database.invariants import INVARIANTS, PREFIX, ConfirmedViolations, Differences
from suites.database.view import View

NODE = "suites.collector"
SERVER_SECONDS = 2.0
CHECKS = frozenset(
    {*(invariant.check for invariant in INVARIANTS.values()), replication.CHECK, acknowledged.CHECK}
)


@dataclass(frozen=True, slots=True)
class Request:
    """The target, and the checks that the collector must run.

    Args:
        target: the target whose database is checked.
        policy: the policy with the limits of the checks.
        checks: the ids of the checks; ``CHECKS`` has every id.
        since: violations by documents older than this time (UTC) do not fail a check; None when
            every violation fails.
        orders: the ids that the store acknowledged to shoppers; None to use the store's counters.
        runs: the folder of suite runs, with the files of earlier runs of the collector.
    """

    target: Target
    policy: Policy
    checks: Sequence[str]
    since: datetime | None
    orders: AcknowledgedIds | None
    runs: Path


@dataclass(frozen=True, slots=True)
class TimedResult:
    """The result of one check, and the time in seconds that the check took."""

    result: CheckResult
    seconds: float


@dataclass(frozen=True, slots=True)
class Collection:
    """The results of all checks of a run, and the confirmed violations, keyed by invariant."""

    results: list[TimedResult]
    confirmed: Mapping[str, ConfirmedViolations]


def refuse_unknown(checks: Iterable[str], where: str) -> None:
    """Refuse checks that the collector does not have.

    Args:
        checks: the ids of checks.
        where: the source of the ids, for the message.

    Raises:
        ConfigurationError: the collector does not have one of the checks.
    """
    if unknown := sorted(set(checks) - CHECKS):
        raise ConfigurationError(
            f"{where}: the collector does not have the check {unknown[0]}; "
            f"it has {replication.CHECK}, {acknowledged.CHECK} and the checks of the invariants"
        )


def refuse_incomplete(target: Target, policy: Policy) -> None:
    """Refuse a target without a database address, and a policy without platform limits.

    Raises:
        ConfigurationError: the target has no ``database_uri``, or the policy has no table
            ``[platform_limits]``.
    """
    if "database_uri" not in target.secrets:
        raise ConfigurationError(
            f"{target.name} has no database_uri: set the environment variable that its target file "
            "names"
        )
    if not policy.platform_limits:
        raise ConfigurationError("the policy has no table [platform_limits]; add this table")


def collect(request: Request) -> Collection:
    """Run the checks and return their results.

    When the database does not answer, every check has the outcome ``error``.

    Args:
        request: the target and the checks; ``refuse_incomplete`` must have accepted its target and
            policy.
    """
    uri = request.target.secrets["database_uri"]
    began = time.monotonic()
    try:
        with _client(uri) as client:
            return _collect(client, request)
    except PyMongoError as error:
        is_wrong = isinstance(error, WrongAddressError)
        problem = (
            "database_uri is not a MongoDB address" if is_wrong else "the database does not answer"
        )
        # The text of the error may have a part of the address, and so of the password.
        text = f"{problem} ({type(error).__name__})"
        seconds = time.monotonic() - began
        errors = [_result(check, CheckOutcome.ERROR, text, seconds) for check in request.checks]
        return Collection(errors, {})


def _client(uri: str) -> "MongoClient[dict[str, Any]]":
    """Return a client that can read every document, also with malformed dates and texts.

    Raises:
        WrongAddressError: the address of the database is not valid.
    """
    try:
        return MongoClient[dict[str, Any]](
            uri,
            serverSelectionTimeoutMS=int(SERVER_SECONDS * 1000),
            tz_aware=True,
            datetime_conversion="DATETIME_AUTO",
            unicode_decode_error_handler="replace",
        )
    except ValueError as error:
        raise WrongAddressError(type(error).__name__) from None


def _collect(client: "MongoClient[dict[str, Any]]", request: Request) -> Collection:
    limits, database = request.policy.platform_limits, client.get_default_database()
    limit = int(limits["integrity_documents"])
    results = []
    names = [name for name, invariant in INVARIANTS.items() if invariant.check in request.checks]
    began = time.monotonic()
    confirmed = invariants.check(database, limit, time.sleep, names)
    seconds = (time.monotonic() - began) / max(1, len(names))
    earlier = _earlier(request)
    for name in names:
        text, fails = _text_of_violations(name, confirmed[name], request.since, earlier)
        outcome = CheckOutcome.FAILED if fails else CheckOutcome.PASSED
        results.append(_result(PREFIX + name, outcome, text, seconds))
    if replication.CHECK in request.checks:
        results.append(
            _timed(
                replication.CHECK,
                lambda: list(
                    replication.replication_of(client, limits["replication_lag_seconds"]).problems
                ),
            )
        )
    if acknowledged.CHECK in request.checks:
        results.append(_timed(acknowledged.CHECK, lambda: _lost(View(database, limit), request)))
    return Collection(results, confirmed)


def _text_of_violations(
    name: str,
    confirmed: ConfirmedViolations,
    since: datetime | None,
    earlier: Mapping[str, Differences] | None,
) -> tuple[str, bool]:
    """Return the message about the violations of an invariant, and whether the check fails."""
    new, older = confirmed.since(since, None if earlier is None else earlier.get(name, {}))
    parts = [invariants.text_of(INVARIANTS[name], new)] if new else []
    if older:
        text = invariants.text_of(INVARIANTS[name], older)
        parts.append(f"violations older than {since:%Y-%m-%dT%H:%M:%SZ} are not counted: {text}")
    return "\n".join(parts), bool(new)


def _earlier(request: Request) -> Mapping[str, Differences] | None:
    """Return the differences that the first run after the time of ``--since`` found, or None."""
    if request.since is None:
        return None
    return differences.first_since(
        request.runs, request.target.name, request.since, configured_key()
    )


def _lost(view: View, request: Request) -> list[str]:
    """Return messages about acknowledged orders and payments that are not in the database."""
    if request.orders is not None:
        return acknowledged.missing_documents(view, request.orders)
    if request.since is None:
        raise ConfigurationError(f"{acknowledged.CHECK} needs --orders FILE or --since TIME")
    return acknowledged.too_few_documents(view.database, request.target, request.since)


def _timed(check: str, find_problems: Callable[[], list[str]]) -> TimedResult:
    """Run a check that returns a list of problems, and return its result."""
    began = time.monotonic()
    try:
        problems = find_problems()
    except UnmeasuredError as error:
        return _result(check, CheckOutcome.ERROR, str(error), time.monotonic() - began)
    outcome = CheckOutcome.FAILED if problems else CheckOutcome.PASSED
    return _result(check, outcome, "\n".join(problems), time.monotonic() - began)


def _result(check: str, outcome: CheckOutcome, message: str, seconds: float) -> TimedResult:
    result = CheckResult(check, outcome, datetime.now(UTC), message, NODE)
    return TimedResult(result, seconds)
