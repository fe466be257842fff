"""The duration of database commands, by the driver's own command monitoring."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from pymongo import MongoClient, monitoring

from suites.testdata.ownership import Shop


class Durations(monitoring.CommandListener):
    """Keeps the duration of the newest command in seconds, whether it succeeded or failed."""

    def __init__(self) -> None:
        self.newest = 0.0

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        """Do nothing: the duration is not known yet."""

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        """Keep the duration."""
        self.newest = event.duration_micros / 1e6

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        """Keep the duration."""
        self.newest = event.duration_micros / 1e6


@contextmanager
def timed_connection(uri: str) -> Generator[tuple[Shop, Durations]]:
    """A new connection, and the durations of its commands."""
    durations = Durations()
    with MongoClient[dict[str, Any]](
        uri, serverSelectionTimeoutMS=2000, event_listeners=[durations]
    ) as client:
        yield client.get_default_database(), durations
