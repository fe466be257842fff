"""Moves all traffic to blue, and verifies the move (section 6 of the guide).

A rollback needs only the balancer. Where the addresses are known, the rollback also checks blue's
health before the move, and queries Prometheus, the second witness, after the move.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from gates import ledger
from gates.errors import RouterError
from gates.model import NO_LOGIN, Access, Build, Measured, ServedBuild, Target
from gates.process.time_limit import within
from gates.ramp.request_counts import ConfirmedMove
from gates.ramp.witness import NO_WITNESS, Opinion, Witness, WitnessReport
from gates.routers import TrafficRouter, with_retries
from gates.sources.health import parse
from gates.sources.http import Answer, get

HEALTHY = 200
# The check of blue's health may delay the move by at most this time.
MAX_HEALTH_SECONDS = 2.0
MAX_HEALTH_BYTES = 65_536
# A rollback waits at most this time for the share before the move.
MAX_BEFORE_SECONDS = 0.25
# A rollback waits two scrapes for the second witness, within these bounds.
MIN_WAIT_SECONDS = 15.0
MAX_WAIT_SECONDS = 40.0
SCRAPES = 2
POLL_SECONDS = 0.5
RESTORE = """warning: the restore deletes all orders, payments and accounts since the backup;
take a new backup before the first command. The guide's restore (section 6, step 3):
  docker-compose -f docker-compose.prod.yml down
  mongorestore --archive=/backups/prod-backup.archive --drop
  python scripts/validate-db.py && make smoke-tests
  docker-compose -f docker-compose.prod.yml up -d"""
SWAPPED = "the control endpoint swaps the shares of the two colours"
Say = Callable[[str], None]


class Proof(Enum):
    """Whether a rollback is verified, or the reason why it is not verified."""

    VERIFIED = "verified"
    NOT_MOVED = ledger.NOT_MOVED
    CONTRADICTED = "NOT verified: contradicted"
    NOT_SEEN = "NOT verified: not seen"
    UNHEALTHY = "NOT verified: blue is not healthy with all traffic"


@dataclass(frozen=True, slots=True)
class Baseline:
    """The name, the addresses and the expected build of blue.

    Args:
        name: the name of blue, for messages.
        health: the health address of blue; empty where the address is unknown.
        deployment: the deployment that blue's health response must name; empty where it is
            unknown.
        build: the build that blue should serve; None where the build is unknown.
        access: the log-in, headers and time limit of requests to the health address.
    """

    name: str
    health: str = ""
    deployment: str = ""
    build: Build | None = None
    access: Access = NO_LOGIN.health

    @classmethod
    def of(cls, target: Target) -> "Baseline":
        """Return the baseline that a target file describes."""
        return cls(
            target.name,
            target.addresses.health,
            target.deployment,
            target.expected,
            target.access.health,
        )


@dataclass(frozen=True, slots=True)
class RollbackRequest:
    """The parts that a rollback needs to move all traffic to blue and to verify the move.

    Args:
        router: the traffic router.
        baseline: the health address and the expected build of blue.
        slots: the name of green's slot, and the name of blue's slot.
        witness: a function that returns the second witness: Prometheus. The rollback calls this
            function after the move, because the function may read files.
        force: whether to move the traffic although blue is not healthy.
        mirrored: whether the control endpoint is known to swap the shares of the two colours.
        before: green's share before the move, from 0 to 1; None where the share is unknown.
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
    """The result of a rollback.

    Args:
        proof: whether the rollback is verified, or why not.
        moved: whether the control endpoint confirmed the weights.
        lines: the lines that the rollback printed about its actions and observations.
        seconds: the duration of the rollback, in seconds.
        report: the report of the second witness about the move.
    """

    proof: Proof
    moved: bool
    lines: tuple[str, ...]
    seconds: float
    report: WitnessReport = NO_WITNESS

    @property
    def verified(self) -> bool:
        """Return whether the control endpoint and Prometheus agree that blue has all traffic."""
        return self.proof is Proof.VERIFIED

    @property
    def given_back(self) -> bool:
        """Return whether Prometheus shows that blue has all traffic.

        The value is also true where the response of the control endpoint contradicts Prometheus,
        and false after ``Proof.UNHEALTHY``.
        """
        is_contradicted = self.proof is Proof.CONTRADICTED
        return self.verified or (is_contradicted and self.report.opinion is Opinion.AGREES)

    @classmethod
    def failed(cls, problem: str) -> "RollbackResult":
        """Return the result of a rollback that ended with an error."""
        return cls(Proof.NOT_MOVED, moved=False, lines=(problem,), seconds=0.0)


def roll_back(request: RollbackRequest, show: Say) -> RollbackResult:
    """Move all traffic to the baseline; an unhealthy baseline gets traffic only with ``force``.

    Args:
        request: the router, the baseline and the second witness.
        show: a function that shows a line of the output. The first call comes after the move.

    Returns:
        The result of the rollback.
    """
    began, lines = time.monotonic(), []

    def say(line: str) -> None:
        lines.append(line)
        show(line)

    def result(proof: Proof, *, moved: bool, report: WitnessReport = NO_WITNESS) -> RollbackResult:
        return RollbackResult(proof, moved, tuple(lines), time.monotonic() - began, report)

    before = _share_before(request)
    health = health_of(request.baseline)
    if health.problem and not request.force:
        name = request.baseline.name
        say(f"{name} is not healthy: {health.problem}; the weights stay as they are")
        say(RESTORE)
        say("to move the traffic anyway, run: gates rollback --target NAME --force")
        return result(Proof.NOT_MOVED, moved=False)
    try:
        move = _move(request, before, mirrored=request.mirrored)
    except RouterError as error:
        say(f"traffic could not be moved: {error}")
        say("move the traffic by hand at the balancer, or set the control address: --control URL")
        return result(Proof.NOT_MOVED, moved=False)
    say(_health_line(request, health))
    proof, report = _verify(request, move, say)
    if not request.force and (problem := health_of(request.baseline).problem):
        say(f"{request.baseline.name} is not healthy after the move: {problem}")
        proof = Proof.UNHEALTHY if proof is Proof.VERIFIED else proof
    return result(proof, moved=True, report=report)


def _share_before(request: RollbackRequest) -> float | None:
    """Return green's share before the move; None where the control endpoint fails or is slow."""
    if request.before is not None:
        return request.before
    try:
        return within(MAX_BEFORE_SECONDS, request.router.shares).get(request.slots[0], 0.0)
    except (RouterError, TimeoutError):
        return None


def _move(request: RollbackRequest, before: float | None, *, mirrored: bool) -> ConfirmedMove:
    """Set the weights; with ``mirrored``, give each colour the weight of the other colour."""
    green, blue = request.slots
    shares = {blue: 0.0, green: 1.0} if mirrored else {blue: 1.0, green: 0.0}
    with_retries(lambda: request.router.move(shares))
    return ConfirmedMove(0.0, time.time(), before)


def _health_line(request: RollbackRequest, health: "Health") -> str:
    name = request.baseline.name
    if not request.baseline.health:
        return f"{name}'s health was not checked: the health address of {name} is not known"
    if health.problem:
        return f"{name} is not healthy: {health.problem}; the traffic was moved by --force"
    return f"{name} is healthy, but {health.note}" if health.note else f"{name} is healthy"


def _verify(request: RollbackRequest, move: ConfirmedMove, say: Say) -> tuple[Proof, WitnessReport]:
    """Wait for Prometheus to confirm the move; if the endpoint swaps shares, exchange weights."""
    if request.mirrored:
        say(
            f"{SWAPPED}; so the gate exchanged the weights: it set 100 % for {request.slots[0]} "
            f"and 0 % for {request.slots[1]}, so that the balancer sends all traffic to "
            f"{request.slots[1]}"
        )
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
        say(f"traffic could not be moved with exchanged weights: {error}")
        return proof, report
    return _verify_mirrored(request, move, say)


def _verify_mirrored(
    request: RollbackRequest, move: ConfirmedMove, say: Say
) -> tuple[Proof, WitnessReport]:
    """Wait for the second witness after a move with exchanged weights; undo an unconfirmed move."""
    witness = request.witness()
    proof, report = _wait_for_witness(witness, move)
    say(report.sentence)
    if proof is Proof.VERIFIED:
        say(
            f"Prometheus shows all traffic on {request.slots[1]}; the control endpoint reports all "
            "traffic on the other slot"
        )
        return Proof.CONTRADICTED, report
    try:
        move = _move(request, None, mirrored=False)
    except RouterError as error:
        say(f"traffic could not be moved back: {error}")
        return proof, report
    say(
        f"Prometheus does not confirm the move; so the gate set the weight "
        f"of {request.slots[1]} back to 100 %"
    )
    proof, report = _wait_for_witness(witness, move)
    say(report.sentence)
    return proof, report


def _wait_for_witness(witness: Witness, move: ConfirmedMove) -> tuple[Proof, WitnessReport]:
    """Query Prometheus until its samples confirm or contradict the move, or the time is over."""
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
    """Return how many seconds to wait for request counts: 3 scrape intervals + 2 s, at most 40."""
    return min(MAX_WAIT_SECONDS, (SCRAPES + 1) * report.scrape_seconds + MAX_HEALTH_SECONDS)


@dataclass(frozen=True, slots=True)
class Health:
    """What is known about the health of the baseline.

    Args:
        problem: why the baseline should not get all traffic; empty where no problem is known.
        note: what the operator should know, although it keeps no traffic away from the baseline;
            empty without such a note.
    """

    problem: str = ""
    note: str = ""


def health_of(baseline: Baseline) -> Health:
    """Ask the baseline for its health.

    A baseline that serves another build than the target file names can still serve customers, so
    this is a note. A baseline that is not asked has neither a problem nor a note.
    """
    if not baseline.health:
        return Health()
    try:
        answer = within(MAX_HEALTH_SECONDS, lambda: _health_answer(baseline))
    except TimeoutError:
        return Health(f"no response within {MAX_HEALTH_SECONDS:g} s")
    if answer.problem:
        return Health(answer.problem)
    return _health_in(baseline, parse(baseline.health, answer.status, answer.body))


def _health_answer(baseline: Baseline) -> Answer:
    access = baseline.access.at_most(MAX_HEALTH_SECONDS)
    return get(baseline.health, access, max_bytes=MAX_HEALTH_BYTES)


def _health_in(baseline: Baseline, served: ServedBuild) -> Health:
    if served.status != HEALTHY:
        return Health(f"its health response has status {served.status}")
    if served.measured is not Measured.OK:
        return Health(note=served.problem)
    if baseline.deployment and served.deployment != baseline.deployment:
        expected = f"expected {baseline.deployment}"
        return Health(f"its health response names {served.deployment}, {expected}")
    if baseline.build and served.build != baseline.build:
        return Health(note=f"it serves {served.build}, the target file names {baseline.build}")
    return Health()
