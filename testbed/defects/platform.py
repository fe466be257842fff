"""Defects of health, metrics and the frontend's files."""

import time
from collections.abc import Mapping

from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from starlette.exceptions import HTTPException

from testbed.store import app, metrics
from testbed.store.context import Context
from testbed.store.metrics import REGISTRY
from testbed.store.settings import Settings

COUNT_CACHE = metrics.count_cache
CLOCK = {"began": 0.0, "read": 0.0}
CLOCK_FORGOTTEN_SECONDS = 5
CLOCK_AHEAD_SECONDS = 3


async def database_down(context: Context) -> str:
    return f"down since {context.settings.deployment} started"[:4]


def older_build(settings: Settings) -> dict[str, str]:
    return {
        "release": settings.release.name,
        "version": "4.9.9",
        "digest": "sha256:00000000000000000000000000000000",
        "deployment": settings.deployment,
    }


async def schema_before_migration(context: Context) -> int:
    newest = await context.db.migrations.find_one({}, sort=[("version", -1)])
    return int(newest["version"]) - 1 if newest else 0


def page_with_broken_script(path: str, query: Mapping[str, str]) -> bytes:
    del query
    return b"window.shop.start();" if path == "/app.js" else _file(path)


def page_without_search(path: str, query: Mapping[str, str]) -> bytes:
    del query
    return _file(path).replace(b'search(byId("q").value.trim())', b'search("")')


def _file(path: str) -> bytes:
    return (app.FRONTEND / app.PAGES[path][0]).read_bytes()


def exposition_without_payments() -> tuple[bytes, str]:
    text = generate_latest(REGISTRY).decode()
    kept = [line for line in text.splitlines(keepends=True) if "payments_total" not in line]
    return "".join(kept).encode(), CONTENT_TYPE_LATEST


def observe_nothing(labels: tuple[str, str, str, int, str], seconds: float) -> None:
    del labels, seconds


def other_deployment(settings: Settings) -> dict[str, str]:
    return {
        "release": settings.release.name,
        "version": settings.release.version,
        "digest": settings.release.digest,
        "deployment": "canary",
    }


def rebuilt(settings: Settings) -> dict[str, str]:
    return {
        "release": settings.release.name,
        "version": settings.release.version,
        "digest": "sha256:" + settings.release.digest[:6:-1],
        "deployment": settings.deployment,
    }


def page_without_style(path: str, query: Mapping[str, str]) -> bytes:
    del query
    if path == "/style.css":
        raise HTTPException(404)
    return _file(path)


def exposition_of_another_deployment() -> tuple[bytes, str]:
    text = generate_latest(REGISTRY).decode()
    relabelled = text.replace('deployment="green"', 'deployment="canary"')
    return relabelled.encode(), CONTENT_TYPE_LATEST


def a_third_of_a_second_more(microseconds: int) -> float:
    return microseconds / 1e6 + 0.3


def observe_no_query(deployment: str, command: str, seconds: float) -> None:
    del deployment, command, seconds


def count_a_miss(deployment: str, *, hit: bool) -> None:
    del hit
    COUNT_CACHE(deployment, hit=False)


def exposition_refused() -> tuple[bytes, str]:
    raise HTTPException(503)


def exposition_of_a_slow_clock() -> tuple[bytes, str]:
    """Every sample carries the time of a clock that runs at a tenth of its speed.

    The clock begins a few seconds ahead: Prometheus refuses a sample that is older than the end of
    its series, which is written when samples begin to carry times.
    """
    now = time.time()
    if now - CLOCK["read"] > CLOCK_FORGOTTEN_SECONDS:
        CLOCK["began"] = now
    CLOCK["read"] = now
    moment = CLOCK["began"] + CLOCK_AHEAD_SECONDS + (now - CLOCK["began"]) / 10
    lines = generate_latest(REGISTRY).decode().splitlines()
    dated = [line if line.startswith("#") else f"{line} {moment * 1000:.0f}" for line in lines]
    return "\n".join([*dated, ""]).encode(), CONTENT_TYPE_LATEST
