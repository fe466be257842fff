"""What the nights add up to: a sentence, a table, and the charts' figures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import numpy as np

from nightly.changes import change_points, slower_since
from nightly.compare import ratio
from nightly.history import Acknowledged, Figure
from nightly.rounds import BASELINE, BASELINE_AGAIN, CANARY, CANARY_AGAIN, Times

QUANTILES = {"p50": 0.5, "p95": 0.95}
# A busy machine stretches every difference between two releases, and with it the smallest
# difference that is felt; beyond this factor a difference is felt on any machine.
MAX_STRETCH = 4.0
# On a quiet machine the P95 of the steadiest operation is up to so many times its best.
QUIET = 1.5
# From this factor on, the table says that the machine was busy.
BUSY = 2.0


@dataclass(frozen=True, slots=True)
class Slower:
    """One figure that is worse than it should be.

    Args:
        figure: tonight's.
        since: the first slow night; None where only tonight's comparison says so.
        version: the release measured then.
        share: how much slower, as a share.
        against: what it is slower than.
    """

    figure: Figure
    since: date | None
    version: str
    share: float
    against: str

    def __str__(self) -> str:
        when = f" since {self.since} (version {self.version})" if self.since else " tonight"
        name = f"{self.figure.operation} {self.figure.quantile.upper()}"
        return f"{name} is {100 * self.share:.0f} % slower than {self.against}{when}"


@dataclass(frozen=True, slots=True)
class Night:
    """The state of the history.

    Args:
        tonight: the newest figures.
        slower: what got slower, worst first, and nobody has acknowledged.
        known: what got slower and somebody has acknowledged.
        series: the figures by operation and quantile, oldest first.
        missing: days between the first and the last that have no figures.
    """

    tonight: list[Figure]
    slower: list[Slower]
    known: list[tuple[Slower, Acknowledged]]
    series: dict[tuple[str, str], list[Figure]]
    missing: list[date]

    @property
    def sentence(self) -> str:
        """Did it get slower, where, since which version."""
        if not self.tonight:
            return "No night has been measured on this machine."
        worst = f"{self.slower[0]}" if self.slower else ""
        more = f", and {len(self.slower) - 1} more" if len(self.slower) > 1 else ""
        if worst:
            return f"It got slower: {worst}{more}."
        known = f"; {len(self.known)} known slowdowns go on" if self.known else ""
        version = self.tonight[0].version
        late = f"; nothing was measured since {self.tonight[0].night}" if self.missing[-1:] and \
            self.missing[-1] > self.tonight[0].night else ""  # fmt: skip
        return f"Nothing got slower: version {version}, {len(self.tonight)} figures{known}{late}."

    def is_missing(self, night: date) -> bool:
        """Whether a night has no figures, so that nothing can be said of it."""
        return not self.tonight or self.tonight[0].night != night

    def lines(self) -> list[str]:
        """The table as text."""
        return [
            f"{one.operation:<16}{one.quantile}  {1000 * one.seconds:8.1f} ms  {compared(one)}"
            for one in self.tonight
        ]

    def as_page(self, target: str, machine: str) -> dict[str, Any]:
        """What the page shows; JSON."""
        return {
            "title": f"Nightly performance of {target}",
            "sentence": self.sentence,
            "slower": bool(self.slower),
            "machine": machine,
            "night": str(self.tonight[0].night) if self.tonight else "",
            "findings": [str(one) for one in self.slower],
            "known": [
                f"{slower}: {one.why} ({one.who}, until {one.until})" for slower, one in self.known
            ],
            "missing": [str(one) for one in self.missing],
            "table": [
                {"operation": one.operation, "quantile": one.quantile.upper(),
                 "milliseconds": round(1000 * one.seconds, 1), "compared": compared(one),
                 "slower": any(one == slower.figure for slower in self.slower)}
                for one in self.tonight
            ],
            "charts": [
                {"name": f"{operation} {quantile.upper()}",
                 "points": [{"night": str(one.night), "day": (one.night - figures[0].night).days,
                             "milliseconds": 1000 * one.seconds, "version": one.version}
                            for one in figures],
                 "changes": change_points([one.seconds for one in figures])}
                for (operation, quantile), figures in self.series.items()
            ],
        }  # fmt: skip


def compared(figure: Figure) -> str:
    """A figure against the baseline's of the same night."""
    if figure.ratio is None or figure.at_least is None or figure.at_most is None:
        return "no baseline"
    noise = figure.noise or 0.0
    busy = f", busy machine x{figure.stretch:.1f}" if (figure.stretch or 0.0) >= BUSY else ""
    return (
        f"x{figure.ratio:.2f} of the baseline ({figure.at_least:.2f} to {figure.at_most:.2f}; "
        f"noise {100 * noise:.0f} %{busy})"
    )


def figures_of(times: Times, night: date, version: str, run: str) -> list[Figure]:
    """One night's measurement as figures of the canary."""
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
                    night=night, operation=operation, quantile=quantile, version=version,
                    seconds=float(np.quantile(np.asarray(canary), share)),
                    ratio=measured.value, at_least=measured.at_least, at_most=measured.at_most,
                    noise=max(again.at_most, 1 / again.at_least) - 1, run=run,
                    stretch=stretched, surely_more=measured.surely_more,
                )
            )  # fmt: skip
    return figures


def stretch(times: Times) -> float:
    """How many times as long the baseline's requests took as on a quiet machine, at least 1.

    The P95 of the steadiest operation is compared with its best: a busy machine slows all
    operations, and what slows only some of them is not the machine.
    """
    baselines = [np.asarray([*arms[BASELINE], *arms[BASELINE_AGAIN]]) for arms in times.values()]
    steadiest = min(float(np.quantile(one, 0.95) / one.min()) for one in baselines)
    return max(1.0, steadiest / QUIET)


def _together(first: list[list[float]], second: list[list[float]]) -> list[list[float]]:
    """Both visits of a round as one row."""
    return [[*one, *other] for one, other in zip(first, second, strict=True)]


def judged(
    figures: Sequence[Figure],
    acknowledged: Sequence[Acknowledged],
    limits: Mapping[str, float],
    today: date,
) -> Night:
    """What the history says.

    Args:
        figures: of all nights, oldest first.
        acknowledged: what somebody knows.
        limits: ``slower_than_baseline`` and ``slower_than_before``, as shares, and
            ``least_seconds``.
        today: the last night there should be.
    """
    series: dict[tuple[str, str], list[Figure]] = {}
    for one in figures:
        series.setdefault((one.operation, one.quantile), []).append(one)
    newest = max((one.night for one in figures), default=today)
    found = [slower for nights in series.values() for slower in _slower(nights, newest, limits)]
    found.sort(key=lambda one: -one.share)
    known = {(one.operation, one.quantile): one for one in acknowledged}
    names = [(one, known.get((one.figure.operation, one.figure.quantile))) for one in found]
    return Night(
        tonight=[nights[-1] for nights in series.values() if nights[-1].night == newest],
        slower=[one for one, somebody in names if somebody is None],
        known=[(one, somebody) for one, somebody in names if somebody],
        series=series,
        missing=_missing(sorted({one.night for one in figures}), today),
    )


def _slower(nights: list[Figure], newest: date, limits: Mapping[str, float]) -> list[Slower]:
    """What one figure says: against the nights before, and against the baseline of the night."""
    tonight = nights[-1]
    if tonight.night != newest:
        return []
    values = [one.seconds for one in nights]
    begun = slower_since(values, limits["slower_than_before"])
    if begun:
        return [Slower(tonight, nights[begun.at].night, nights[begun.at].version, begun.share,
                       "before")]  # fmt: skip
    if _slower_than_baseline(tonight, limits):
        return [Slower(tonight, None, tonight.version, (tonight.ratio or 1) - 1, "the baseline")]
    return []


def _slower_than_baseline(tonight: Figure, limits: Mapping[str, float]) -> bool:
    """Whether the comparison of the night shows a difference that is real and is felt.

    Real: the lower bound of the ratio is beyond the tolerance and beyond the noise. Felt: the lower
    bound of the difference is as long as the policy says; longer on a busy machine, which stretches
    it: the ratio of two healthy releases stays, while their difference in seconds grows.
    """
    if tonight.ratio is None or tonight.at_least is None or tonight.noise is None:
        return False
    surely_more = tonight.surely_more
    if surely_more is None:
        surely_more = tonight.seconds / tonight.ratio * (tonight.at_least - 1)
    felt = limits["least_seconds"] * min(tonight.stretch or 1.0, MAX_STRETCH)
    floor = 1 + max(limits["slower_than_baseline"], tonight.noise)
    return tonight.at_least > floor and surely_more >= felt


def _missing(nights: Sequence[date], today: date) -> list[date]:
    ends = [*nights, today + timedelta(days=1)] if nights else []
    return [
        before + timedelta(days=days)
        for before, after in pairwise(ends)
        for days in range(1, (after - before).days)
    ]
