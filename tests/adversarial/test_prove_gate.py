"""``make prove-gate``: whatever is done to the evidence of a GO, the command line exits non-zero.

Each case begins in a place where ``gates check`` exits 0, changes one thing, and asks again.
"""

import gzip
import json
import math
import random
import shutil
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from bundle import Line
from in_process import gates
from proving import CHECKS, Place, passing
from records import Events, shifted
from test_load_record import reseal
from thorough import THOROUGH
from worlds import ROOT

Change = Callable[[Place], object]
REQUESTS = "http_requests_total"
BUCKETS = "http_request_duration_seconds_bucket"
COUNT = "http_request_duration_seconds_count"
STARTS = "process_start_time_seconds"
BUILD = "kirana_build_info"
WEIGHT = "haproxy_server_weight"
PAYMENTS = "payments_total"
LIVE = (REQUESTS, BUCKETS, COUNT)
GREEN: dict[str, str] = {"slot": "green"}


def all_of(*changes: Change) -> Change:
    """One after the other."""

    def change(place: Place) -> None:
        for one_of_them in changes:
            one_of_them(place)

    return change


def having(**values: Any) -> Change:
    """The place has other values."""

    def change(place: Place) -> None:
        for name, value_of in values.items():
            setattr(place, name, value_of)

    return change


def points(
    how: Callable[[float, float], tuple[float, float]], *names: str, **labels: str
) -> Change:
    """Every point of some series is another one; of all, without names."""

    def change(place: Place) -> None:
        chosen = place.metrics.named(*names, **labels) if names else place.metrics.lines
        for line in chosen:
            line.points = [how(at, v) for at, v in line.points]

    return change


def a_folder(place: Place) -> None:
    path = place.keep_run([])
    path.unlink()
    path.mkdir()


def policy_of(raw: bytes) -> Change:
    """The policy is a file with this in it."""

    def change(place: Place) -> None:
        place.policy = place.folder / "other.toml"
        place.policy.write_bytes(raw)

    return change


# Suite results.
def doctored(how: Callable[[Events], Events], *, seal: bool = True) -> Change:
    return lambda place: place.keep_run(how(place.run_of()), seal=seal)


def one(check: str, **changes: Any) -> Callable[[Events], Events]:
    return lambda events: [{**e, **changes} if e.get("id") == check else e for e in events]


def started(**changes: Any) -> Callable[[Events], Events]:
    return lambda events: [{**events[0], **changes}, *events[1:]]


def other_build(events: Events) -> Events:
    return [{**e, **({"build": {**e["build"], "version": "5.0.1"}} if "build" in e else {})}
            for e in events]  # fmt: skip


LOGIN = "smoke.login"
SUITES: dict[str, Change] = {
    "no runs at all": lambda p: shutil.rmtree(p.out / "runs"),
    "an empty folder of a run": lambda p: p.keep_run([]).write_text(""),
    "a record that is a folder": a_folder,
    "a record cut in the middle": lambda p: cut(p, 0.5),
    "a record cut at its last line": lambda p: cut(p, 0.995),
    "a record that is no JSON": lambda p: (p.out / "runs/r1/checks.jsonl").write_text("{" * 300),
    "a record of zeros": lambda p: (p.out / "runs/r1/checks.jsonl").write_bytes(b"\0" * 4096),
    "a record with lines swapped": lambda p: p.keep_run(p.run_of()[::-1], seal=False),
    "changed after it was sealed": doctored(one(LOGIN, seconds=9), seal=False),
    "a failure": doctored(one(LOGIN, outcome="failed")),
    "a failure called passed, unsealed": doctored(one(LOGIN, outcome="failed"), seal=False),
    "an error": doctored(one(LOGIN, outcome="error")),
    "a skip": doctored(one(LOGIN, outcome="skipped")),
    "an expected failure": doctored(one(LOGIN, outcome="xfailed")),
    "an unexpected pass": doctored(one(LOGIN, outcome="xpassed")),
    "not applicable": doctored(one(LOGIN, outcome="not_applicable")),
    "inconclusive": doctored(one(LOGIN, outcome="inconclusive")),
    "an outcome nobody knows": doctored(one(LOGIN, outcome="Passed")),
    "an outcome that is true": doctored(one(LOGIN, outcome=True)),
    "a result lost": doctored(lambda e: [x for x in e if x.get("id") != LOGIN]),
    "a result twice": doctored(
        lambda e: [y for x in e for y in ([x] * (1 + (x.get("id") == LOGIN)))]),
    "a result of another name": doctored(one(LOGIN, id="smoke.logout")),
    "an hour and more too old": doctored(lambda e: shifted(e, timedelta(hours=-5))),
    "of the future": doctored(lambda e: shifted(e, timedelta(hours=1))),
    "without an end": doctored(lambda e: e[:-1]),
    "of blue": doctored(started(target="blue")),
    "of another address": doctored(started(base_url="http://127.0.0.1:1")),
    "of another target file": doctored(started(target_digest="0" * 64)),
    "of another version": doctored(other_build),
    "of a build nobody knows": doctored(started(build=None)),
    "the build changed under way": doctored(
        lambda e: [*e[:-1], {**e[-1], "build": {**e[-1]["build"], "version": "5.0.1"}}]),
    "judged by other limits": doctored(started(limits="0" * 64)),
    "of another run's name": doctored(started(run="r2")),
    "of another schema": doctored(started(schema=2)),
    "data left behind": doctored(one("run.left_nothing", outcome="failed")),
    "leaving nothing is not said": doctored(
        lambda e: [x for x in e if x.get("id") != "run.left_nothing"]),
    "failed in a later run": lambda p: p.keep_run(
        [{**x, **({"run": "r2"} if x["event"] == "started" else {}),
          **({"outcome": "failed"} if x.get("id") == LOGIN else {})}
         for x in p.run_of("r2")], "r2"),
    "unsigned, with a key": lambda p: p.variables.update(KIRANA_EVIDENCE_KEY="k" * 32),
    "a blank key": lambda p: p.variables.update(KIRANA_EVIDENCE_KEY=" "),
    "times without zone": doctored(lambda e: [{**x, "at": x["at"][:19]} for x in e]),
    "sealed, and its exit code was not 0": doctored(
        lambda e: [*e[:-1], {**e[-1], "exit_code": 1}]),
    "times of the year 1": doctored(
        lambda e: [{**x, "at": "0001-01-01T00:00:00+23:59"} for x in e]),
    "a boot time of 400 digits": doctored(
        started(boot={"machine": "m", "seconds": int("9" * 400)})),
    "a key given twice": lambda p: (
        path := p.out / "runs/r1/checks.jsonl",
        path.write_text(path.read_text().replace('"event": ', '"event": "check", "event": ', 1))),
    "something after the end": lambda p: append(p, '{"event": "check"}\n'),
}  # fmt: skip


def cut(place: Place, share: float) -> None:
    path = place.out / "runs" / "r1" / "checks.jsonl"
    raw = path.read_bytes()
    path.write_bytes(raw[: int(len(raw) * share)])


def append(place: Place, text: str) -> None:
    with (place.out / "runs" / "r1" / "checks.jsonl").open("a") as file:
        file.write(text)


# Samples.
def value(new: float, *names: str, **labels: str) -> Change:
    """The newest point of each series is another one."""

    def change(place: Place) -> None:
        for line in place.metrics.named(*names, **labels):
            line.points[-1] = (line.points[-1][0], new)

    return change


def lost(since: float, until: float, *names: str, **labels: str) -> Change:
    """No points from so many seconds ago until so many seconds ago."""
    return lambda place: place.metrics.keep(
        lambda at: not place.metrics.now - since <= at <= place.metrics.now - until,
        *names,
        **labels,
    )


def failing(share: float, since: float, **labels: str) -> Change:
    """From so many seconds ago on, such a share of green's requests fails."""

    def change(place: Place) -> None:
        begin = place.metrics.now - since
        goods = list(place.metrics.named(REQUESTS, slot="green", status="200", **labels))
        for good in goods:
            before = max((v for at, v in good.points if at <= begin), default=0.0)
            moved = {at: round((v - before) * share) for at, v in good.points if at > begin}
            good.points = [(at, v - moved.get(at, 0)) for at, v in good.points]
            for bad in place.metrics.named(REQUESTS, slot="green", status="500"):
                if bad.labels["instance"] == good.labels["instance"]:
                    bad.points = [(at, v + moved.get(at, 0)) for at, v in bad.points]

    return change


def slow(share: float, since: float, *edges: str) -> Change:
    """From so many seconds ago on, such a share of requests is in none of these buckets."""

    def change(place: Place) -> None:
        begin = place.metrics.now - since
        for edge in edges:
            for line in place.metrics.named(BUCKETS, slot="green", le=edge):
                before = max((v for at, v in line.points if at <= begin), default=0.0)
                line.points = [
                    (at, v if at <= begin else before + round((v - before) * (1 - share)))
                    for at, v in line.points
                ]

    return change


def relabel(name: str, new: str, *names: str, **labels: str) -> Change:
    def change(place: Place) -> None:
        for line in place.metrics.named(*names, **labels):
            line.labels[name] = new

    return change


def swapped(place: Place) -> None:
    other = {"green": "blue", "blue": "green"}
    for line in place.metrics.lines:
        if "slot" in line.labels and line.labels["__name__"] != BUILD:
            line.labels["slot"] = other[line.labels["slot"]]


def twice(place: Place) -> None:
    place.metrics.lines += [
        Line({**line.labels, "job": "again"}, list(line.points))
        for line in place.metrics.named(*LIVE, slot="green")
    ]


def spelled(place: Place) -> None:
    """A bucket changes its name in the middle."""
    half = place.metrics.now - 300
    for line in list(place.metrics.named(BUCKETS, slot="green", le="1.0")):
        place.metrics.lines.append(
            Line({**line.labels, "le": "1"}, [p for p in line.points if p[0] > half])
        )
        line.points = [p for p in line.points if p[0] <= half]


def falling(place: Place) -> None:
    """Counters run backwards, and no process started anew: every sample counts as a restart."""
    for line in place.metrics.named(*LIVE, slot="green"):
        top = line.points[-1][1]
        line.points = [(at, top - v) for at, v in line.points]


def moved(share: float, since: float) -> Change:
    """The balancer's weights were another share from then on."""

    def change(place: Place) -> None:
        for line in place.metrics.named(WEIGHT):
            own = share if line.labels["server"] == "green" else 1 - share
            begin = place.metrics.now - since
            line.points = [(at, 100 * own if at > begin else v) for at, v in line.points]

    return change


def crashing(place: Place) -> None:
    """Green starts anew every minute."""
    for line in place.metrics.named(STARTS, slot="green"):
        line.points = [(at, at - at % 60) for at, _ in line.points]


def two_processes(place: Place) -> None:
    """Two processes answer by turns at one address."""
    for line in place.metrics.named(STARTS, slot="green"):
        line.points = [(at, 1e6 if n % 2 else 2e6) for n, (at, _) in enumerate(line.points)]


SAMPLES: dict[str, Change] = {
    "NaN for green's requests": value(math.nan, REQUESTS, **GREEN),
    "NaN for green's errors": value(math.nan, REQUESTS, slot="green", status="500"),
    "infinite requests": value(math.inf, REQUESTS, slot="green", status="200"),
    "infinite errors": value(math.inf, REQUESTS, slot="green", status="500"),
    "minus infinity": value(-math.inf, REQUESTS, **GREEN),
    "a negative count": value(-5.0, REQUESTS, **GREEN),
    "NaN for a bucket": value(math.nan, BUCKETS, slot="green", le="1.0"),
    "NaN for a weight": value(math.nan, WEIGHT),
    "an infinite weight": value(math.inf, WEIGHT, server="green"),
    "NaN for a start": value(math.nan, STARTS, **GREEN),
    "NaN for payments": value(math.nan, PAYMENTS, **GREEN),
    "NaN for blue's requests": value(math.nan, REQUESTS, slot="blue"),
    "negative increments": falling,
    "a bucket larger than all": lambda p: p.metrics.change(
        lambda _, v: 3 * v + 9, BUCKETS, slot="green", le="1.0"),
    "more errors than requests": lambda p: p.metrics.change(
        lambda _, v: 0 * v, REQUESTS, slot="green", status="200"),
    "green's requests gone": lambda p: p.metrics.drop(REQUESTS, **GREEN),
    "green's error series gone since a minute": lost(
        62, -9, REQUESTS, slot="green", status="500"),
    "green's good series gone": lambda p: p.metrics.drop(REQUESTS, slot="green", status="200"),
    "green's buckets gone": lambda p: p.metrics.drop(BUCKETS, **GREEN),
    "green's latency counts gone": lambda p: p.metrics.drop(COUNT, **GREEN),
    "green's payments gone": lambda p: p.metrics.drop(PAYMENTS, **GREEN),
    "green's starts gone": lambda p: p.metrics.drop(STARTS, **GREEN),
    "green's build gone": lambda p: p.metrics.drop(BUILD, **GREEN),
    "blue's requests gone": lambda p: p.metrics.drop(REQUESTS, slot="blue"),
    "blue's buckets gone": lambda p: p.metrics.drop(BUCKETS, slot="blue"),
    "the weights gone": lambda p: p.metrics.drop(WEIGHT),
    "green's weight gone": lambda p: p.metrics.drop(WEIGHT, server="green"),
    "blue's weight gone": lambda p: p.metrics.drop(WEIGHT, server="blue"),
    "no series at all": lambda p: p.metrics.lines.clear(),
    "green not seen for two minutes": lost(120, -9, slot="green"),
    "green's errors not seen for two minutes": lost(
        120, -9, REQUESTS, slot="green", status="500"),
    "blue not seen for two minutes": lost(120, -9, slot="blue"),
    "weights not seen for two minutes": lost(120, -9, WEIGHT),
    "the build not seen for two minutes": lost(120, -9, BUILD, **GREEN),
    "nothing seen for an hour": lost(3600, -9),
    "half of the step not seen": lost(500, 180, slot="green"),
    "nine minutes not seen, then one point": lost(590, 20, slot="green"),
    "one point in the window": lambda p: p.metrics.keep(
        lambda at: at > p.metrics.now - 15, slot="green"),
    "green known since a minute": lambda p: p.metrics.keep(
        lambda at: at > p.metrics.now - 60, slot="green"),
    "every second half of the time an outage": lambda p: [
        failing(1.0, since)(p) for since in (60,)],
    "5 % errors all through": failing(0.05, 1820),
    "5 % errors in this step": failing(0.05, 600),
    "half a percent and more in this step": failing(0.008, 620),
    "all fail since a minute": failing(1.0, 62),
    "all fail since half a minute": failing(1.0, 32),
    "20 % errors for two minutes": failing(0.2, 122),
    "slow since the step began": slow(0.2, 620, "1.0", "0.5"),
    "all slow for a minute": slow(1.0, 62, "1.0", "0.5"),
    "over 5 s for a minute": slow(0.5, 62, "5.0", "1.0", "0.5"),
    "payments fail": lambda p: p.metrics.change(
        lambda at, v: v + (at > p.metrics.now - 300) * round((at - p.metrics.now + 300) / 10),
        PAYMENTS, slot="green", status="failed"),
    "swapped colours": swapped,
    "green's series under blue's name": relabel("slot", "blue", *LIVE, **GREEN),
    "the target's slot renamed": relabel("slot", "verde", *LIVE, **GREEN),
    "another version's samples": relabel("version", "5.0.1", BUILD, **GREEN),
    "another digest's samples": relabel("digest", "sha256:" + "0" * 32, BUILD, **GREEN),
    "blue's build under green's slot": relabel("deployment", "blue", BUILD, **GREEN),
    "a second build in the window": lambda p: p.metrics.lines.extend(
        [Line({**line.labels, "version": "5.0.9"}, line.points[-3:])
         for line in list(p.metrics.named(BUILD, **GREEN))]),
    "everything is synthetic": relabel("traffic", "synthetic", *LIVE, **GREEN),
    "everything is a health check": relabel("route", "/api/health", *LIVE, **GREEN),
    "scraped by two jobs": twice,
    "a bucket spelled anew": spelled,
    "series without an instance": lambda p: [
        line.labels.pop("instance") for line in p.metrics.named(REQUESTS, **GREEN)],
    "requests of another instance": relabel("instance", "other:1", REQUESTS, **GREEN),
    "too few requests": lambda p: p.metrics.change(lambda _, v: round(v / 50), *LIVE),
    "no requests on green": lambda p: p.metrics.change(
        lambda *_: 7.0, *LIVE, **GREEN),
    "somebody else answers for green": lambda p: p.metrics.change(
        lambda _, v: round(v / 3), REQUESTS, COUNT, BUCKETS, **GREEN),
    "green has 20 % since five minutes": moved(0.2, 300),
    "green has had 30 % for five minutes only": all_of(moved(0.2, 660), moved(0.3, 300)),
    "green has no traffic": moved(0.0, 45),
    "green has all traffic": moved(1.0, 45),
    "the balancer gives green nothing": points(
        lambda at, _: (at, 0.0), WEIGHT, server="green"),
    "green crashes every minute": crashing,
    "two processes at one address": two_processes,
    "samples of the future": points(lambda at, v: (at + 900, v)),
    "samples of an hour ago": points(lambda at, v: (at - 3600, v)),
}  # fmt: skip

DATABASE = "db_query_duration_seconds_bucket"
HITS, MISSES = "cache_hits_total", "cache_misses_total"
HOUR: dict[str, Change] = {
    "a NaN for a database bucket": value(math.nan, DATABASE, **GREEN),
    "the database's times gone": lambda p: p.metrics.drop(DATABASE),
    "the database is slow": lambda p: p.metrics.change(
        lambda _, v: round(v / 2), DATABASE, **GREEN),
    "the cache misses": lambda p: p.metrics.change(lambda _, v: v * 9, MISSES, **GREEN),
    "no misses are exported": all_of(
        lambda p: p.metrics.drop(MISSES, **GREEN), lambda p: p.metrics.drop(HITS, **GREEN)),
    "hits not seen for two minutes": lost(120, -9, HITS, **GREEN),
    "two in a thousand fail": failing(0.002, 620),
    "hardly any requests in the hour": lambda p: p.metrics.change(
        lambda _, v: round(v / 20), REQUESTS, COUNT, BUCKETS),
}  # fmt: skip


# Answers of Prometheus and of the target itself.
def answers(status: int, body: bytes, delay: float = 0.0, only: str = "") -> Change:
    def change(place: Place) -> None:
        place.answer = lambda query: (status, body, delay) if only in query else None

    return change


def clocks_differ(place: Place) -> None:
    place.date = time.time() - 600


def shape(data: object) -> bytes:
    return json.dumps({"status": "success", "data": data}).encode()


SOMEBODY: bytes = shape(
    {
        "resultType": "matrix",
        "result": [
            {"metric": {"__name__": "up", "instance": "x", "job": "x"}, "values": [[1.0, "1"]]}
        ],
    }
)
ANSWERS: dict[str, Change] = {
    "Prometheus answers 500": answers(500, b"{}"),
    "Prometheus answers HTML": answers(200, b"<html>log in</html>"),
    "Prometheus answers nothing": answers(200, b""),
    "Prometheus answers null": answers(200, b"null"),
    "Prometheus answers a list": answers(200, b"[]"),
    "Prometheus answers 404": answers(404, b"not found"),
    "Prometheus redirects": answers(302, b""),
    "Prometheus says error": answers(200, b'{"status": "error", "error": "timeout"}'),
    "Prometheus is slow": answers(200, SOMEBODY, 3.0),
    "Prometheus is slow with one answer": answers(200, SOMEBODY, 3.0, only=PAYMENTS),
    "Prometheus has another server's data": answers(200, SOMEBODY),
    "an empty vector": answers(200, shape({"resultType": "matrix", "result": []})),
    "a scalar": answers(200, shape({"resultType": "scalar", "result": [1.0, "1"]})),
    "a vector": answers(200, shape({"resultType": "vector", "result": []})),
    "a warning": answers(200, json.dumps({"status": "success", "warnings": ["partial"], "data": {
        "resultType": "matrix", "result": []}}).encode()),
    "only the weights fail": answers(500, b"{}", only=WEIGHT),
    "only the builds fail": answers(500, b"{}", only=BUILD),
    "only the starts fail": answers(500, b"{}", only=STARTS),
    "a body cut in the middle": answers(200, SOMEBODY[:50]),
    "the clocks differ": clocks_differ,
    "nobody answers for the target": all_of(
        lambda p: p.health.clear(), having(status=503)),
    "green serves another version": lambda p: p.health.update(version="5.0.1"),
    "green serves another digest": lambda p: p.health.update(digest="sha256:" + "0" * 32),
    "green calls itself blue": lambda p: p.health.update(deployment="blue"),
    "green is not healthy": having(status=503),
    "green names no build": lambda p: p.health.pop("version"),
    "green's health is of another shape": lambda p: p.health.update(version=5),
}  # fmt: skip


# Policies, targets, the command line, the ledger.
def policy_with(old: str, new: str) -> Change:
    def change(place: Place) -> None:
        text = (ROOT / "policies" / "release.toml").read_text()
        assert old in text
        place.policy = place.folder / "policy.toml"
        place.policy.write_text(text.replace(old, new))

    return change


def target_with(old: str, new: str) -> Change:
    def change(place: Place) -> None:
        path = place.folder / "targets" / "green.toml"
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    return change


def no_ledger(place: Place) -> None:
    (place.out / "ledger.jsonl").mkdir(parents=True)


def bad_ledger(place: Place) -> None:
    place.out.mkdir(exist_ok=True)
    (place.out / "ledger.jsonl").write_text("this is no ledger\n")


RULES: dict[str, Change] = {
    "an empty policy": policy_of(b""),
    "a policy that is not there": having(policy=Path("/nowhere/policy.toml")),
    "a policy that is no TOML": policy_of(b"\xff\0"),
    "a stage without objectives": policy_with(
        'objectives = ["with-traffic", "only-listed", "live-triggers"]', "objectives = []"),
    "an empty group": policy_with('"served-build", "smoke-in-ramp", "live-build"', ""),
    "an unknown check": policy_with('"smoke.health",', '"smoke.health", "smoke.made_up",'),
    "an unknown objective": policy_with('"errors-against-blue", ', '"errors-against-bleu", '),
    "an unknown key": policy_with("worry_at = 20", "worry_at = 20\nworry = 1"),
    "a limit in percent": policy_with(
        "below = 0.05\nminimum_events", "below = 5\nminimum_events"),
    "a rate for a counter": policy_with(
        "bad = 'payments_total{slot=\"$slot\",traffic!=\"synthetic\",status=\"failed\"}'",
        "bad = 'rate(payments_total{slot=\"$slot\"}[5m])'"),
    "other limits than the suites'": policy_with("search = 0.5", "search = 0.6"),
    "a longer bake": policy_with("bake_seconds = 600\n", "bake_seconds = 900\n"),
    "another share": policy_with("0.2, 0.3, 0.4", "0.2, 0.35, 0.4"),
    "an unknown option": having(options=("--force",)),
    "an unknown target folder": having(options=("--targets", "/nowhere")),
    "a time scale of ages": having(options=("--time-scale", "1000")),
    "a rehearsal's time scale": having(options=("--time-scale", "15")),
    "a time scale below one": having(options=("--time-scale", "0.1")),
    "a time scale that is no number": having(options=("--time-scale", "nan")),
    "a target of production at scale": all_of(
        target_with("production = false", "production = true"),
        having(options=("--time-scale", "15"))),
    "the target file was changed": target_with("[metrics]", "# touched\n[metrics]"),
    "a ledger that cannot be written": no_ledger,
    "a ledger that is none": bad_ledger,
    "no room for evidence": lambda p: (p.out / "evidence").write_text(""),
}  # fmt: skip


def load_with(change: Callable[[dict[str, Any]], object], *, sealed: bool) -> Change:
    def doctor(place: Place) -> None:
        path = place.keep_load()
        content = json.loads(path.read_text())
        change(content)
        if sealed:
            reseal(content)
        path.write_text(json.dumps(content))

    return doctor


def in_phase(**changes: Any) -> Callable[[dict[str, Any]], object]:
    return lambda content: content["measured"]["phases"][0].update(changes)


def in_total(**changes: Any) -> Callable[[dict[str, Any]], object]:
    return lambda content: content["measured"]["phases"][0]["operations"]["total"].update(changes)


LOADS: dict[str, Change] = {
    "no load run": lambda _: None,
    "a load record cut": lambda p: (
        path := p.keep_load(), path.write_bytes(path.read_bytes()[:-40])),
    "a load record emptied": lambda p: p.keep_load().write_text(""),
    "changed after the seal": load_with(in_phase(due=100), sealed=False),
    "requests failed": load_with(in_total(done=23_000, failed=1_000), sealed=True),
    "requests without an end": load_with(in_phase(unfinished=900), sealed=True),
    "too slow": load_with(in_total(p95=1.4, p95_at_least=1.3, p95_at_most=1.5), sealed=True),
    "a gap": load_with(in_phase(longest_gap_seconds=20.0), sealed=True),
    "nothing measured": load_with(lambda c: c["measured"].update(phases=[]), sealed=True),
    "of another run": load_with(lambda c: c.update(run="l2"), sealed=True),
    "of blue's": load_with(lambda c: c.update(target="blue"), sealed=True),
    "of another file": load_with(lambda c: c.update(target_digest="0" * 64), sealed=True),
    "of other limits": load_with(lambda c: c.update(limits="0" * 64), sealed=True),
    "days ago": load_with(
        lambda c: c.update(started_at="2020-01-01T00:00:00+00:00",
                           ended_at="2020-01-01T00:03:00+00:00"), sealed=True),
    "a worker gone": load_with(
        lambda c: c["measured"]["generator"].update(workers_gone=1), sealed=True),
    "a starved generator": load_with(
        lambda c: c["measured"]["generator"].update(processor_share=[0.99]), sealed=True),
}  # fmt: skip

CASES: dict[str, tuple[str, Change]] = {
    **{f"suite: {name}": ("ramp-30", change) for name, change in SUITES.items()},
    **{f"samples: {name}": ("ramp-30", change) for name, change in SAMPLES.items()},
    **{f"answers: {name}": ("ramp-30", change) for name, change in ANSWERS.items()},
    **{f"rules: {name}": ("ramp-30", change) for name, change in RULES.items()},
    **{f"hour: {name}": ("hour-1", change) for name, change in HOUR.items()},
    **{f"load: {name}": ("load-test", change) for name, change in LOADS.items()},
}
# What a case may end with: a decision that is no GO, or an error that cannot be taken for one.
ENDS = {1, 2, 3, 4, 70}


@pytest.mark.parametrize("name", list(CASES) if THOROUGH else list(CASES)[::2])
def test_what_is_lost_aged_forged_or_failing_is_no_go(tmp_path: Path, name: str) -> None:
    stage, change = CASES[name]
    with passing(tmp_path, stage) as place:
        change(place)
        answer = place.ask(stage)
    assert answer.code in ENDS, answer.out + answer.err
    assert not answer.out.startswith("GO")
    assert answer.out or answer.err


# One case of each kind; ``make prove-gate`` runs every case in a process of its own.
AS_PROCESSES = (
    "suite: a failure", "samples: NaN for green's requests", "answers: Prometheus answers 500",
    "answers: Prometheus is slow", "rules: an empty policy", "rules: an unknown option",
    "hour: the cache misses", "load: a gap",
)  # fmt: skip


@pytest.mark.parametrize("name", AS_PROCESSES)
def test_a_process_answers_as_the_command_line_in_this_process(tmp_path: Path, name: str) -> None:
    stage, change = CASES[name]
    with passing(tmp_path, stage) as place:
        change(place)
        answer = place.ask_process(stage)
        here = place.ask(stage)
    assert answer.code == here.code
    assert answer.code in ENDS, answer.out + answer.err
    assert not answer.out.startswith("GO")
    assert answer.out.splitlines()[:1] == here.out.splitlines()[:1]
    assert answer.out or answer.err


def test_a_process_says_go_where_everything_is_well(tmp_path: Path) -> None:
    with passing(tmp_path) as place:
        answer = place.ask_process("ramp-30")
    assert answer.code == 0, answer.out + answer.err


@pytest.mark.parametrize("instances", [1, 3])
def test_the_place_they_begin_in_is_a_go(tmp_path: Path, instances: int) -> None:
    with passing(tmp_path, instances=instances) as place:
        answer = place.ask("ramp-30")
        assert answer.code == 0, answer.out + answer.err
        place.keep_load()
        answer = place.ask("load-test")
        assert answer.code == 0, answer.out + answer.err
    with passing(tmp_path / "hour", "hour-1", instances=instances) as place:
        answer = place.ask("hour-1")
        assert answer.code == 0, answer.out + answer.err


def not_scraped(instance: str) -> Change:
    """Prometheus cannot reach an instance since two minutes, and still knows the instance."""

    def change(place: Place) -> None:
        begin = place.metrics.now - 120
        states = {at: float(at < begin) for line in place.metrics.named("up", instance=instance)
                  for at, _ in line.points}  # fmt: skip
        lost(120, -9, instance=instance)(place)
        for line in place.metrics.named("up", instance=instance):
            line.points = sorted(states.items())

    return change


THREE: dict[str, Change] = {
    "one of three cannot be scraped": not_scraped("green-2:5000"),
    "one of three exports no requests": lambda p: p.metrics.drop(
        REQUESTS, instance="green-2:5000"),
    "one of three is another build": relabel("version", "5.0.1", BUILD, instance="green-3:5000"),
    "one of three fails": failing(1.0, 300, instance="green-3:5000"),
    "one of three exports NaN": value(math.nan, REQUESTS, instance="green-1:5000"),
    "one of three crashes": points(
        lambda at, _: (at, at - at % 60), STARTS, instance="green-2:5000"),
}  # fmt: skip


@pytest.mark.parametrize("name", list(THREE))
def test_one_of_three_instances_is_enough_for_no_go(tmp_path: Path, name: str) -> None:
    with passing(tmp_path, instances=3) as place:
        THREE[name](place)
        answer = place.ask("ramp-30")
    assert answer.code in ENDS, answer.out + answer.err


GONE: dict[str, Change] = {
    "an instance left the discovery": lost(120, -9, instance="green-2:5000"),
    "a status that never occurred": lambda p: p.metrics.drop(
        REQUESTS, slot="green", status="500"),
}  # fmt: skip


@pytest.mark.parametrize("name", list(GONE))
def test_what_need_not_be_there_does_not_hold(tmp_path: Path, name: str) -> None:
    with passing(tmp_path, instances=3) as place:
        GONE[name](place)
        answer = place.ask("ramp-30")
    assert answer.code == 0, answer.out + answer.err


def test_there_are_at_least_120_cases() -> None:
    assert len(CASES) + len(THREE) >= 120


# The ledger: a decision that was forged there, or whose evidence was, is found.
def test_forged_evidence_of_a_decision_is_found(tmp_path: Path) -> None:
    with passing(tmp_path) as place:
        answer = place.ask("ramp-30")
    entry = answer.out.partition("ledger entry ")[2].split()[0]
    shown = gates("explain", entry, "--out", str(place.out))
    assert shown.code == 0, shown.err
    assert "the same decision" in shown.out
    (kept,) = (place.out / "evidence").iterdir()
    raw = gzip.decompress(kept.read_bytes())
    kept.write_bytes(gzip.compress(raw.replace(b'"passed"', b'"failed"', 1)))
    assert gates("explain", entry, "--out", str(place.out)).code == 70


def test_a_forged_ledger_is_found(tmp_path: Path) -> None:
    with passing(tmp_path) as place:
        place.answer = lambda _: (500, b"", 0.0)
        assert place.ask("ramp-30").code == 3
    path = place.out / "ledger.jsonl"
    path.write_text(path.read_text().replace('"hold"', '"go"'))
    assert gates("log", "--verify", "--out", str(place.out)).code == 70


def test_the_cases_are_not_in_an_order_that_matters() -> None:
    names = list(CASES)
    random.Random(6).shuffle(names)
    assert sorted(names) == sorted(CASES)


def test_every_suite_case_is_about_a_check_that_is_asked_for() -> None:
    assert LOGIN in CHECKS
