"""Objectives about the records of suite runs and load runs."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from gates.model.decision import Outcome


@dataclass(frozen=True, slots=True)
class ChecksObjective:
    """Every named check passed on the served build within the maximum age.

    Args:
        name: the objective's name.
        guide: the guide's section.
        checks: the ids of the checks.
        limits: SHA-256 of the policy's limits; only runs that used these limits count.
        max_age: the maximum age of a pass.
        check_set: the name of the set of checks in the policy.
        breach: the outcome that follows from a failed check.
        collected: the gate runs these checks itself where the newest run is older than this; None
            where the checks are run by other commands only.
        since_rollback: whether only runs after the last rollback count, and only violations since
            then fail a check that the gate runs itself.
    """

    name: str
    guide: str
    checks: tuple[str, ...]
    limits: str
    max_age: timedelta
    check_set: str = ""
    breach: Outcome = Outcome.NO_GO
    collected: timedelta | None = None
    since_rollback: bool = False


@dataclass(frozen=True, slots=True)
class NoFailedChecksObjective:
    """No run on the served build within the maximum age reports a failed check of the set.

    Args:
        name: the objective's name.
        guide: the guide's section.
        checks: the ids of the checks.
        limits: SHA-256 of the policy's limits; only a run that used these limits can clear a
            failure.
        max_age: the maximum age of a failure that counts.
        breach: the outcome that follows from a failed check.
    """

    name: str
    guide: str
    checks: tuple[str, ...]
    limits: str
    max_age: timedelta
    breach: Outcome


@dataclass(frozen=True, slots=True)
class ListedChecksObjective:
    """No run within the maximum age reports a check that the policy does not list."""

    name: str
    guide: str
    known: frozenset[str]
    max_age: timedelta


@dataclass(frozen=True, slots=True)
class LoadObjective:
    """The newest load run of a profile, large enough and not too old, met every limit.

    Args:
        name: the objective's name.
        guide: the guide's section.
        profile: the profile's name.
        at_least_users: the minimum number of users; smaller runs do not count.
        at_least_seconds: the minimum length of the judged phases.
        limits: the limits that apply, by name.
        p95: the limits of P95, in seconds by operation; ``total`` is for all operations.
        finds_knee: whether the finding names the number of users that breaks a limit.
        digest: SHA-256 of the policy's limits; only runs that used these limits count.
        max_age: the maximum age of the run.
    """

    name: str
    guide: str
    profile: str
    at_least_users: int
    at_least_seconds: float
    limits: Mapping[str, float]
    p95: Mapping[str, float]
    finds_knee: bool
    digest: str
    max_age: timedelta
