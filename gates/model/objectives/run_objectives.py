"""Objectives about the records of suite runs and load runs."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from gates.model.decision import Outcome


@dataclass(frozen=True, slots=True)
class ChecksObjective:
    """Requires that every named check passed on the served build within the maximum age.

    Args:
        name: the objective's name.
        guide: the section of the deployment guide that requires the objective.
        checks: the ids of the checks.
        limits: SHA-256 of the policy's limits; only runs that used these limits count.
        max_age: the maximum age of a result with which a check passed.
        check_set: the name of the set of checks in the policy.
        breach: the outcome of the decision if a check failed: no-go or rollback.
        collected: the gate runs these checks itself if the newest run is older than this time; None
            where only other commands run the checks.
        since_rollback: whether only runs after the last rollback count. If so, and if the gate
            runs a check itself, only violations after the rollback fail this check.
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
    """Requires that no recent run on the served build has a failed check of a set.

    Without any run, the requirement is met, if the served build is known.

    Args:
        name: the objective's name.
        guide: the section of the deployment guide that requires the objective.
        checks: the ids of the checks.
        limits: SHA-256 of the policy's limits; only a run that used these limits can clear a
            failure.
        max_age: the maximum age of a failed result that counts.
        breach: the outcome of the decision if a check failed: no-go or rollback.
    """

    name: str
    guide: str
    checks: tuple[str, ...]
    limits: str
    max_age: timedelta
    breach: Outcome


@dataclass(frozen=True, slots=True)
class ListedChecksObjective:
    """Requires that no recent run has a result of a check that the policy does not list.

    Args:
        name: the objective's name.
        guide: the section of the deployment guide that requires the objective.
        known: the ids of all checks that the policy lists.
        max_age: the maximum age of a run that counts.
    """

    name: str
    guide: str
    known: frozenset[str]
    max_age: timedelta


@dataclass(frozen=True, slots=True)
class LoadObjective:
    """Requires that the newest load run of a profile met every limit.

    Args:
        name: the objective's name.
        guide: the section of the deployment guide that requires the objective.
        profile: the profile's name.
        at_least_users: the minimum number of simulated users; smaller runs do not count.
        at_least_seconds: the minimum length of the judged phases; shorter runs do not count.
        limits: the numbers of the limits that apply, by the name of the limit.
        p95: the limits of the 95th percentile of the response times, in seconds by operation;
            ``total`` is for all operations together.
        finds_knee: whether the finding names the number of users at which a limit was broken.
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
