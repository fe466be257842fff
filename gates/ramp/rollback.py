"""Gives all traffic back to blue: move, then verify by a second witness; guide section 6.

Nothing but the balancer is needed. Everything else that is known is used: blue's health before the
move, and Prometheus after it.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from gates.errors import RouterError
from gates.model import Build, Measured, ServedBuild, Target
from gates.process.time_limit import within
from gates.ramp.witness import NO_WITNESS, ConfirmedMove, Opinion, Witness, WitnessReport
from gates.routers import TrafficRouter, with_retries
from gates.sources.health import parse
from gates.sources.http import Answer, get

HEALTHY = 200
# Blue's health may hold up the move for this time, and no longer.
MAX_HEALTH_SECONDS = 2.0
MAX_HEALTH_BYTES = 65_536
# The share before the move is asked for, but never waited for longer than this.
MAX_BEFORE_SECONDS = 0.25
# The second witness is waited for: two scrapes, within these bounds.
MIN_WAIT_SECONDS = 15.0
MAX_WAIT_SECONDS = 40.0
SCRAPES = 2
POLL_SECONDS = 0.5
RESTORE = """at risk: the restore deletes all orders, payments and accounts since the backup;
take a new backup before the first command. The guide's restore (section 6, step 3):
  docker-compose -f docker-compose.prod.yml down
  mongorestore --archive=/backups/prod-backup.archive --drop
  python scripts/validate-db.py && make smoke-tests
  docker-compose -f docker-compose.prod.yml up -d"""
SWAPPED = "the control endpoint gives each colour the other colour's share"
Say = Callable[[str], None]


class Proof(Enum):
    """What is known after a rollback."""

    VERIFIED = "verified"
    NOT_MOVED = "NOT verified: not moved"
    CONTRADICTED = "NOT verified: contradicted"
    NOT_SEEN = "NOT verified: not seen"
    UNHEALTHY = "NOT verified: blue is not healthy with all traffic"


@dataclass(frozen=True, slots=True)
class Baseline:
    """What is known of blue.

    Args:
        name: its name in messages.
        health: its health address; empty where it is unknown.
        deployment: the name it calls itself; empty where that is unknown.
        build: the build it should serve; None where that is unknown.
    """

    name: str
    health: str = ""
    deployment: str = ""
    build: Build | None = None

    @classmethod
    def of(cls, target: Target) -> "Baseline":
        """The baseline that a target file describes."""
        return cls(target.name, target.addresses.health, target.deployment, target.expected)


@dataclass(frozen=True, slots=True)
class RollbackRequest:
    """Which traffic is to be given back, and who can verify it.

    Args:
        router: moves the traffic.
        baseline: blue.
        slots: green's slot and blue's.
        witness: gives the second witness; called after the move, since it may read files.
        force: move although blue is not healthy.
        mirrored: the control endpoint is known to give each colour the other colour's share.
        before: green's share before the move, 0 to 1; None where it is unknown.
    """

    router: TrafficRouter
    baseline: Baseline
    slots: tuple[str, str]
    witness: Callable[[], Witness]
    force: bool = False
    mirrored: bool = False
    before: float | None = None


@dataclass(frozen=True, slots=True)
class RollbackResult:
    """How a rollback ended.

    Args:
        proof: what is known of it.
        moved: whether the control endpoint confirmed the weights.
        lines: what was done and seen, a line each.
        seconds: how long it took.
        report: what the second witness said.
    """

    proof: Proof
    moved: bool
    lines: tuple[str, ...]
    seconds: float
    report: WitnessReport = NO_WITNESS

    @property
    def verified(self) -> bool:
        """Whether both witnesses agree that blue has all traffic."""
        return self.proof is Proof.VERIFIED

    @property
    def given_back(self) -> bool:
        """Whether Prometheus shows all traffic on blue, whatever the control endpoint says."""
        is_contradicted = self.proof is Proof.CONTRADICTED
        return self.verified or (is_contradicted and self.report.opinion is Opinion.AGREES)

    @classmethod
    def failed(cls, problem: str) -> "RollbackResult":
        """The result of a rollback that ended with an error."""
        return cls(Proof.NOT_MOVED, moved=False, lines=(problem,), seconds=0.0)


def roll_back(request: RollbackRequest, show: Say) -> RollbackResult:
    """Give the baseline all traffic, unless it is known to be unhealthy.

    Args:
        request: which traffic is to be given back.
        show: gets each line as soon as it is known; the first line after the move.
    """
    began, lines = time.monotonic(), []

    def say(line: str) -> None:
        lines.append(line)
        show(line)

    def result(proof: Proof, *, moved: bool, report: WitnessReport = NO_WITNESS) -> RollbackResult:
        return RollbackResult(proof, moved, tuple(lines), time.monotonic() - began, report)

    before = _share_before(request)
    health = health_problem(request.baseline)
    if health and not request.force:
        say(f"{request.baseline.name} is not healthy: {health}; the weights stay as they are")
        say(RESTORE)
        say("to move the traffic anyway: gates rollback --target NAME --force")
        return result(Proof.NOT_MOVED, moved=False)
    try:
        move = _move(request, before, mirrored=request.mirrored)
    except RouterError as error:
        say(f"traffic could not be moved: {error}")
        say("move it by hand at the balancer, or name another control address: --control URL")
        return result(Proof.NOT_MOVED, moved=False)
    say(_health_line(request, health))
    proof, report = _verify(request, move, say)
    if not request.force and (problem := health_problem(request.baseline)):
        say(f"{request.baseline.name} is not healthy with all traffic: {problem}")
        proof = Proof.UNHEALTHY if proof is Proof.VERIFIED else proof
    return result(proof, moved=True, report=report)


def _share_before(request: RollbackRequest) -> float | None:
    """Green's share before the move, where the control endpoint reports it without a delay."""
    if request.before is not None:
        return request.before
    try:
        return within(MAX_BEFORE_SECONDS, request.router.shares).get(request.slots[0], 0.0)
    except (RouterError, TimeoutError):
        return None


def _move(request: RollbackRequest, before: float | None, *, mirrored: bool) -> ConfirmedMove:
    """Set the weights; with ``mirrored`` the other way round."""
    green, blue = request.slots
    shares = {blue: 0.0, green: 1.0} if mirrored else {blue: 1.0, green: 0.0}
    with_retries(lambda: request.router.move(shares))
    return ConfirmedMove(0.0, time.time(), before)


def _health_line(request: RollbackRequest, problem: str) -> str:
    name = request.baseline.name
    if not request.baseline.health:
        return f"{name}'s health was not asked for: its address is not known"
    if problem:
        return f"{name} is not healthy: {problem}; moved by --force"
    return f"{name} is healthy"


def _verify(request: RollbackRequest, move: ConfirmedMove, say: Say) -> tuple[Proof, WitnessReport]:
    """Wait for the second witness; where the endpoint swaps the colours, move the other way."""
    if request.mirrored:
        say(f"{SWAPPED}; so the weights were exchanged: {request.slots[1]} has weight 0 there")
        return _verify_mirrored(request, move, say)
    say(f"the balancer's control endpoint says: {request.slots[1]} has 100 % of the traffic")
    proof, report = _wait_for_witness(request.witness(), move)
    say(report.sentence)
    if proof is not Proof.CONTRADICTED or not report.mirrored:
        return proof, report
    say(f"{SWAPPED}: the move is repeated with exchanged weights")
    try:
        move = _move(request, None, mirrored=True)
    except RouterError as error:
        say(f"traffic could not be moved the other way: {error}")
        return proof, report
    return _verify_mirrored(request, move, say)


def _verify_mirrored(
    request: RollbackRequest, move: ConfirmedMove, say: Say
) -> tuple[Proof, WitnessReport]:
    """Wait for the second witness after a move the other way; undo a move it does not confirm."""
    witness = request.witness()
    proof, report = _wait_for_witness(witness, move)
    say(report.sentence)
    if proof is Proof.VERIFIED:
        say(f"Prometheus says: {request.slots[1]} has all traffic; the endpoint says the opposite")
        return Proof.CONTRADICTED, report
    try:
        move = _move(request, None, mirrored=False)
    except RouterError as error:
        say(f"traffic could not be moved back: {error}")
        return proof, report
    say(f"Prometheus does not confirm this; {request.slots[1]} has weight 100 % again")
    proof, report = _wait_for_witness(witness, move)
    say(report.sentence)
    return proof, report


def _wait_for_witness(witness: Witness, move: ConfirmedMove) -> tuple[Proof, WitnessReport]:
    """Ask the second witness until it has fresh samples or the time is over."""
    began = time.monotonic()
    while True:
        report = witness.look(move)
        passed = time.monotonic() - began
        if not witness.prometheus:
            return Proof.NOT_SEEN, report
        is_pending = report.requests.opinion is Opinion.NOT_YET and passed < _requests_wait(report)
        if report.weights.opinion is Opinion.CONTRADICTS and not is_pending:
            return Proof.CONTRADICTED, report
        if report.opinion is Opinion.AGREES and not is_pending:
            return Proof.VERIFIED, report
        wait = SCRAPES * report.scrape_seconds + MAX_HEALTH_SECONDS
        if passed >= min(MAX_WAIT_SECONDS, max(MIN_WAIT_SECONDS, wait)):
            is_contradicted = report.opinion is Opinion.CONTRADICTS
            return (Proof.CONTRADICTED if is_contradicted else Proof.NOT_SEEN), report
        time.sleep(POLL_SECONDS)


def _requests_wait(report: WitnessReport) -> float:
    """How long requests are waited for once the weights agree, seconds: three scrapes."""
    return min(MAX_WAIT_SECONDS, (SCRAPES + 1) * report.scrape_seconds + MAX_HEALTH_SECONDS)


def health_problem(baseline: Baseline) -> str:
    """Why the baseline should not get all traffic; empty where nothing is known against it."""
    if not baseline.health:
        return ""
    try:
        answer = within(MAX_HEALTH_SECONDS, lambda: _health_answer(baseline.health))
    except TimeoutError:
        return f"no answer within {MAX_HEALTH_SECONDS:g} s"
    if answer.problem:
        return answer.problem
    return _build_problem(baseline, parse(baseline.health, answer.status, answer.body))


def _health_answer(url: str) -> Answer:
    return get(url, seconds=MAX_HEALTH_SECONDS, max_bytes=MAX_HEALTH_BYTES)


def _build_problem(baseline: Baseline, served: ServedBuild) -> str:
    if served.measured is not Measured.OK:
        return served.problem
    if served.status != HEALTHY:
        return f"it answers status {served.status}"
    if baseline.deployment and served.deployment != baseline.deployment:
        return f"it calls itself {served.deployment}"
    if baseline.build and served.build != baseline.build:
        return f"it serves {served.build}, expected {baseline.build}"
    return ""
