"""Requests the build of a store from its health address, and the metrics from its Prometheus."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from gates.model import Access, Measured, ServedBuild
from gates.model.selector import quoted
from gates.sources import health, series_names
from gates.sources.http import get
from gates.sources.series_names import Labels

HEALTH_PATHS = ("", "/api/health", "/health", "/healthz")
MAX_HEALTH_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class HealthAnswer:
    """The response of a health address of a store.

    Args:
        url: the health address.
        served: the build that the response names, or the problem of the request.
    """

    url: str
    served: ServedBuild

    @property
    def is_known(self) -> bool:
        """Whether the response names a build."""
        return self.served.measured is Measured.OK


def health_of(url: str, access: Access) -> HealthAnswer:
    """Ask the usual health addresses of a store one by one, until a response names a build.

    Args:
        url: the address of the store, without a trailing slash.
        access: log-in, certificates and the time limit.

    Returns:
        The response that names a build; if none does, a response with its problem.
    """
    answers = []
    for path in HEALTH_PATHS:
        address = f"{url}{path}"
        answer = get(address, access, max_bytes=MAX_HEALTH_BYTES)
        if answer.problem:
            served = ServedBuild(Measured.ERROR, 0, None, "", address, answer.problem)
        else:
            served = health.parse(address, answer.status, answer.body)
        if served.measured is Measured.OK:
            return HealthAnswer(address, served)
        answers.append(HealthAnswer(address, served))
        if answer.problem and not answer.status:
            break
    # The usual address is shown where no address names a build.
    return answers[1] if len(answers) > 1 else answers[0]


@dataclass(slots=True)
class Metrics:
    """The metrics of a Prometheus; the time series of a metric are read once, when needed.

    Args:
        url: the address of Prometheus, without a trailing slash.
        access: log-in, certificates and the time limit.
        names: the names of all metrics.
        problem: why the names or time series are not known; empty where no request failed.
    """

    url: str
    access: Access
    names: frozenset[str] = frozenset()
    problem: str = ""
    _series: dict[str, tuple[Labels, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, url: str, access: Access) -> "Metrics":
        """Ask a Prometheus for the names of its metrics."""
        listing = series_names.metric_names(url, access)
        return cls(url, access, listing.names, listing.problem)

    def series(self, name: str) -> tuple[Labels, ...]:
        """Return the labels of each recent time series of a metric; empty without a response."""
        if name not in self.names:
            return ()
        if name not in self._series:
            selector = f"{{__name__={quoted(name)}}}"
            listing = series_names.recent_series(self.url, self.access, selector)
            self.problem = self.problem or listing.problem
            self._series[name] = listing.series
        return self._series[name]

    def values(self, name: str) -> Mapping[str, frozenset[str]]:
        """Return the label values that a metric has, keyed by the name of the label."""
        by_label: dict[str, set[str]] = {}
        for labels in self.series(name):
            for label, value in labels.items():
                by_label.setdefault(label, set()).add(value)
        return {label: frozenset(values) for label, values in by_label.items()}
