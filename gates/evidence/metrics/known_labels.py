"""Remembers the labels of a selector's time series, and the window in which they are known."""

from dataclasses import dataclass
from math import inf

from gates.evidence.metrics.sample_memory import MAX_EARLIER_SECONDS, OVERLAP_SECONDS
from gates.evidence.metrics.series_identity import SeriesLabels

NO_LABELS = SeriesLabels(frozenset())


@dataclass(frozen=True, slots=True)
class KnownLabels:
    """The labels of the time series of a selector between two moments.

    Args:
        labels: the names of the labels, or why the time series cannot be added up.
        since: the labels are known from this moment on, seconds since the epoch.
        until: the labels are known up to this moment.
    """

    labels: SeriesLabels = NO_LABELS
    since: float = inf
    until: float = -inf

    def missing_seconds(self, seconds: float, at: float) -> float:
        """Return the length of the window to query before ``at``, in seconds; 0 if none is needed.

        Args:
            seconds: the length of the needed window, which ends at ``at``.
            at: the end of the needed window, seconds since the epoch.
        """
        begin = at - seconds
        if self.until > at or self.until < begin or self.since - begin > MAX_EARLIER_SECONDS:
            return seconds
        if self.until == at:
            return 0.0
        # After a problem, the whole window is compared again, because the problem may have ended.
        # Without a problem, the overlap may begin before the window: the labels are the same.
        return seconds if self.labels.problem else at - self.until + OVERLAP_SECONDS

    def with_more(self, labels: SeriesLabels, seconds: float, at: float) -> "KnownLabels":
        """Return the known labels together with the labels of a further window.

        The result has only the further labels if the known labels or the further labels have a
        problem, or if there is a gap between the two windows.

        Args:
            labels: the labels in the further window.
            seconds: the length of the further window, which ends at ``at``.
            at: the end of the further window, seconds since the epoch.
        """
        since = at - seconds
        if labels.problem or self.labels.problem or self.until < since:
            return KnownLabels(labels, since, at)
        return KnownLabels(
            SeriesLabels(labels.names | self.labels.names), min(self.since, since), at
        )
