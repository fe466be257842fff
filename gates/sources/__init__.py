"""Where measurements come from: one module a source, each with the same small face."""

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
            selector: a vector selector, without a range.
            window: how far back.
            at: seconds since the epoch.

        Returns:
            The samples; a failure of any kind is a sample set that says so.
        """


SOURCES: dict[str, Callable[[str], Source]] = {
    "prometheus": Prometheus,
}


def source_named(name: str, url: str) -> Source:
    """The source of this kind at an address.

    Raises:
        UnknownNameError: no such kind of source.
    """
    if name not in SOURCES:
        raise UnknownNameError("source", name, SOURCES, "gates.sources")
    return SOURCES[name](url)
