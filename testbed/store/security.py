"""The security log: refusals, with user and time; entries are only added. And the log-in lock."""

import math
from datetime import timedelta

from testbed.store import tokens
from testbed.store.context import Context, new_id, now
from testbed.store.database import Database, Document
from testbed.store.errors import Refused

MAX_FAILURES = 10
FAILURES_WINDOW = timedelta(minutes=15)


async def record(db: Database, event: str, **details: str) -> None:
    """Add one entry; details never hold what was sent as a password, code or token."""
    await db.security_events.insert_one(
        {"_id": new_id("sec"), "at": now(), "event": event, **details}
    )


def login_subject(identifier: str, user: Document | None) -> str:
    """The user of a log-in; an unknown name is not written into the log."""
    return str(user["_id"]) if user else f"unknown:{tokens.digest(identifier.lower())[:16]}"


async def refuse_guessing(context: Context, subject: str) -> None:
    """429 after MAX_FAILURES wrong passwords within FAILURES_WINDOW, known user or not."""
    since = now() - FAILURES_WINDOW
    failures = context.db.security_events.find(
        {"subject": subject, "event": "login_failed", "at": {"$gt": since}}
    ).sort("at", -1)
    times = [failure["at"] async for failure in failures.limit(MAX_FAILURES)]
    if len(times) >= MAX_FAILURES:
        wait = (times[-1] + FAILURES_WINDOW - now()).total_seconds()
        headers = {"Retry-After": str(max(1, math.ceil(wait)))}
        raise Refused(429, "locked", "Too many wrong passwords; try again later.", headers)
