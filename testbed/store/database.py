"""The database connection, with every command's duration observed."""

from typing import Any

from pymongo import AsyncMongoClient, monitoring
from pymongo.asynchronous.database import AsyncDatabase

from testbed.store import metrics

# SecantusDB closes a connection that was idle for 300 s. The asynchronous driver pauses reading
# between commands, does not notice that, and fails the next command on the connection.
MAX_IDLE_MILLISECONDS = 60_000

Document = dict[str, Any]
Database = AsyncDatabase[Document]


class _Timing(monitoring.CommandListener):
    """Feeds ``db_query_duration_seconds`` from the driver's own clock."""

    def __init__(self, deployment: str) -> None:
        self._deployment = deployment

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        pass

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        metrics.observe_query(
            self._deployment, event.command_name, query_seconds(event.duration_micros)
        )

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        metrics.observe_query(
            self._deployment, event.command_name, query_seconds(event.duration_micros)
        )


def query_seconds(microseconds: int) -> float:
    return microseconds / 1e6


def connect(uri: str, deployment: str) -> Database:
    """The database of a URI; the pool closes idle connections before the database does."""
    client: AsyncMongoClient[Document] = AsyncMongoClient(
        uri,
        event_listeners=[_Timing(deployment)],
        serverSelectionTimeoutMS=2000,
        tz_aware=True,
        maxPoolSize=32,
        maxIdleTimeMS=MAX_IDLE_MILLISECONDS,
    )
    return client.get_default_database()
