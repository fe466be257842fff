"""The duration of database commands, by the driver's own command monitoring."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from pymongo import MongoClient, monitoring
from pymongo.database import Database


class Durations(monitoring.CommandListener):
    """Keeps the seconds that the newest command took, whether it succeeded or not."""

    def __init__(self) -> None:
        self.newest = 0.0

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        """Nothing to note yet."""

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        """Note how long it took."""
        self.newest = event.duration_micros / 1e6

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        """Note how long it took."""
        self.newest = event.duration_micros / 1e6


@contextmanager
def watched(uri: str) -> Generator[tuple[Database[dict[str, Any]], Durations]]:
    """A connection of our own whose commands are timed."""
    durations = Durations()
    with MongoClient[dict[str, Any]](
        uri, serverSelectionTimeoutMS=2000, event_listeners=[durations]
    ) as client:
        yield client.get_default_database(), durations
