"""What Locust runs: shoppers who keep to the plan, and the shape that brings them in.

The process that judges the plan (alone, or the master) reads it from a pipe; workers get theirs
from the master. Every process records what its own shoppers see; a worker's record goes to the
master with each of Locust's reports.
"""

import json
import os
import random
import time
from typing import Any

import gevent
from locust import LoadTestShape, User, events, task
from locust.exception import StopUser
from locust.runners import STATE_MISSING, MasterRunner, WorkerRunner

from load.measuring import Recorder, merged
from load.plan import SPAWNED_A_SECOND, Plan
from load.steps import STEPS, Shopper, WrongAnswerError
from load.wire import Connection, NoAnswerError
from suites.contract import load as contract

# Locust brings users in a moment before they are due.
LEAD_SECONDS = 4.0
# At the end, answers that are under way may still come.
GRACE_SECONDS = 2.0
SHARED_OUT_SECONDS = 10.0
# Workers report every three seconds; what they answered since is not known before.
SETTLED_SECONDS = 6.0
# A phase is broken when so many of its requests failed, are missing, or were too slow: P95 is over.
BROKEN = 0.05


class _Generator:
    """This process's share of the run."""

    def __init__(self) -> None:
        self.plan: Plan
        self.content: dict[str, Any] = {}
        self.recorder: Recorder
        self.began_at = 0.0
        self.users: list[int] = []
        self.running = 0
        self.snapshots: dict[str, Any] = {}
        self.workers_gone = 0
        self.shares: list[dict[str, Any]] = []
        self.takers: set[str] = set()
        self.output = -1

    def take(self, content: dict[str, Any]) -> None:
        """Take the plan, and this process's part of the shoppers."""
        self.content = content
        self.plan = Plan.from_json(content["plan"])
        self.recorder = Recorder(self.plan)
        self.users = sorted(content["shoppers"], key=int, reverse=True)  # the first is taken last

    def begin(self, at: float) -> None:
        """The run begins at this time of the day."""
        self.began_at = at

    def now(self) -> float:
        """Seconds since the run began."""
        return time.time() - self.began_at

    def say(self, what: dict[str, Any]) -> None:
        """Tell the command that started us; when it is gone, so are we."""
        try:
            os.write(self.output, json.dumps(what).encode() + b"\n")
        except BrokenPipeError:
            os._exit(1)

    def everything(self) -> list[dict[str, Any]]:
        """The records of all generators."""
        return list(self.snapshots.values()) or [self.recorder.snapshot()]


HERE = _Generator()


class Customer(User):
    """One shopper of the plan, who asks when due and not when the store is ready for it."""

    @task
    def shop(self) -> None:
        """The whole of it: every due request, in order; then the user is gone."""
        if not HERE.users:
            raise StopUser  # a replacement for the users of a worker that is gone: they are lost
        number = HERE.users.pop()
        given = HERE.content["shoppers"][number]
        shopper = Shopper(
            number=int(number),
            token=given["token"],
            contract=contract(),
            connection=Connection(
                HERE.content["base_url"], given["source"], HERE.content["headers"],
                HERE.plan.patience, HERE.content.get("ca_file", ""),
            ),
            products=HERE.content["products"],
            words=HERE.content["words"],
            dice=random.Random(f"{HERE.plan.seed}/choices/{number}"),  # noqa: S311
        )  # fmt: skip
        HERE.running += 1
        try:
            self.keep_to_plan(shopper)
        finally:
            HERE.running -= 1
            shopper.connection.close()
        raise StopUser

    def keep_to_plan(self, shopper: Shopper) -> None:
        """Send each request when it is due, or as soon after as the one before has ended."""
        steps: list[str] = []
        free_at = 0.0
        for due in HERE.plan.due(shopper.number):
            gevent.sleep(max(0.0, due - HERE.now()))
            if not steps:
                steps = self.next_journey(shopper)
            HERE.recorder.started(HERE.now() - max(due, free_at))
            step = steps.pop(0)
            problem = self.take_step(shopper, step, due)
            free_at = HERE.now()
            if problem:
                steps = []
        gevent.sleep(max(0.0, HERE.plan.ends(shopper.number) - HERE.now()))

    def next_journey(self, shopper: Shopper) -> list[str]:
        """The steps of a journey, chosen by weight."""
        known: dict[str, Any] = HERE.content["journeys"]
        weights = [journey["weight"] for journey in known.values()]
        chosen = shopper.dice.choices(list(known), weights)[0]
        return list(known[chosen]["steps"])

    def take_step(self, shopper: Shopper, step: str, due: float) -> str:
        """One request; what is wrong with its answer, or an empty text."""
        problem, answered = "", True
        try:
            STEPS[step](shopper)
        except WrongAnswerError as error:
            problem = str(error)
        except NoAnswerError as error:
            problem, answered = str(error), False
        except (LookupError, TypeError, AttributeError) as error:
            problem = f"a body of another shape ({type(error).__name__})"
        now = HERE.now()
        HERE.recorder.ended(shopper.number, step, due, now, problem, answered=answered)
        self.environment.events.request.fire(
            request_type="", name=step, response_time=(now - due) * 1000, response_length=0,
            exception=RuntimeError(problem) if problem else None,
        )  # fmt: skip
        return problem


class Shape(LoadTestShape):
    """As many users as the plan has by now; those whose time is over leave by themselves."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.judged_until = 0

    def tick(self) -> tuple[int, float] | None:
        """Users and how many to spawn a second; None ends the run."""
        if not HERE.began_at:
            self.begin()
        now, plan = HERE.now(), HERE.plan
        HERE.say({"progress": {"at": round(now, 1), **_totals()}})
        if now < plan.seconds:
            HERE.workers_gone = max(HERE.workers_gone, _gone(self.runner))
        if now > plan.seconds + GRACE_SECONDS or self.is_broken(now):
            return None
        return max(1, plan.users_until(now + LEAD_SECONDS)), SPAWNED_A_SECOND

    def begin(self) -> None:
        """Everybody is here: the run begins in a moment."""
        until = time.monotonic() + SHARED_OUT_SECONDS
        while HERE.shares and time.monotonic() < until:
            gevent.sleep(0.05)
        HERE.begin(time.time() + LEAD_SECONDS)
        if isinstance(self.runner, MasterRunner):
            self.runner.send_message("begin", {"at": HERE.began_at})

    def is_broken(self, now: float) -> bool:
        """Whether a phase ended a moment ago in which the store broke down."""
        plan = HERE.plan
        number = plan.phase_at(now - SETTLED_SECONDS)
        if not plan.stops_when_broken or number == self.judged_until:
            return False
        phase, self.judged_until = plan.phases[number - 1], number
        timeline = merged(plan, HERE.everything(), now)["bad_by_second"]
        seconds = timeline[int(phase.start) : int(phase.end)]
        due, bad = sum(one[0] for one in seconds), sum(one[1] for one in seconds)
        return float(bad) > BROKEN * float(due)


def _totals() -> dict[str, int]:
    """Users running, requests done and failed, so far as is known here."""
    parts = [one["totals"] for one in HERE.snapshots.values()] or [HERE.recorder.totals()]
    return {name: sum(part[name] for part in parts) for name in ("users", "done", "failed")}


def _gone(runner: Any) -> int:  # noqa: ANN401 - Locust's
    """How many of the workers are not there any more."""
    if not isinstance(runner, MasterRunner):
        return 0
    present = {name for name, client in runner.clients.items() if client.state != STATE_MISSING}
    return int(HERE.content["workers"]) - len(HERE.takers & present)


def _look() -> None:
    while True:
        if HERE.content:
            HERE.recorder.look(HERE.now(), HERE.running)
        gevent.sleep(0.5)


@events.init.add_listener  # type: ignore[untyped-decorator]
def _prepare(environment: Any, **_: object) -> None:  # noqa: ANN401 - Locust's
    runner = environment.runner
    gevent.spawn(_look)
    if isinstance(runner, WorkerRunner):
        runner.register_message("share", lambda msg, **_: HERE.take(msg.data))
        runner.register_message("begin", lambda msg, **_: HERE.begin(msg.data["at"]))
        environment.events.report_to_master.add_listener(_report)
        runner.send_message("want", {})
        return
    HERE.output = int(os.environ["KIRANA_LOAD_OUTPUT"])
    with os.fdopen(int(os.environ["KIRANA_LOAD_INPUT"])) as pipe:
        content = json.load(pipe)
    if isinstance(runner, MasterRunner):
        HERE.shares = _shares(content)
        runner.register_message("want", lambda msg, **_: _send_one(runner, msg.node_id))
        environment.events.worker_report.add_listener(_keep)
    HERE.take(content)


def _send_one(runner: Any, client_id: str) -> None:  # noqa: ANN401 - Locust's
    """The next share goes to whoever asks; one too many gets none, and has nothing to do."""
    if HERE.shares:
        HERE.takers.add(client_id)
        runner.send_message("share", HERE.shares.pop(0), client_id)


def _shares(content: dict[str, Any]) -> list[dict[str, Any]]:
    """The shoppers dealt out to the workers, one each in turn."""
    workers, shoppers = content["workers"], content["shoppers"]
    return [
        {**content, "shoppers": {
            number: one for number, one in shoppers.items() if int(number) % workers == worker}}
        for worker in range(workers)
    ]  # fmt: skip


def _report(client_id: str, data: dict[str, Any]) -> None:
    del client_id
    if HERE.content:
        data["kirana"] = HERE.recorder.snapshot()


def _keep(client_id: str, data: dict[str, Any]) -> None:
    if "kirana" in data:
        HERE.snapshots[client_id] = data["kirana"]


@events.quitting.add_listener  # type: ignore[untyped-decorator]
def _hand_over(environment: Any, **_: object) -> None:  # noqa: ANN401 - Locust's
    if isinstance(environment.runner, WorkerRunner):
        return
    ended_after = min(HERE.now(), HERE.plan.seconds)
    gone = HERE.workers_gone
    if isinstance(environment.runner, MasterRunner):
        gone = max(gone, HERE.content["workers"] - len(HERE.takers & set(HERE.snapshots)))
    HERE.say({"measured": merged(HERE.plan, HERE.everything(), ended_after, gone)})
