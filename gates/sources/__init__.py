"""Sources of metrics: one module for each kind of source; all have the interface ``Source``."""

from collections.abc import Callable
from datetime import timedelta
from typing import Protocol

from gates.errors import UnknownNameError
from gates.model import Access, SampleSet
from gates.sources.prometheus import Prometheus


class Source(Protocol):
    """A source of metrics: it returns the samples of a query, or the problem of a failed query."""

    @property
    def url(self) -> str:
        """The URL of the source, without a trailing slash."""

    def samples(self, selector: str, window: timedelta, at: float) -> SampleSet:
        """Return the stored samples that match a selector, in the window that ends at ``at``."""

    def values(self, expression: str, window: timedelta, step: float, at: float) -> SampleSet:
        """Return an expression's value every ``step`` seconds in the window that ends at ``at``."""

    def label_names(self, selector: str, window: timedelta, at: float) -> frozenset[str] | None:
        """Return the label names in the window that ends at ``at``; None if unknown."""


SOURCES: dict[str, Callable[[str, Access], Source]] = {
    "prometheus": Prometheus,
}


def source_named(name: str, url: str, access: Access) -> Source:
    """Create a source of metrics.

    Args:
        name: the kind of the source, such as ``prometheus``.
        url: the URL of the source, without a trailing slash.
        access: log-in, certificates and the time limit of one query.

    Raises:
        UnknownNameError: there is no such kind of source.
    """
    if name not in SOURCES:
        raise UnknownNameError("source", name, SOURCES, "gates.sources")
    return SOURCES[name](url, access)
