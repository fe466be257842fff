"""Evidence: the build that is served, samples of metrics, records of runs, and sign-offs."""

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
        curl_options: the options of a curl line that logs in, without a secret.
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


# Requests that were under way when the traffic moved have ended after this time.
DRAIN_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Rollback:
    """The last rollback that gave a baseline all traffic, as the ledger has it.

    Args:
        target: the target whose traffic was given back.
        at: when the rollback began, seconds since the epoch.
        proof: what was known at its end, in words.
    """

    target: str
    at: float
    proof: str

    @property
    def drained_at(self) -> float:
        """When the requests that were under way had ended, seconds since the epoch."""
        return self.at + DRAIN_SECONDS

    @property
    def counts_since(self) -> datetime:
        """The moment from which violations count after the rollback, UTC."""
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
        name: the objective, with its part or its check: ``smoke: smoke.login``.
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
    """A sign-off of the ledger.

    Args:
        entry_id: the id of the ledger entry.
        sign_off: the signed statement.
        is_verified: whether the entry is signed with the configured key.
        problem: why the entry does not count, whatever it states; empty where it may count.
    """

    entry_id: str
    sign_off: SignOff
    is_verified: bool
    problem: str = ""

    @property
    def signer(self) -> str:
        """The person, whether the entry is verified, and the source of the name."""
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
        samples: the sample sets, by query.
        loads: the records of load runs.
        moves: the shares of traffic that the ramp command wrote into the ledger; used where
            Prometheus has no weights of the balancer.
        lost_runs: runs that earlier decisions named and that are gone or were changed.
        collections: the newest attempt of the gate to have checks run, by check set; empty where
            every run was young enough.
        rollback: the last rollback to this target; None where none is known, or where the stage
            is not about a rollback.


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
