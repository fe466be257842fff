"""The store's health answer: whether the store works, and which build it is."""

from pymongo.errors import PyMongoError

from testbed.store import metrics
from testbed.store.context import Context, Reply, only
from testbed.store.settings import Settings


async def health(context: Context) -> Reply:
    """``GET /api/health``: 200 when everything it depends on answers, else 503."""
    only(context.query)
    dependencies = {"database": await database_state(context)}
    for name, state in dependencies.items():
        metrics.set_dependency(context.settings.deployment, name, up=state == "up")
    healthy = all(state == "up" for state in dependencies.values())
    body = {
        "status": "ok" if healthy else "degraded",
        **build(context.settings),
        "schema_version": await schema_version(context) if healthy else 0,
        "dependencies": dependencies,
    }
    return Reply(200 if healthy else 503, body)


def build(settings: Settings) -> dict[str, str]:
    """Which build this is."""
    release = settings.release
    return {
        "release": release.name,
        "version": release.version,
        "digest": release.digest,
        "deployment": settings.deployment,
    }


async def database_state(context: Context) -> str:
    try:
        await context.db.command("ping")
    except PyMongoError:
        return "down"
    return "up"


async def schema_version(context: Context) -> int:
    """The newest migration of the database."""
    newest = await context.db.migrations.find_one({}, sort=[("version", -1)])
    return int(newest["version"]) if newest else 0
