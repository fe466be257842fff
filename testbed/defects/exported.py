"""Defects of what others read: metrics, the log, and the identifiers that are handed out."""

import logging
import time

from testbed.store import metrics, sessions, twofa
from testbed.store.context import Context, Reply, Store
from testbed.store.database import Document
from testbed.store.errors import MAX_MESSAGE, Refused

LOG = logging.getLogger("kirana")
OBSERVE, POINTS, PAYMENT, VALUE = (
    metrics.observe_request,
    metrics.count_points,
    metrics.count_payment,
    metrics.count_order_value,
)
OPEN_SESSION, SEND_SMS = sessions.open_session, twofa.send_sms
OK, CREATED, TOO_MANY = 200, 201, 429


def created_counted_as_ok(labels: tuple[str, str, str, int, str], seconds: float) -> None:
    deployment, route, method, status, traffic = labels
    OBSERVE((deployment, route, method, OK if status == CREATED else status, traffic), seconds)


def limits_counted_as_errors(labels: tuple[str, str, str, int, str], seconds: float) -> None:
    OBSERVE(labels, seconds)
    deployment, route, method, status, traffic = labels
    if status == TOO_MANY:
        metrics._errors.labels(deployment, route, method, str(status), traffic).inc()  # noqa: SLF001 - a defect reaches inside


def error_with_ellipsis(refusal: Refused) -> Reply:
    cut = len(refusal.message) >= MAX_MESSAGE
    return Reply(
        refusal.status, {"error": {"code": refusal.code, "message": refusal.message + "…" * cut}}
    )


def points_counted_twice(deployment: str, points: int) -> None:
    POINTS(deployment, 2 * points)


def auth_failure_uncounted(deployment: str) -> None:
    del deployment


def declined_counted_as_failed(deployment: str, status: str, traffic: str) -> None:
    PAYMENT(deployment, "failed" if status == "declined" else status, traffic)


def value_in_rupees(deployment: str, traffic: str, paise: int) -> None:
    VALUE(deployment, traffic, paise // 100)


async def send_sms_and_log_it(context: Context) -> Reply:
    reply = await SEND_SMS(context)
    message = await context.db.sms_outbox.find_one(
        {"user_id": context.user["_id"]}, sort=[("at", -1)]
    )
    LOG.warning("sent to %s: %s", context.user["_id"], (message or {}).get("text"))
    return reply


async def open_session_and_log_it(store: Store, user: Document) -> dict[str, object]:
    session = await OPEN_SESSION(store, user)
    LOG.warning("session of %s: %s", user["_id"], session["refresh_token"])
    return session


def id_of_the_time(prefix: str) -> str:
    return f"{prefix}_{time.time_ns():032x}"


def refresh_token_of_the_time() -> str:
    return f"{time.time_ns():043d}"
