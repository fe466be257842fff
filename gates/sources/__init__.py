"""Sources of measurements: one module for each kind, all with the same interface."""

from collections.abc import Callable
from datetime import timedelta
from typing import Protocol

from gates.errors import UnknownNameError
from gates.model import SampleSet
from gates.sources.prometheus import Prometheus


class Source(Protocol):
    """Answers range selectors with raw samples."""

    def samples(self, selector: str, window: timedelta, at: float) -> SampleSet:
        """The raw samples of a selector in the window before a moment.

        Args:
            selector: an instant vector selector.
            window: the length of the window that ends at the moment.
            at: the moment, in seconds since the epoch.

        Returns:
            The samples, or the problem of a failed query.
        """


SOURCES: dict[str, Callable[[str], Source]] = {
    "prometheus": Prometheus,
}


def source_named(name: str, url: str) -> Source:
    """A source of a kind.

    Args:
        name: the kind.
        url: the address, without a trailing slash.

    Raises:
        UnknownNameError: there is no such kind of source.
    """
    if name not in SOURCES:
        raise UnknownNameError("source", name, SOURCES, "gates.sources")
    return SOURCES[name](url)
