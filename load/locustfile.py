"""The program that Locust runs: shoppers who follow the plan, and the shape that starts them.

A single process, or the master, reads the assignment from a pipe. The master sends each worker a
share of the shoppers. Every process records the requests of its own shoppers. A worker sends its
snapshot to the master with each of Locust's reports.
"""

import json
import os
import random
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import gevent
from locust import LoadTestShape, User, events, task
from locust.exception import StopUser
from locust.runners import STATE_MISSING, MasterRunner, WorkerRunner

from gates.evidence import codec
from gates.sources import json_values
from load.assignment import Assignment, LoadProgress, Report
from load.merging import merge
from load.plan import MAX_SPAWN_RATE
from load.recorder import Recorder, Request, Snapshot, Totals
from load.steps import STEPS, Shopper, WrongAnswerError
from load.wire import Connection, NoAnswerError
from suites.contract import load as contract

# Locust starts users a moment before they are due.
LEAD_SECONDS = 4.0
# After its end, the run waits this long for responses to requests that were sent.
GRACE_SECONDS = 2.0
# The longest time until every worker has its share of the shoppers.
MAX_SHARING_SECONDS = 10.0
# Workers report every three seconds; a phase is judged when all reports about the phase have come.
SETTLED_SECONDS = 6.0
# A phase breaks down when a larger share of its requests failed, was late or did not end.
MAX_BAD_SHARE = 0.05
USAGE_SECONDS = 0.5
# The key of a worker's snapshot in Locust's report.
REPORT_KEY = "kirana"


class _Generator:
    """This process's share of the run: its shoppers, its recorder and the snapshots of workers."""

    def __init__(self) -> None:
        self.is_assigned = False
        self.assignment: Assignment
        self.recorder: Recorder
        self.began_at = 0.0
        self.users: list[str] = []
        self.running = 0
        self.snapshots: dict[str, Snapshot] = {}
        self.workers_gone = 0
        self.shares: list[Assignment] = []
        self.takers: set[str] = set()
        self.output = -1

    def take(self, assignment: Assignment) -> None:
        """Store the plan, and this process's share of the shoppers."""
        self.assignment = assignment
        self.recorder = Recorder(assignment.plan)
        self.users = sorted(assignment.shoppers, key=int, reverse=True)  # the last is taken first
        self.is_assigned = True

    def begin(self, at: float) -> None:
        """Set the beginning of the run, in seconds since the epoch."""
        self.began_at = at

    def now(self) -> float:
        """Seconds since the run began."""
        return time.time() - self.began_at

    def acknowledge(self, kind: str, document_id: str) -> None:
        """Write an acknowledged order or payment to the file, where the assignment names a file."""
        if self.assignment.acknowledged_file:
            line = json.dumps({"at": round(time.time(), 3), kind: document_id})
            with Path(self.assignment.acknowledged_file).open("a", encoding="utf-8") as file:
                file.write(line + "\n")

    def send(self, report: Report) -> None:
        """Send a report to the command that started this process; exit if the command has ended."""
        try:
            os.write(self.output, json.dumps(codec.to_record(report)).encode() + b"\n")
        except BrokenPipeError:
            os._exit(1)

    def all_snapshots(self) -> list[Snapshot]:
        """The snapshots of all processes."""
        return list(self.snapshots.values()) or [self.recorder.snapshot()]


HERE = _Generator()


class Customer(User):
    """One shopper of the plan; the store's speed does not change when the requests are due."""

    @task
    def shop(self) -> None:
        """Send every request of one user, in order; then stop."""
        if not HERE.users:
            raise StopUser  # Locust replaces the users of a lost worker; their requests are lost
        number = HERE.users.pop()
        assignment = HERE.assignment
        account, plan = assignment.shoppers[number], assignment.plan
        shopper = Shopper(
            number=int(number),
            token=account.token,
            contract=contract(),
            connection=Connection(
                assignment.base_url,
                account.source,
                assignment.headers,
                plan.patience,
                assignment.ca_file,
            ),
            products=assignment.products,
            words=assignment.words,
            dice=random.Random(f"{plan.seed}/choices/{number}"),  # noqa: S311 - choices, not secrets
            acknowledge=HERE.acknowledge,
        )
        HERE.running += 1
        try:
            self.follow_plan(shopper)
        finally:
            HERE.running -= 1
            shopper.connection.close()
        raise StopUser

    def follow_plan(self, shopper: Shopper) -> None:
        """Send each request when it is due, but not before the previous request has ended."""
        steps: list[str] = []
        free_at = 0.0
        plan = HERE.assignment.plan
        for due in plan.due(shopper.number):
            gevent.sleep(max(0.0, due - HERE.now()))
            if not steps:
                steps = self.next_journey(shopper)
            HERE.recorder.record_start(HERE.now() - max(due, free_at))
            step = steps.pop(0)
            problem = self.take_step(shopper, step, due)
            free_at = HERE.now()
            if problem:
                steps = []
        gevent.sleep(max(0.0, plan.ends(shopper.number) - HERE.now()))

    def next_journey(self, shopper: Shopper) -> list[str]:
        """Choose a journey by its weight, and return the steps of the journey."""
        journeys = list(HERE.assignment.journeys.values())
        weights = [journey.weight for journey in journeys]
        return list(shopper.dice.choices(journeys, weights)[0].steps)

    def take_step(self, shopper: Shopper, step: str, due: float) -> str:
        """Send one request, and return why the response is wrong; empty for a correct response."""
        problem, answered = "", True
        try:
            STEPS[step](shopper)
        except WrongAnswerError as error:
            problem = str(error)
        except NoAnswerError as error:
            problem, answered = str(error), False
        except (LookupError, TypeError, AttributeError) as error:
            problem = f"the body of the response has an unexpected form ({type(error).__name__})"
        now = HERE.now()
        HERE.recorder.record_end(Request(shopper.number, step, due, now, problem, answered))
        self.environment.events.request.fire(
            request_type="",
            name=step,
            response_time=(now - due) * 1000,
            response_length=0,
            exception=RuntimeError(problem) if problem else None,
        )
        return problem


class Shape(LoadTestShape):
    """Starts the users of the plan when they are due; users stop by themselves."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.next_phase = 0

    def tick(self) -> tuple[int, float] | None:
        """Return the number of users, and how many users start a second; None ends the run."""
        if not HERE.began_at:
            self.begin()
        now, plan = HERE.now(), HERE.assignment.plan
        HERE.send(Report(progress=LoadProgress(round(now, 1), _totals())))
        if now < plan.seconds:
            HERE.workers_gone = max(HERE.workers_gone, _workers_gone(self.runner))
        if now > plan.seconds + GRACE_SECONDS or self.is_broken(now):
            return None
        return max(1, plan.users_until(now + LEAD_SECONDS)), MAX_SPAWN_RATE

    def begin(self) -> None:
        """Wait until every worker has its share of the users, then begin the run."""
        until = time.monotonic() + MAX_SHARING_SECONDS
        while HERE.shares and time.monotonic() < until:
            gevent.sleep(0.05)
        HERE.begin(time.time() + LEAD_SECONDS)
        if isinstance(self.runner, MasterRunner):
            self.runner.send_message("begin", {"at": HERE.began_at})

    def is_broken(self, now: float) -> bool:
        """Whether too many requests were bad in the phase that ended last."""
        plan = HERE.assignment.plan
        number = plan.phase_at(now - SETTLED_SECONDS)
        if not plan.stops_when_broken or number == self.next_phase:
            return False
        phase, self.next_phase = plan.phases[number - 1], number
        timeline = merge(plan, HERE.all_snapshots(), now).bad_by_second
        seconds = timeline[int(phase.start) : int(phase.end)]
        due, bad = sum(second[0] for second in seconds), sum(second[1] for second in seconds)
        return bad > MAX_BAD_SHARE * due


def _totals() -> Totals:
    """Sum the progress of all processes that this process knows."""
    parts = [snapshot.totals for snapshot in HERE.snapshots.values()] or [HERE.recorder.totals()]
    return Totals(
        users=sum(part.users for part in parts),
        done=sum(part.done for part in parts),
        failed=sum(part.failed for part in parts),
    )


def _workers_gone(runner: Any) -> int:  # noqa: ANN401 - Locust has no types
    """Return the number of workers that are lost."""
    if not isinstance(runner, MasterRunner):
        return 0
    present = {name for name, client in runner.clients.items() if client.state != STATE_MISSING}
    return HERE.assignment.workers - len(HERE.takers & present)


def _record_usage() -> None:
    while True:
        if HERE.is_assigned:
            HERE.recorder.record_usage(HERE.now(), HERE.running)
        gevent.sleep(USAGE_SECONDS)


@events.init.add_listener  # type: ignore[untyped-decorator]
def _prepare(environment: Any, **_: object) -> None:  # noqa: ANN401 - Locust has no types
    runner = environment.runner
    gevent.spawn(_record_usage)
    if isinstance(runner, WorkerRunner):
        runner.register_message("share", lambda msg, **_: HERE.take(_assignment(msg.data)))
        runner.register_message("begin", lambda msg, **_: HERE.begin(msg.data["at"]))
        environment.events.report_to_master.add_listener(_send_snapshot)
        runner.send_message("want", {})
        return
    HERE.output = int(os.environ["KIRANA_LOAD_OUTPUT"])
    with os.fdopen(int(os.environ["KIRANA_LOAD_INPUT"])) as pipe:
        assignment = _assignment(json_values.loads(pipe.read()))
    if isinstance(runner, MasterRunner):
        HERE.shares = _shares(assignment)
        runner.register_message("want", lambda msg, **_: _send_share(runner, msg.node_id))
        environment.events.worker_report.add_listener(_keep_snapshot)
    HERE.take(assignment)


def _assignment(content: object) -> Assignment:
    return codec.from_record(Assignment, content)


def _send_share(runner: Any, client_id: str) -> None:  # noqa: ANN401 - Locust has no types
    """Send the next share of the shoppers to a worker; a surplus worker gets no share."""
    if HERE.shares:
        HERE.takers.add(client_id)
        runner.send_message("share", codec.to_record(HERE.shares.pop(0)), client_id)


def _shares(assignment: Assignment) -> list[Assignment]:
    """Make an assignment for each worker, with the worker's share of the shoppers."""
    workers = assignment.workers
    return [
        replace(
            assignment,
            shoppers={
                number: account
                for number, account in assignment.shoppers.items()
                if int(number) % workers == worker
            },
        )
        for worker in range(workers)
    ]


def _send_snapshot(client_id: str, data: dict[str, object]) -> None:
    del client_id
    if HERE.is_assigned:
        data[REPORT_KEY] = codec.to_record(HERE.recorder.snapshot())


def _keep_snapshot(client_id: str, data: dict[str, object]) -> None:
    if REPORT_KEY in data:
        HERE.snapshots[client_id] = codec.from_record(Snapshot, data[REPORT_KEY])


@events.quitting.add_listener  # type: ignore[untyped-decorator]
def _send_measurements(environment: Any, **_: object) -> None:  # noqa: ANN401 - Locust has no types
    if isinstance(environment.runner, WorkerRunner):
        return
    plan = HERE.assignment.plan
    ended_after = max(0.0, min(HERE.now(), plan.seconds))
    gone = HERE.workers_gone
    if isinstance(environment.runner, MasterRunner):
        gone = max(gone, HERE.assignment.workers - len(HERE.takers & set(HERE.snapshots)))
    measured = merge(plan, HERE.all_snapshots(), ended_after, gone)
    HERE.send(Report(measured=measured))
