"""Defects of health, metrics and the frontend's files."""

from collections.abc import Mapping

from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from starlette.exceptions import HTTPException

from testbed.store import app, metrics
from testbed.store.context import Context
from testbed.store.metrics import REGISTRY
from testbed.store.settings import Settings

COUNT_CACHE = metrics.count_cache


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
