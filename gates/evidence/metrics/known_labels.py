"""Remembers the labels of a selector's series, and the window in which these labels are known."""

from dataclasses import dataclass
from math import inf

from gates.evidence.metrics.sample_memory import MAX_EARLIER_SECONDS, OVERLAP_SECONDS
from gates.evidence.metrics.series_identity import SeriesLabels

NO_LABELS = SeriesLabels(frozenset())


@dataclass(frozen=True, slots=True)
class KnownLabels:
    """The labels of the series of a selector between two moments.

    Args:
        labels: the labels.
        since: the labels are known from this moment on, seconds since the epoch.
        until: the labels are known up to this moment.
    """

    labels: SeriesLabels = NO_LABELS
    since: float = inf
    until: float = -inf

    def missing_seconds(self, seconds: float, at: float) -> float:
        """The length of the window that must be asked for; 0 where nothing must be asked for.

        Args:
            seconds: the length of the window that ends at the moment.
            at: the moment, seconds since the epoch.
        """
        begin = at - seconds
        if self.until > at or self.until < begin or self.since - begin > MAX_EARLIER_SECONDS:
            return seconds
        if self.until == at:
            return 0.0
        # A problem may have ended, so the whole window is compared again. Else the overlap may
        # begin before this window: a longer window has the same labels.
        return seconds if self.labels.problem else at - self.until + OVERLAP_SECONDS

    def with_more(self, labels: SeriesLabels, seconds: float, at: float) -> "KnownLabels":
        """The labels in a longer window.

        Args:
            labels: the labels in the window that was asked for. Labels with a problem do not add to
                labels without a problem, so that each problem is found again in its own window.
            seconds: the length of this window, which ends at the moment.
            at: the moment, seconds since the epoch.
        """
        since = at - seconds
        if labels.problem or self.labels.problem or self.until < since:
            return KnownLabels(labels, since, at)
        return KnownLabels(
            SeriesLabels(labels.names | self.labels.names), min(self.since, since), at
        )
