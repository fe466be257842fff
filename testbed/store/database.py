"""The database connection, with every command's duration observed."""

from typing import Any

from pymongo import AsyncMongoClient, monitoring
from pymongo.asynchronous.database import AsyncDatabase

from testbed.store import metrics

# SecantusDB closes a connection that was idle for 300 s. The asynchronous driver pauses reading
# between commands, does not notice that, and fails the next command on the connection.
MAX_IDLE_MILLISECONDS = 60_000
POOL_LIMIT = 32

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


class _Pool(monitoring.ConnectionPoolListener):
    """Feeds ``db_pool_connections`` from the events of the driver's pool."""

    def __init__(self, deployment: str) -> None:
        self._deployment = deployment
        self._checked_out: dict[int, bool] = {}

    def connection_ready(self, event: monitoring.ConnectionReadyEvent) -> None:
        self._checked_out[event.connection_id] = False
        self._show()

    def connection_checked_out(self, event: monitoring.ConnectionCheckedOutEvent) -> None:
        self._change(event.connection_id, checked_out=True)

    def connection_checked_in(self, event: monitoring.ConnectionCheckedInEvent) -> None:
        self._change(event.connection_id, checked_out=False)

    def connection_closed(self, event: monitoring.ConnectionClosedEvent) -> None:
        self._checked_out.pop(event.connection_id, None)
        self._show()

    def _change(self, connection: int, *, checked_out: bool) -> None:
        """Note the state of a connection that is open."""
        if connection in self._checked_out:
            self._checked_out[connection] = checked_out
        self._show()

    def _show(self) -> None:
        checked_out = sum(self._checked_out.values())
        idle = len(self._checked_out) - checked_out
        metrics.set_pool(self._deployment, checked_out=checked_out, idle=idle)

    def connection_created(self, event: monitoring.ConnectionCreatedEvent) -> None:
        """The connection is not open yet."""

    def connection_check_out_started(
        self, event: monitoring.ConnectionCheckOutStartedEvent
    ) -> None:
        """No connection has changed yet."""

    def connection_check_out_failed(self, event: monitoring.ConnectionCheckOutFailedEvent) -> None:
        """No connection has changed."""

    def pool_created(self, event: monitoring.PoolCreatedEvent) -> None:
        """The pool has no connection yet."""

    def pool_ready(self, event: monitoring.PoolReadyEvent) -> None:
        """The pool has no connection yet."""

    def pool_cleared(self, event: monitoring.PoolClearedEvent) -> None:
        """Each connection of the pool is closed by an event of its own."""

    def pool_closed(self, event: monitoring.PoolClosedEvent) -> None:
        """Each connection of the pool is closed by an event of its own."""


def query_seconds(microseconds: int) -> float:
    return microseconds / 1e6


def connect(uri: str, deployment: str) -> Database:
    """The database of a URI; the pool closes idle connections before the database does."""
    metrics.set_pool_limit(deployment, POOL_LIMIT)
    client: AsyncMongoClient[Document] = AsyncMongoClient(
        uri,
        event_listeners=[_Timing(deployment), _Pool(deployment)],
        serverSelectionTimeoutMS=2000,
        tz_aware=True,
        maxPoolSize=POOL_LIMIT,
        maxIdleTimeMS=MAX_IDLE_MILLISECONDS,
    )
    return client.get_default_database()
