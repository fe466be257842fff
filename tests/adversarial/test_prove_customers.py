"""``make prove-gate``: attacks that once got a GO; each has the exit codes that are right now.

The place they begin in is a GO. What is changed is what customers meet, how long green was there,
and what counts twice.
"""

import json
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from bundle import EVERY, Line
from proving import Place, passing

Change = Callable[[Place], object]
REQUESTS, PAYMENTS, ORDERS = "http_requests_total", "payments_total", "orders_total"
STARTS, UP, WEIGHT = "process_start_time_seconds", "up", "haproxy_server_weight"
GO, NO_GO, HOLD, ROLLBACK = 0, 1, 3, 4
STEP = 620.0


def since_step(place: Place, at: float) -> bool:
    return at > place.metrics.now - STEP


def held(place: Place, lines: Iterable[Line]) -> None:
    """Counters that no longer rise since the step began."""
    for line in lines:
        before = max((v for at, v in line.points if not since_step(place, at)), default=0.0)
        line.points = [(at, before if since_step(place, at) else v) for at, v in line.points]


def answered(status: str) -> Change:
    """Every request to green is answered so since the step began; nothing is ordered or paid."""

    def change(place: Place) -> None:
        for line in list(place.metrics.named(REQUESTS, slot="green")):
            before = max((v for at, v in line.points if not since_step(place, at)), default=0.0)
            labels = {**line.labels, "status": status}
            moved = [
                (at, max(0.0, v - before) if since_step(place, at) else 0.0)
                for at, v in line.points
            ]
            held(place, [line])
            same = [line for line in place.metrics.lines if line.labels == labels]
            if same:
                values = dict(moved)
                same[0].points = [(at, v + values.get(at, 0.0)) for at, v in same[0].points]
            else:
                place.metrics.lines.append(Line(labels, moved))
        held(place, place.metrics.named(ORDERS, PAYMENTS, slot="green"))

    return change


def no_payments(place: Place) -> None:
    held(place, place.metrics.named(PAYMENTS, slot="green"))


def no_payments_ever(place: Place) -> None:
    for line in place.metrics.named(PAYMENTS, slot="green"):
        line.points = [(at, 0.0) for at, _ in line.points]


def payments_never_exported_by_green(place: Place) -> None:
    place.metrics.drop(PAYMENTS, slot="green")


def no_orders(place: Place) -> None:
    held(place, place.metrics.named(ORDERS, PAYMENTS, slot="green"))


def declined(place: Place) -> None:
    """Every payment on green is declined since the step began."""
    (captured,) = place.metrics.named(PAYMENTS, slot="green", status="captured")
    rising = dict(captured.points)
    before = max((v for at, v in captured.points if not since_step(place, at)), default=0.0)
    held(place, [captured])
    for line in place.metrics.named(PAYMENTS, slot="green", status="declined"):
        line.points = [(at, v + max(0.0, rising[at] - before)) for at, v in line.points]


def logins_refused(place: Place) -> None:
    route = "/api/auth/login"
    (good,) = place.metrics.named(REQUESTS, slot="green", route=route, status="200")
    rising, before = (
        dict(good.points),
        max((v for at, v in good.points if not since_step(place, at)), default=0.0),
    )
    held(place, [good])
    for line in place.metrics.named(REQUESTS, slot="green", route=route, status="401"):
        line.points = [(at, v + max(0.0, rising[at] - before)) for at, v in line.points]


def dead(*times: tuple[float, float]) -> Change:
    """Green is down in these times, seconds ago, and counts from zero after each."""

    def change(place: Place) -> None:
        now = place.metrics.now
        for line in place.metrics.lines:
            if line.labels.get("slot") != "green":
                continue
            name = line.labels["__name__"]
            if name == UP:
                line.points = [(at, 0.0 if is_dead(now - at) else v) for at, v in line.points]
                continue
            points = []
            for at, value in line.points:
                if is_dead(now - at):
                    continue
                ends = [now - until for _, until in times if now - until <= at]
                if name == STARTS and ends:
                    value = max(ends) - 1  # noqa: PLW2901 - of the process that came then
                elif ends and name.endswith(("_total", "_count", "_bucket")):
                    base = max(v for t, v in line.points if t <= max(ends))
                    value -= base  # noqa: PLW2901 - it counts from zero
                points.append((at, value))
            line.points = points

    def is_dead(ago: float) -> bool:
        return any(until < ago < since for since, until in times)

    return change


def scrapes_fail(place: Place) -> None:
    """Prometheus did not reach green for two minutes; the same process answers again."""
    now = place.metrics.now
    for line in place.metrics.lines:
        if line.labels.get("slot") == "green":
            lost = [at for at, _ in line.points if 200 < now - at < 320]
            if line.labels["__name__"] == UP:
                line.points = [(at, 0.0 if at in lost else v) for at, v in line.points]
            else:
                line.points = [(at, v) for at, v in line.points if at not in lost]


def weights_at_both_ends(place: Place) -> None:
    now = place.metrics.now
    place.metrics.keep(lambda at: now - at > STEP - 2 * EVERY or now - at < 2 * EVERY, WEIGHT)


def stated(*instances: str) -> Change:
    """The target file states which instances there must be."""

    def change(place: Place) -> None:
        path = place.folder / "targets" / "green.toml"
        listed = ", ".join(f'"{instance}"' for instance in instances)
        text = path.read_text().replace('slot = "green"', f'slot = "green"\ninstances = [{listed}]')
        path.write_text(text)
        place.prepare_again()

    return change


def fourth_not_scraped(place: Place) -> None:
    """Nobody says which instances there are; a quarter of green's traffic is answered unseen."""
    for line in place.metrics.lines:
        name = line.labels["__name__"]
        if line.labels.get("slot") == "green" and name.endswith(("_total", "_count", "_bucket")):
            line.points = [(at, float(round(v * 0.75))) for at, v in line.points]


def replicas(*names: str) -> Change:
    """Every series is there twice, from two Prometheus servers."""

    def change(place: Place) -> None:
        place.metrics.lines = [
            Line({**line.labels, "prometheus_replica": replica}, list(line.points))
            for line in place.metrics.lines
            for replica in ("a", "b")
            if not names or line.labels["__name__"] in names
        ] + [line for line in place.metrics.lines if names and line.labels["__name__"] not in names]

    return change


def two_names(place: Place) -> None:
    """Each process is scraped under a short and a full name."""
    place.metrics.lines += [
        Line(
            {**line.labels, "instance": line.labels["instance"].replace(":", ".local:")},
            list(line.points),
        )
        for line in place.metrics.lines
        if "slot" in line.labels
    ]


def answer_with(values: object) -> Change:
    body = json.dumps(
        {
            "status": "success",
            "data": {
                "resultType": "matrix",
                "result": [
                    {"metric": {"__name__": "up", "instance": "x", "job": "x"}, "values": values}
                ],
            },
        }
    )

    def change(place: Place) -> None:
        place.answer = lambda _: (200, body.encode(), 0.0)

    return change


def keys_twice(place: Place) -> None:
    body = (
        b'{"status": "error", "status": "success", "data": {"resultType": "matrix", "result": []}}'
    )
    place.answer = lambda _: (200, body, 0.0)


CASES: dict[str, tuple[Change, set[int]]] = {
    "every request answered 401": (answered("401"), {NO_GO, ROLLBACK}),
    "every request answered 404": (answered("404"), {NO_GO, ROLLBACK}),
    "every request answered 403": (answered("403"), {NO_GO, ROLLBACK}),
    "every request answered 422": (answered("422"), {NO_GO, ROLLBACK}),
    "every request answered 429": (answered("429"), {NO_GO, ROLLBACK}),
    "every request answered 500": (answered("500"), {ROLLBACK}),
    "no payments in this step": (no_payments, {NO_GO, HOLD}),
    "no payments in the ramp": (no_payments_ever, {NO_GO, HOLD}),
    "green does not export payments": (payments_never_exported_by_green, {NO_GO, HOLD}),
    "no orders in this step": (no_orders, {NO_GO, HOLD}),
    "every payment declined": (declined, {NO_GO, ROLLBACK}),
    "every log-in refused": (logins_refused, {NO_GO, ROLLBACK}),
    "down for 160 s": (dead((400, 240)), {NO_GO, HOLD}),
    "down three times for 45 s": (dead((520, 475), (400, 355), (280, 235)), {NO_GO, HOLD}),
    "not scraped for two minutes": (scrapes_fail, {HOLD}),
    "weights at both ends of the step": (weights_at_both_ends, {HOLD}),
    "an instance that is not scraped": (stated("green-1:5000", "green-2:5000"), {HOLD}),
    "a quarter of green's traffic unseen": (fourth_not_scraped, {HOLD}),
    "two replicas of everything": (replicas(), {HOLD}),
    "two replicas of the counters": (
        replicas(
            REQUESTS,
            STARTS,
            "http_request_duration_seconds_bucket",
            "http_request_duration_seconds_count",
        ),
        {HOLD},
    ),
    "two names of each process": (two_names, {HOLD}),
    "a time of 400 digits": (answer_with([[10**400, "1"]]), {HOLD}),
    "a time of 400 nines": (answer_with([[int("9" * 400), "1"]]), {HOLD}),
    "a value of 400 digits": (answer_with([[1.0, "9" * 400]]), {HOLD}),
    "keys given twice": (keys_twice, {HOLD}),
}


@pytest.mark.parametrize("name", list(CASES))
def test_what_once_got_a_go_has_the_right_answer(tmp_path: Path, name: str) -> None:
    change, codes = CASES[name]
    with passing(tmp_path) as place:
        change(place)
        answer = place.ask("ramp-30")
    assert answer.code in codes, answer.out + answer.err


def test_the_missing_instance_is_named(tmp_path: Path) -> None:
    with passing(tmp_path) as place:
        stated("green-1:5000", "green-2:5000")(place)
        answer = place.ask("ramp-30")
    assert "Prometheus has no fresh samples of green-2:5000" in answer.out


def test_the_doubling_label_is_named(tmp_path: Path) -> None:
    with passing(tmp_path) as place:
        replicas()(place)
        answer = place.ask("ramp-30")
    assert "prometheus_replica" in answer.out


def test_a_shop_that_exports_no_orders_is_judged_by_the_rest(tmp_path: Path) -> None:
    with passing(tmp_path) as place:
        place.metrics.drop(ORDERS)
        answer = place.ask("ramp-30")
    assert answer.code == GO, answer.out + answer.err
    assert "not judged, because there are no orders to compare" in answer.out


def test_a_shop_that_exports_no_payments_at_all_is_a_hold(tmp_path: Path) -> None:
    """The guide asks for payments: what no colour exports is no pass there."""
    with passing(tmp_path) as place:
        place.metrics.drop(PAYMENTS)
        answer = place.ask("ramp-30")
    assert answer.code == HOLD, answer.out + answer.err
    assert "the gate cannot measure this: payments failed" in answer.out
    assert "payments-declined: the objective is not judged" in answer.out


def test_statuses_that_never_occurred_are_none(tmp_path: Path) -> None:
    with passing(tmp_path) as place:
        place.metrics.drop(REQUESTS, status="401")
        place.metrics.drop(PAYMENTS, status="declined")
        answer = place.ask("ramp-30")
    assert answer.code == GO, answer.out + answer.err
