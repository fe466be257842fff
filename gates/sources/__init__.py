"""Sources of measurements: one module for each kind, all with the same interface."""

from collections.abc import Callable
from datetime import timedelta
from typing import Protocol

from gates.errors import UnknownNameError
from gates.model import Access, SampleSet
from gates.sources.prometheus import Prometheus


class Source(Protocol):
    """Answers queries; each answer is the samples, or the problem of a failed query."""

    @property
    def url(self) -> str:
        """The address of the source."""

    def samples(self, selector: str, window: timedelta, at: float) -> SampleSet:
        """The raw samples of an instant vector selector in the window before a moment."""

    def values(self, expression: str, window: timedelta, step: float, at: float) -> SampleSet:
        """The values of an expression in the window before a moment, at every ``step`` seconds."""

    def label_names(self, selector: str, window: timedelta, at: float) -> frozenset[str] | None:
        """The labels of the series in the window before a moment; None where unknown."""


SOURCES: dict[str, Callable[[str, Access], Source]] = {
    "prometheus": Prometheus,
}


def source_named(name: str, url: str, access: Access) -> Source:
    """A source of a kind.

    Args:
        name: the kind.
        url: the address, without a trailing slash.
        access: log-in, certificates and the time limit of one query.

    Raises:
        UnknownNameError: there is no such kind of source.
    """
    if name not in SOURCES:
        raise UnknownNameError("source", name, SOURCES, "gates.sources")
    return SOURCES[name](url, access)
