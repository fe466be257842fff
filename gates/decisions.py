"""Decides about one stage: collects and judges the evidence, and records the decision."""

import json
import shlex
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from gates import __version__, decision_document, ledger, places
from gates.collector import Collector, PendingCollection, requests_of
from gates.decision_document import DecisionDocument
from gates.errors import ConfigurationError, LedgerError
from gates.evidence import codec, judged_runs
from gates.evidence.collect import Question, collect_evidence
from gates.evidence.metrics.reader import MetricsMemory
from gates.json_fields import JsonObject
from gates.judging.decide import judge
from gates.judging.last_rollback import since_rollback
from gates.model import (
    Decision,
    Evidence,
    JudgedRun,
    Move,
    Outcome,
    Policy,
    PolicyFile,
    Rollback,
    SignOffRecord,
    Stage,
    StageRole,
    Target,
    is_same_share,
)
from gates.policy import policy_file, target_file
from gates.policy.policy_reader import PolicyReader
from gates.policy.time_scale import scaled
from gates.process.signals import pause
from gates.signing import signature
from gates.signing.ledger_records import sign_offs_of
from gates.sources.json_values import MALFORMED

SCHEMA = 2
MAX_TIME_SCALE = 60.0
# As often as Prometheus scrapes by default, in seconds of the policy's time.
POLL_SECONDS = 15.0
MIN_POLL_SECONDS = 0.5
# The years 2000 and 2200, seconds since the epoch: other times of a ledger entry are no times.
MIN_TIME, MAX_TIME = 946_684_800.0, 7_258_118_400.0
Kept = TypeVar("Kept")


@dataclass(frozen=True, slots=True)
class Context:
    """The policy, the target and the folders that the gate needs for a decision.

    Args:
        policy: the policy, with its live durations divided by the time scale.
        policy_file: the path of the policy file, for messages.
        policy_installed: whether the policy is the installed policy.
        target: the target.
        out: the folder of generated files.
        runs: the folder of suite runs and load runs.
        time_scale: the factor by which live durations are divided; over 1 in a rehearsal.
        targets: the folder of target files.
        collector: the object that runs the checks that the gate itself must run.
        reader: the reader of the ledger.
        metrics: the samples that one decision of this context stores for the next decision.
    """

    policy: Policy
    policy_file: str
    policy_installed: bool
    target: Target
    out: Path
    runs: Path
    time_scale: float
    targets: Path
    collector: Collector
    reader: ledger.LedgerReader
    metrics: MetricsMemory = field(default_factory=MetricsMemory)

    def stage(self, name: str) -> Stage:
        """Return the stage of this name.

        Raises:
            UnknownNameError: the policy has no stage of this name.
        """
        return policy_file.stage_named(self.policy, name, self.policy_file)


@dataclass(frozen=True, slots=True)
class ContextOptions:
    """The settings of a command line; None for an option that is not on the command line."""

    target: str
    policy: str | None = None
    targets: str | None = None
    runs: str | None = None
    out: str | None = None
    time_scale: float = 1.0


def open_context(options: ContextOptions, policies: PolicyReader | None = None) -> Context:
    """Read the policy and the target file; return the policy, the target and the folders.

    Args:
        options: the settings of a command line.
        policies: the reader of the policy; None where the policy is read only once.

    Raises:
        ConfigurationError: the policy or the target is wrong, the target does not accept the
            policy, or a production target is judged at a time scale other than 1.
    """
    place = places.policy(options.policy)
    loaded = (policies or PolicyReader()).load(place.path)
    folder = places.targets(options.targets).path
    chosen = target_file.load(options.target, folder)
    scale = options.time_scale
    if not 1 <= scale <= MAX_TIME_SCALE:
        raise ConfigurationError(f"--time-scale: expected 1 to {MAX_TIME_SCALE:g}, got {scale:g}")
    if chosen.production and scale != 1:
        raise ConfigurationError(
            f"{chosen.name} is a production target; use --time-scale only in rehearsals"
        )
    if chosen.policies and loaded.digest not in chosen.policies:
        raise ConfigurationError(
            f"the target file of {chosen.name} does not accept the policy {place.path}; review "
            f"the policy, then add its digest to [policy] accepted: sha256:{loaded.digest}"
        )
    out = places.out(options.out, Path("out")).path
    return Context(
        policy=scaled(loaded, scale),
        policy_file=str(place.path),
        policy_installed=place.path.resolve() == places.policy_installed().resolve(),
        target=chosen,
        out=out,
        runs=Path(options.runs) if options.runs else out / "runs",
        time_scale=scale,
        targets=folder,
        collector=Collector(chosen, place.path, folder, out),
        reader=ledger.LedgerReader(out),
    )


@dataclass(frozen=True, slots=True)
class Answer:
    """A decision with its stage and its evidence, before the decision is in the ledger.

    Args:
        stage: the stage that the decision is about.
        decision: the decision.
        evidence: the evidence of the decision.
        share: green's share of the traffic now, from 0 to 1; None where no ramp is under way.
    """

    stage: Stage
    decision: Decision
    evidence: Evidence
    share: float | None


def decide(context: Context, stage: Stage) -> Answer:
    """Collect the present evidence, and judge the evidence; the ledger gets no entry."""
    at = round(time.time(), 3)  # as the decision states it
    reading = context.reader.read()
    rollback = _last_rollback(context, stage, reading)
    stage = since_rollback(stage, rollback, at)
    requests = requests_of(stage, rollback)
    with PendingCollection(context.collector, requests) as collection:
        question = Question(
            stage=stage,
            target=context.target,
            runs=context.runs,
            collected=context.collector.folder,
            at=at,
            moves=lambda: moves(context, [record.entry for record in reading.records]),
            lost=lambda runs, loads: judged_runs.lost(
                _judged_runs(context, reading), runs, loads, context.runs
            ),
            on_runs=collection.start,
            rollback=rollback,
            metrics=context.metrics,
        )
        evidence, view = collect_evidence(question)
        evidence = replace(evidence, sign_offs=_sign_offs(context, stage, reading))
        moment = datetime.fromtimestamp(at, UTC)
        decision = judge(stage, evidence, moment, view)
        # A rollback does not wait for the collector.
        if decision.outcome is not Outcome.ROLLBACK:
            complete = collection.added_to(evidence)
            if complete is not evidence:
                evidence, decision = complete, judge(stage, complete, moment, view)
    decision = replace(
        decision,
        time_scale=context.time_scale,
        policy=PolicyFile(context.policy_file, context.policy.digest, context.policy_installed),
        warnings=ledger_warnings(context.out, reading),
    )
    ramp = view.timeline.moves if view.timeline else ()
    return Answer(stage, decision, evidence, ramp[-1].share if ramp else None)


def decide_within(
    context: Context,
    stage: Stage,
    wait_seconds: float,
    on_hold: Callable[[float, Decision], None],
    may_change: Callable[[Decision], bool] = lambda _: True,
) -> Answer:
    """Decide about a stage again and again while the decision is a hold.

    Args:
        context: the policy, the target and the folders.
        stage: the stage.
        wait_seconds: the longest time to wait for another decision; 0 decides once.
        on_hold: a function that is called before each wait, with the passed time and the decision.
        may_change: returns whether more time may change a hold; by default, always true.

    Returns:
        The last decision, with its stage and its evidence.
    """
    answer, began = decide(context, stage), time.monotonic()
    while answer.decision.outcome is Outcome.HOLD and may_change(answer.decision):
        passed = time.monotonic() - began
        if passed >= wait_seconds:
            break
        on_hold(passed, answer.decision)
        pause(min(poll_seconds(context), wait_seconds - passed))
        answer = decide(context, stage)
    return answer


def poll_seconds(context: Context) -> float:
    """Return the time between two decisions, in seconds."""
    return max(MIN_POLL_SECONDS, POLL_SECONDS / context.time_scale)


def ledger_warnings(out: Path, written: ledger.LedgerContent) -> tuple[str, ...]:
    """Return a warning about the problems of the ledger; empty where the ledger has no problem."""
    if not written.problems:
        return ()
    more = f" (and {len(written.problems) - 1} more problems)" if len(written.problems) > 1 else ""
    warning = (
        f"the ledger {out / ledger.FILE} is damaged: {written.problems[0]}{more}; the gate "
        f"still reads the later entries; run: gates log --verify --out {shlex.quote(str(out))}"
    )
    return (warning,)


def _sign_offs(
    context: Context, stage: Stage, content: ledger.LedgerContent
) -> tuple[SignOffRecord, ...]:
    """Return the sign-offs and overrides in the ledger for a stage and the target."""
    records = sign_offs_of(content, context.target.name, signature.configured_key())
    return tuple(record for record in records if record.sign_off.stage == stage.name)


def _judged_runs(context: Context, content: ledger.LedgerContent) -> list[tuple[str, JudgedRun]]:
    """Return the runs in earlier decisions about the target, each with the id of its decision."""
    return [
        (record.entry_id, run)
        for record in content.records
        if isinstance(record.entry, ledger.DecisionEntry)
        and record.entry.target == context.target.name
        for run in record.entry.document.runs
    ]


def moves(context: Context, entries: Sequence[ledger.LedgerEntry]) -> tuple[Move, ...]:
    """Return the moves of the target's newest ramp, without moves of another time scale."""
    ramp: list[Move] = []
    for entry in entries:
        if entry.target != context.target.name:
            continue
        match entry:
            case ledger.RampStartEntry():
                ramp = []
            case ledger.RollbackEntry() if not entry.moved_nothing:
                ramp = []
            case ledger.OtherEntry(kind="move"):
                return ()  # a move without a valid time or share: no move is known for sure
            case ledger.MoveEntry() if entry.time_scale == context.time_scale:
                if ramp and is_same_share(ramp[-1].share, entry.share):
                    ramp.pop()  # the move was tried again: only the last one is known to be made
                ramp.append(Move(entry.at, entry.share))
            case _:
                pass
    return tuple(ramp)


def _last_rollback(
    context: Context, stage: Stage, content: ledger.LedgerContent
) -> Rollback | None:
    """Return the last rollback that gave the target all traffic; None for no known rollback."""
    if stage.role is not StageRole.AFTER_ROLLBACK:
        return None
    names = _partners(context)
    rollback: Rollback | None = None
    for record in content.records:
        entry = record.entry
        if entry.target not in names:
            continue
        match entry:
            case ledger.RollbackEntry(moved=True, at=float(ended)):
                began = ended - max(0.0, entry.seconds or 0.0)
                is_time = began >= MIN_TIME and ended <= MAX_TIME
                rollback = Rollback(entry.target, began, entry.proof) if is_time else None
            case ledger.MoveEntry() if entry.share > 0:
                rollback = None
            case ledger.OtherEntry(kind="move"):
                rollback = None  # a move without a valid time or share
            case _:
                pass
    return rollback


def _partners(context: Context) -> frozenset[str]:
    """Return the names of the targets whose traffic a rollback moves to the context's target."""
    target = context.target
    names = {target.baseline_slot}
    for name in target_file.names(context.targets):
        try:
            partner = target_file.load(name, context.targets)
        except ConfigurationError:
            continue
        control = partner.addresses.balancer_control
        if partner.slot == target.baseline_slot and control == target.addresses.balancer_control:
            names.add(name)
    return frozenset(names)


def record(context: Context, answer: Answer) -> DecisionDocument:
    """Store the evidence and append the decision to the ledger.

    Returns:
        The decision document with the id of its ledger entry.

    Raises:
        LedgerError: the gate could not write the evidence or the entry, so there is no decision.
    """
    decision, evidence = answer.decision, answer.evidence
    judged_evidence = {
        "schema": SCHEMA,
        "stage": codec.to_json(answer.stage),
        "at": decision.at.isoformat(),
        "time_scale": decision.time_scale,
        "evidence": codec.to_json(evidence),
    }
    digest = ledger.store_evidence(context.out, json.dumps(judged_evidence).encode())
    document = replace(
        decision_document.of_decision(
            decision, policy_digest=context.policy.digest, tool=__version__
        ),
        evidence_digest=digest,
        runs=judged_runs.of_decision(decision, evidence),
    )
    return replace(document, entry_id=ledger.append(context.out, ledger.DecisionEntry(document)))


def judge_again(out: Path, digest: str) -> tuple[Stage, Evidence, Decision]:
    """Judge stored evidence again; the ledger gets no entry.

    Returns:
        The stage, the evidence and the new decision.

    Raises:
        LedgerError: the evidence is missing, was changed, or cannot be read.
    """

    def judged(content: JsonObject) -> tuple[Stage, Evidence, Decision]:
        stage, evidence = _stage_and_evidence(content)
        at = datetime.fromisoformat(str(content["at"]))
        decision = judge(stage, evidence, at)
        return stage, evidence, replace(decision, time_scale=float(str(content["time_scale"])))

    return _read_kept(out, digest, judged)


def kept_evidence(out: Path, digest: str) -> tuple[Stage, Evidence]:
    """Return the stage and the evidence of a decision as stored; do not judge the evidence again.

    Args:
        out: the folder of the ledger.
        digest: the SHA-256 of the evidence, from an untrusted source.

    Raises:
        LedgerError: the evidence is missing, was changed, or cannot be read.
    """
    return _read_kept(out, digest, _stage_and_evidence)


def _stage_and_evidence(content: JsonObject) -> tuple[Stage, Evidence]:
    return codec.from_json(Stage, content["stage"]), codec.from_json(Evidence, content["evidence"])


def _read_kept(out: Path, digest: str, read: Callable[[JsonObject], Kept]) -> Kept:
    """Read stored evidence; content of another format is an error of the ledger."""
    raw = ledger.load_evidence(out, digest)
    try:
        return read(json.loads(raw))
    except MALFORMED as error:
        raise LedgerError(f"cannot read the evidence {digest[:12]}: {error}"[:300]) from error
