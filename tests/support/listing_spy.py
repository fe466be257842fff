"""A pytest plugin that notes when a run puts products on sale and takes them off again.

Used by ``observed_run``, which sets LISTINGS_FILE.
It reads the database commands, so that no way of writing a product escapes it.
"""

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
from pymongo import monitoring

EVENTS: list[dict[str, Any]] = []


class _Commands(monitoring.CommandListener):
    def started(self, event: monitoring.CommandStartedEvent) -> None:
        command = dict(event.command)
        written = [*command.get("documents", []), *command.get("updates", [])]
        if command.get(event.command_name) != "products" or not written:
            return
        text = json.dumps(written, default=str)
        for visibility in ("listed", "unlisted"):
            if f'"visibility": "{visibility}"' in text:
                test = os.environ.get("PYTEST_CURRENT_TEST", "").split(" ")[0]
                EVENTS.append(
                    {
                        "command": event.command_name,
                        "visibility": visibility,
                        "test": test,
                        "at": time.monotonic(),
                    }
                )

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        """Nothing: a command counts from its start."""

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        """Nothing: a command counts from its start."""


monitoring.register(_Commands())


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write the events of this process down, a line each; workers share the file."""
    del session
    with Path(os.environ["LISTINGS_FILE"]).open("a") as file:
        file.writelines(f"{json.dumps(event)}\n" for event in EVENTS)
