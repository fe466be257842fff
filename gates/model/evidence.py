"""The evidence of a decision: served build, samples of metrics, run records, and sign-offs."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import NamedTuple

from gates.model.decision import Measured, Verdict
from gates.model.load_run import LoadRun
from gates.model.run import Collection, LostRun, Run
from gates.model.scrape import Move
from gates.model.target import Build, Target


class Sample(NamedTuple):
    """One raw sample: the time in seconds since the epoch, and the value.

    The class is a tuple, because a decision reads very many samples.
    """

    at: float
    value: float


@dataclass(frozen=True, slots=True)
class Series:
    """The raw samples of one time series, oldest first."""

    labels: Mapping[str, str]
    samples: tuple[Sample, ...]


@dataclass(frozen=True, slots=True)
class SampleSet:
    """The time series that one query returned, or the reason why there are no samples.

    Args:
        query: the range selector, or the expression of the query.
        source: the address of the source, such as Prometheus.
        window: the length of the window.
        evaluated_at: the end of the window, in seconds since the epoch.
        measured: whether the query succeeded, and whether it returned samples.
        problem: why there are no samples; an empty text with samples.
        series: the time series that the query returned.
        curl_options: the log-in options of a curl command that repeats the query; names of
            environment variables replace the secrets.
    """

    query: str
    source: str
    window: timedelta
    evaluated_at: float
    measured: Measured
    problem: str
    series: tuple[Series, ...]
    curl_options: str = ""


@dataclass(frozen=True, slots=True)
class ServedBuild:
    """The build that the target serves, read from the response of the health address.

    Args:
        measured: whether the response names a build.
        status: the HTTP status of the response; 0 without a response.
        build: the build that the target serves; None where the response names no build.
        deployment: the name of the deployment that the response states.
        url: the health address to which the request was sent.
        problem: why the build is not known; an empty text where the build is known.
    """

    measured: Measured
    status: int
    build: Build | None
    deployment: str
    url: str
    problem: str


# After this time, all requests have ended that were under way when the traffic moved.
DRAIN_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Rollback:
    """The last rollback in the ledger that moved all traffic to a baseline.

    Args:
        target: the target (green) that lost its traffic to the baseline.
        at: when the rollback began, seconds since the epoch.
        proof: what was known about the traffic at the end of the rollback, in words.
    """

    target: str
    at: float
    proof: str

    @property
    def drained_at(self) -> float:
        """The end of all requests from before the rollback, in seconds since the epoch."""
        return self.at + DRAIN_SECONDS

    @property
    def counts_since(self) -> datetime:
        """The moment, UTC, from which a violation in the data counts as later than the rollback."""
        return datetime.fromtimestamp(self.drained_at, UTC)


class Identity(Enum):
    """The source of a person's name."""

    TYPED = "typed"  # the option --by; nobody has verified the name
    PIPELINE = "pipeline"  # the environment of a pipeline, which knows who started it


@dataclass(frozen=True, slots=True)
class Person:
    """A person who signs or revokes.

    Args:
        name: the name.
        identity: the source of the name.
        pipeline: the pipeline and its run; empty where the name was typed.
    """

    name: str
    identity: Identity = Identity.TYPED
    pipeline: str = ""


class SignOffKind(Enum):
    """What a person signs: an item of the guide, or the override of an objective."""

    ITEM = "item"
    OVERRIDE = "override"


@dataclass(frozen=True, slots=True)
class CoveredFinding:
    """A finding that an override is about.

    Args:
        name: the name of the objective, with its part or its check: ``smoke: smoke.login``.
        verdict: the verdict when the override was signed.
    """

    name: str
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class SignOff:
    """The statement that a person signed.

    Args:
        kind: an item, or an override.
        target: the target's name.
        stage: the name of the stage.
        item: the name of the objective.
        statement: the sentence that was signed, as the policy stated it.
        person: the person who signed.
        note: the reason, or the evidence that the person saw.
        at: the moment of signing, UTC.
        expires_at: the moment from which the sign-off no longer counts, UTC.
        build: the release that was signed.
        covers: the findings that an override is about; empty for an item.
        decision: the ledger entry of the decision that has these findings; empty for an item.
    """

    kind: SignOffKind
    target: str
    stage: str
    item: str
    statement: str
    person: Person
    note: str
    at: datetime
    expires_at: datetime
    build: Build
    covers: tuple[CoveredFinding, ...] = ()
    decision: str = ""


@dataclass(frozen=True, slots=True)
class SignOffRecord:
    """A sign-off in the ledger, and whether it counts.

    Args:
        entry_id: the id of the ledger entry.
        sign_off: the signed statement.
        is_verified: whether the entry is signed with the configured key.
        problem: why the sign-off does not count, such as a revocation or a wrong signature; empty
            where the sign-off may count.
    """

    entry_id: str
    sign_off: SignOff
    is_verified: bool
    problem: str = ""

    @property
    def signer(self) -> str:
        """The name of the person, the word verified or unverified, and the source of the name."""
        person = self.sign_off.person
        state = "verified" if self.is_verified else "unverified"
        return f"{person.name} ({state}, {person.pipeline or 'name typed'})"


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that one decision is based on.

    Args:
        target: the target that is judged.
        served: the build that the target serves.
        runs: the records of suite runs.
        samples: the sample sets, by the key of the query.
        loads: the records of load runs.
        moves: the shares of traffic that the ramp command wrote into the ledger; used where
            Prometheus has no weights of the balancer.
        lost_runs: runs that earlier decisions named and that are gone or were changed.
        collections: the newest attempt of the gate to run the checks of a set, for each set; empty
            where every run was recent enough.
        rollback: the last rollback to this target; None where no rollback is known, or where the
            stage is not about a rollback.
        sign_offs: the sign-offs and overrides of the stage in the ledger, oldest first.
    """

    target: Target
    served: ServedBuild
    runs: tuple[Run, ...]
    samples: Mapping[str, SampleSet]
    loads: tuple[LoadRun, ...] = ()
    moves: tuple[Move, ...] = ()
    lost_runs: tuple[LostRun, ...] = ()
    collections: tuple[Collection, ...] = ()
    rollback: Rollback | None = None

    sign_offs: tuple[SignOffRecord, ...] = ()
