"""Judges the nights: finds the operations that got slower, and fills the nightly page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise

import numpy as np

from nightly.changes import change_points, slower_since
from nightly.compare import ratio
from nightly.history import Acknowledgement, Figure
from nightly.rounds import BASELINE, BASELINE_AGAIN, CANARY, CANARY_AGAIN, Times
from reports.nightly import FigureRow, NightlyPage, TrendChart, TrendPoint

QUANTILES = {"p50": 0.5, "p95": 0.95}
# A busy machine makes every difference between two releases longer. So the smallest relevant
# difference is longer there, too, by at most this factor.
MAX_STRETCH = 4.0
# The maximum P95 of the steadiest operation on a quiet machine, as a multiple of its shortest time.
QUIET_FACTOR = 1.5
# From this factor on, the table says that the machine was busy.
BUSY_FACTOR = 2.0


@dataclass(frozen=True, slots=True)
class Slowdown:
    """A slowdown of one operation at one quantile.

    Args:
        figure: the figure of the newest night.
        since: the first slow night; None where only the newest night is slower than its baseline.
        version: the version that was measured in the first slow night.
        share: the slowdown as a share; 0.2 means 20 % slower.
        against: what the figure is compared with: ``before`` or ``the baseline``.
    """

    figure: Figure
    since: date | None
    version: str
    share: float
    against: str

    def __str__(self) -> str:
        when = f", since {self.since} (version {self.version})" if self.since else " tonight"
        name = f"{self.figure.operation} {self.figure.quantile.upper()}"
        return f"{name} is {100 * self.share:.0f} % slower than {self.against}{when}"


@dataclass(frozen=True, slots=True)
class Night:
    """The result of the comparison of all nights.

    Args:
        tonight: the figures of the newest night.
        slower: the slowdowns that are not acknowledged; the worst comes first.
        known: the acknowledged slowdowns, each with its acknowledgement.
        series: the figures of all nights, keyed by operation and quantile, oldest first.
        missing: the days between the first night and today that have no figures.
    """

    tonight: list[Figure]
    slower: list[Slowdown]
    known: list[tuple[Slowdown, Acknowledgement]]
    series: dict[tuple[str, str], list[Figure]]
    missing: list[date]

    @property
    def sentence(self) -> str:
        """A sentence that tells whether an operation got slower, and since which version."""
        if not self.tonight:
            return "No night has been measured on this machine."
        worst = f"{self.slower[0]}" if self.slower else ""
        more = f", and {len(self.slower) - 1} more slowdowns" if len(self.slower) > 1 else ""
        if worst:
            return f"The release got slower: {worst}{more}."
        known = f"; {len(self.known)} known slowdowns go on" if self.known else ""
        version = self.tonight[0].version
        newest = self.tonight[0].night
        is_late = bool(self.missing) and self.missing[-1] > newest
        late = f"; nothing was measured since {newest}" if is_late else ""
        return f"Nothing got slower: version {version}, {len(self.tonight)} figures{known}{late}."

    def is_missing(self, night: date) -> bool:
        """Whether the newest figures are not of the given night; also true without figures."""
        return not self.tonight or self.tonight[0].night != night

    def lines(self) -> list[str]:
        """Write the figures of the newest night as lines of text."""
        return [
            f"{figure.operation:<16}{figure.quantile}  {1000 * figure.seconds:8.1f} ms  "
            f"{compared(figure)}"
            for figure in self.tonight
        ]

    def as_page(self, target: str, machine: str) -> NightlyPage:
        """Write the content of the nightly page.

        Args:
            target: the name of the target.
            machine: the machine that measured.
        """
        acknowledged = [
            f"{slower}: {known.why} ({known.who}, until {known.until})"
            for slower, known in self.known
        ]
        return NightlyPage(
            title=f"Nightly performance of {target}",
            sentence=self.sentence,
            is_slower=bool(self.slower),
            machine=machine,
            night=str(self.tonight[0].night) if self.tonight else "",
            slower=tuple(str(slower) for slower in self.slower),
            acknowledged=tuple(acknowledged),
            missing=tuple(str(night) for night in self.missing),
            table=tuple(self._row(figure) for figure in self.tonight),
            charts=tuple(
                _chart(f"{operation} {quantile.upper()}", figures)
                for (operation, quantile), figures in self.series.items()
            ),
        )

    def _row(self, figure: Figure) -> FigureRow:
        return FigureRow(
            operation=figure.operation,
            quantile=figure.quantile.upper(),
            milliseconds=round(1000 * figure.seconds, 1),
            comparison=compared(figure),
            is_slower=any(figure == slower.figure for slower in self.slower),
        )


def _chart(name: str, figures: Sequence[Figure]) -> TrendChart:
    """Create the chart of one operation and quantile."""
    points = tuple(
        TrendPoint(
            night=str(figure.night),
            day=(figure.night - figures[0].night).days,
            milliseconds=1000 * figure.seconds,
            version=figure.version,
        )
        for figure in figures
    )
    changes = tuple(change_points([figure.seconds for figure in figures]))
    return TrendChart(name, points, changes)


def compared(figure: Figure) -> str:
    """Write the comparison of a figure with the baseline of the same night as text."""
    if figure.ratio is None or figure.at_least is None or figure.at_most is None:
        return "no baseline"
    noise = figure.noise or 0.0
    is_busy = (figure.stretch or 0.0) >= BUSY_FACTOR
    busy = f", busy machine: requests took {figure.stretch:.1f} times as long" if is_busy else ""
    return (
        f"{figure.ratio:.2f} times the baseline (95 % interval {figure.at_least:.2f} to "
        f"{figure.at_most:.2f}; two measurements of the baseline differ by up to "
        f"{100 * noise:.0f} %{busy})"
    )


def figures_of(times: Times, night: date, version: str, run: str) -> list[Figure]:
    """Compute the figures of the canary from the response times of one night.

    Args:
        times: the response times by operation and arm.
        night: the date of the night.
        version: the version of the canary.
        run: the id of the run.
    """
    figures = []
    stretched = stretch(times)
    for operation, arms in times.items():
        canary = _together(arms[CANARY], arms[CANARY_AGAIN])
        baseline = _together(arms[BASELINE], arms[BASELINE_AGAIN])
        for quantile, share in QUANTILES.items():
            measured = ratio(canary, baseline, share)
            again = ratio(arms[BASELINE_AGAIN], arms[BASELINE], share)
            figures.append(
                Figure(
                    night=night,
                    operation=operation,
                    quantile=quantile,
                    version=version,
                    seconds=float(np.quantile(np.asarray(canary), share)),
                    ratio=measured.value,
                    at_least=measured.at_least,
                    at_most=measured.at_most,
                    noise=max(again.at_most, 1 / again.at_least) - 1,
                    run=run,
                    stretch=stretched,
                    surely_more=measured.surely_more,
                )
            )
    return figures


def stretch(times: Times) -> float:
    """Estimate the factor, at least 1, by which a busy machine made all requests longer.

    For the baseline's steadiest operation, the P95 is compared with the shortest time. A busy
    machine makes all operations slower; a slow release makes only some operations slower.

    Args:
        times: the response times of one night by operation and arm.
    """
    baselines = [np.asarray([*arms[BASELINE], *arms[BASELINE_AGAIN]]) for arms in times.values()]
    steadiest = min(
        float(np.quantile(seconds, QUANTILES["p95"]) / seconds.min()) for seconds in baselines
    )
    return max(1.0, steadiest / QUIET_FACTOR)


def _together(first: list[list[float]], second: list[list[float]]) -> list[list[float]]:
    """Join the times of a colour's two arms, as one row for each round."""
    return [[*row, *row_again] for row, row_again in zip(first, second, strict=True)]


def judge_nights(
    figures: Sequence[Figure],
    acknowledged: Sequence[Acknowledgement],
    limits: Mapping[str, float],
    today: date,
) -> Night:
    """Compare the newest night with the nights before and with the night's baseline.

    Args:
        figures: the figures of all nights, oldest first.
        acknowledged: the acknowledged slowdowns.
        limits: ``slower_than_baseline`` and ``slower_than_before``, as shares, and
            ``least_seconds``, the smallest relevant difference.
        today: the last day that should have figures.

    Returns:
        The slowdowns of the newest night, and the figures of all nights.
    """
    series: dict[tuple[str, str], list[Figure]] = {}
    for figure in figures:
        series.setdefault((figure.operation, figure.quantile), []).append(figure)
    newest = max((figure.night for figure in figures), default=today)
    slowdowns = [
        slowdown for nights in series.values() for slowdown in _slowdowns(nights, newest, limits)
    ]
    slowdowns.sort(key=lambda slowdown: -slowdown.share)
    by_series = {(known.operation, known.quantile): known for known in acknowledged}
    pairs = [
        (slowdown, by_series.get((slowdown.figure.operation, slowdown.figure.quantile)))
        for slowdown in slowdowns
    ]
    return Night(
        tonight=[nights[-1] for nights in series.values() if nights[-1].night == newest],
        slower=[slowdown for slowdown, acknowledgement in pairs if acknowledgement is None],
        known=[
            (slowdown, acknowledgement) for slowdown, acknowledgement in pairs if acknowledgement
        ],
        series=series,
        missing=_missing(sorted({figure.night for figure in figures}), today),
    )


def _slowdowns(nights: list[Figure], newest: date, limits: Mapping[str, float]) -> list[Slowdown]:
    """Find the slowdown of a series: against the nights before, or else against the baseline."""
    tonight = nights[-1]
    if tonight.night != newest:
        return []
    values = [figure.seconds for figure in nights]
    step = slower_since(values, limits["slower_than_before"])
    if step:
        first = nights[step.at]
        return [Slowdown(tonight, first.night, first.version, step.share, "before")]
    if _slower_than_baseline(tonight, limits):
        share = (tonight.ratio or 1) - 1
        return [Slowdown(tonight, None, tonight.version, share, "the baseline")]
    return []


def _slower_than_baseline(tonight: Figure, limits: Mapping[str, float]) -> bool:
    """Whether the comparison of the night shows a real and relevant difference.

    A difference is real when the lower bound of the ratio is beyond the tolerance and beyond the
    noise. A difference is relevant when its lower bound reaches the limit of the policy. On a busy
    machine the limit is higher: the ratio of two healthy releases stays the same there, while
    their difference in seconds grows.
    """
    if tonight.ratio is None or tonight.at_least is None or tonight.noise is None:
        return False
    surely_more = tonight.surely_more
    if surely_more is None:
        surely_more = tonight.seconds / tonight.ratio * (tonight.at_least - 1)
    relevant = limits["least_seconds"] * min(tonight.stretch or 1.0, MAX_STRETCH)
    floor = 1 + max(limits["slower_than_baseline"], tonight.noise)
    return tonight.at_least > floor and surely_more >= relevant


def _missing(nights: Sequence[date], today: date) -> list[date]:
    ends = [*nights, today + timedelta(days=1)] if nights else []
    return [
        before + timedelta(days=days)
        for before, after in pairwise(ends)
        for days in range(1, (after - before).days)
    ]
