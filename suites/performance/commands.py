"""Measures the duration of database commands with the command monitoring of the driver."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from pymongo import MongoClient, monitoring

from suites.testdata.ownership import Shop


class Durations(monitoring.CommandListener):
    """Records the duration of the newest command in seconds, whether it succeeded or failed."""

    def __init__(self) -> None:
        self.newest = 0.0

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        """Do nothing: the duration of the command is not known yet."""

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        """Record the duration of a command that succeeded."""
        self.newest = event.duration_micros / 1e6

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        """Record the duration of a command that failed."""
        self.newest = event.duration_micros / 1e6


@contextmanager
def timed_connection(uri: str) -> Generator[tuple[Shop, Durations]]:
    """Open a new connection whose commands are timed, and close the connection at the end.

    Args:
        uri: the address of the database.

    Yields:
        The database, and the durations of the commands.
    """
    durations = Durations()
    with MongoClient[dict[str, Any]](
        uri, serverSelectionTimeoutMS=2000, event_listeners=[durations]
    ) as client:
        yield client.get_default_database(), durations
