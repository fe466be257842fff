"""What was seen: the build that is served, metric samples, and the records of runs."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple

from gates.model.decision import Measured
from gates.model.load_run import LoadRun
from gates.model.run import LostRun, Run
from gates.model.scrape import Move
from gates.model.target import Build, Target


class Sample(NamedTuple):
    """One raw sample: seconds since the epoch, and the value; there are many, so it is a tuple."""

    at: float
    value: float


@dataclass(frozen=True, slots=True)
class Series:
    """The raw samples of one series, oldest first."""

    labels: Mapping[str, str]
    samples: tuple[Sample, ...]


@dataclass(frozen=True, slots=True)
class SampleSet:
    """The answer to one range selector.

    Args:
        query: the range selector as sent.
        source: where it was sent.
        window: how far back it reaches.
        evaluated_at: the moment it reaches back from, seconds since the epoch.
        measured: whether an answer came.
        problem: why not, or empty.
        series: the answer.
    """

    query: str
    source: str
    window: timedelta
    evaluated_at: float
    measured: Measured
    problem: str
    series: tuple[Series, ...]


@dataclass(frozen=True, slots=True)
class ServedBuild:
    """What the target said of itself just now.

    Args:
        measured: whether it answered.
        status: HTTP status of the answer; 0 without one.
        build: the build it serves, or None.
        deployment: what it calls itself.
        url: where it was asked.
        problem: why it did not answer, or empty.
    """

    measured: Measured
    status: int
    build: Build | None
    deployment: str
    url: str
    problem: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything one decision rests on.

    Args:
        target: the subject.
        served: the build it serves.
        runs: the records of suite runs.
        samples: sample sets by query.
        loads: the records of load runs.
        moves: the shares of traffic the ramp command wrote down, for balancers nobody scrapes.
        lost_runs: runs that earlier decisions of the ledger named, and that are not there as such.
    """

    target: Target
    served: ServedBuild
    runs: tuple[Run, ...]
    samples: Mapping[str, SampleSet]
    loads: tuple[LoadRun, ...] = ()
    moves: tuple[Move, ...] = ()
    lost_runs: tuple[LostRun, ...] = ()
