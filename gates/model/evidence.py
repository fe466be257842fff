"""Evidence: the build that is served, samples of metrics, and the records of runs."""

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
    """One raw sample: seconds since the epoch, and the value; a tuple, because there are many."""

    at: float
    value: float


@dataclass(frozen=True, slots=True)
class Series:
    """The raw samples of one time series, oldest first."""

    labels: Mapping[str, str]
    samples: tuple[Sample, ...]


@dataclass(frozen=True, slots=True)
class SampleSet:
    """The answer to one range selector.

    Args:
        query: the range selector.
        source: the address of the source.
        window: the length of the window.
        evaluated_at: the end of the window, in seconds since the epoch.
        measured: whether the query had an answer, with or without data.
        problem: why there are no samples; an empty text with samples.
        series: the time series of the answer.
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
    """The target's answer about the build that it serves.

    Args:
        measured: whether the answer names a build.
        status: the HTTP status of the answer; 0 without an answer.
        build: the build that the target serves; None where the answer names no build.
        deployment: the name that the target gives itself.
        url: the address that was asked.
        problem: why there is no build; an empty text with a build.
    """

    measured: Measured
    status: int
    build: Build | None
    deployment: str
    url: str
    problem: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that one decision is based on.

    Args:
        target: the target that is judged.
        served: the build that the target serves.
        runs: the records of suite runs.
        samples: the sample sets, by query.
        loads: the records of load runs.
        moves: the shares of traffic that the ramp command wrote into the ledger; used where
            Prometheus has no weights of the balancer.
        lost_runs: runs that earlier decisions named and that are gone or were changed.
    """

    target: Target
    served: ServedBuild
    runs: tuple[Run, ...]
    samples: Mapping[str, SampleSet]
    loads: tuple[LoadRun, ...] = ()
    moves: tuple[Move, ...] = ()
    lost_runs: tuple[LostRun, ...] = ()
