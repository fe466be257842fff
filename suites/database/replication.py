"""Reads the state of the replica set to which a database belongs."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pymongo.errors import OperationFailure

if TYPE_CHECKING:
    from pymongo import MongoClient

NO_REPLICATION = 76  # the error code of a server that is no member of a replica set
PRIMARY, SECONDARY, ARBITER = 1, 2, 7
CHECK = "platform.database.replication"


@dataclass(frozen=True, slots=True)
class Replication:
    """The state of a replica set.

    Args:
        members: the number of members of the set; 1 for a single node.
        lag_seconds: the time by which the slowest secondary is behind the primary, in seconds; 0
            for a single node.
        problems: the reasons why the set is not healthy, or its lag is too long; empty for a
            healthy set.
        sentence: the problems, or else the state of the set, in one sentence.
    """

    members: int
    lag_seconds: float
    problems: tuple[str, ...]
    sentence: str


def replication_of(client: "MongoClient[dict[str, Any]]", max_lag_seconds: float) -> Replication:
    """Read the state of the replica set of a server, and evaluate the state.

    Args:
        client: a connection to the server.
        max_lag_seconds: the time by which a secondary may be behind the primary, in seconds.

    Raises:
        PyMongoError: the server does not answer.

    Source: MongoDB manual, replSetGetStatus.
    """
    try:
        status = client.admin.command("replSetGetStatus")
    except OperationFailure as error:
        if error.code == NO_REPLICATION:
            return Replication(1, 0.0, (), "a single node, which is not a member of a replica set")
        problem = (
            "the server refuses to tell the state of its replica set (replSetGetStatus): error "
            f"code {error.code}"
        )
        return Replication(0, 0.0, (problem,), problem)
    return evaluate(status, max_lag_seconds)


def evaluate(status: Mapping[str, Any], max_lag_seconds: float) -> Replication:
    """Find the problems of a replica set in the reply to the command ``replSetGetStatus``.

    Args:
        status: the reply of the server.
        max_lag_seconds: the time by which a secondary may be behind the primary, in seconds.
    """
    members = list(status.get("members", ()))
    primaries = [member for member in members if member.get("state") == PRIMARY]
    problems = [
        f"member {member.get('name')} is {member.get('stateStr', 'in an unknown state')}"
        for member in members
        if member.get("health") != 1 or member.get("state") not in (PRIMARY, SECONDARY, ARBITER)
    ]
    if len(primaries) != 1:
        problems.append(f"the set has {len(primaries)} primaries, expected 1")
    lags = _lags(members, primaries)
    problems += [
        f"member {name} is {lag:.1f} s behind the primary, expected at most {max_lag_seconds:g} s"
        for name, lag in lags.items()
        if lag > max_lag_seconds
    ]
    longest = max(lags.values(), default=0.0)
    if len(members) == 1:
        sentence = f"a single node, replica set {status.get('set')}"
    else:
        sentence = f"{len(members)} members, the longest lag is {longest:.1f} s"
    return Replication(len(members), longest, tuple(problems), "; ".join(problems) or sentence)


def _lags(members: list[Mapping[str, Any]], primaries: list[Mapping[str, Any]]) -> dict[str, float]:
    """Return the time by which each secondary is behind the primary, in seconds, by name."""
    written = primaries[0].get("optimeDate") if primaries else None
    if not isinstance(written, datetime):
        return {}
    return {
        str(member.get("name")): (written - member["optimeDate"]).total_seconds()
        for member in members
        if member.get("state") == SECONDARY and isinstance(member.get("optimeDate"), datetime)
    }
