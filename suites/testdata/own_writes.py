"""Counts the writing commands of a database connection with the driver's command monitoring."""

from pymongo import monitoring

WRITING = frozenset({"insert", "update", "delete", "findAndModify", "drop", "bulkWrite"})


class WriteCounter(monitoring.CommandListener):
    """Counts the writing commands that were sent, whether they succeeded or failed."""

    def __init__(self) -> None:
        self.count = 0

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        """Count the command if the command writes."""
        self.count += event.command_name in WRITING

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        """Do nothing: the command is counted already."""

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        """Do nothing: the command is counted already."""
