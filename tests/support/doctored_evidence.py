"""What can be wrong with runs, answers, policies and load records of a place that says GO."""

import json
import shutil
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from doctored_samples import BUILD, PAYMENTS, STARTS, WEIGHT, Change, all_of, having
from proving import Place
from records import Events, shifted
from test_load_record import reseal
from worlds import ROOT


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


def with_result(check: str, **changes: Any) -> Callable[[Events], Events]:
    return lambda events: [{**e, **changes} if e.get("id") == check else e for e in events]


def started(**changes: Any) -> Callable[[Events], Events]:
    return lambda events: [{**events[0], **changes}, *events[1:]]


def other_build(events: Events) -> Events:
    return [
        {**e, **({"build": {**e["build"], "version": "5.0.1"}} if "build" in e else {})}
        for e in events
    ]


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
    "changed after it was sealed": doctored(with_result(LOGIN, seconds=9), seal=False),
    "a failure": doctored(with_result(LOGIN, outcome="failed")),
    "a failure called passed, unsealed": doctored(with_result(LOGIN, outcome="failed"), seal=False),
    "an error": doctored(with_result(LOGIN, outcome="error")),
    "a skip": doctored(with_result(LOGIN, outcome="skipped")),
    "an expected failure": doctored(with_result(LOGIN, outcome="xfailed")),
    "an unexpected pass": doctored(with_result(LOGIN, outcome="xpassed")),
    "not applicable": doctored(with_result(LOGIN, outcome="not_applicable")),
    "inconclusive": doctored(with_result(LOGIN, outcome="inconclusive")),
    "an outcome nobody knows": doctored(with_result(LOGIN, outcome="Passed")),
    "an outcome that is true": doctored(with_result(LOGIN, outcome=True)),
    "a result lost": doctored(lambda e: [x for x in e if x.get("id") != LOGIN]),
    "a result twice": doctored(
        lambda e: [y for x in e for y in ([x] * (1 + (x.get("id") == LOGIN)))]
    ),
    "a result of another name": doctored(with_result(LOGIN, id="smoke.logout")),
    "an hour and more too old": doctored(lambda e: shifted(e, timedelta(hours=-5))),
    "of the future": doctored(lambda e: shifted(e, timedelta(hours=1))),
    "without an end": doctored(lambda e: e[:-1]),
    "of blue": doctored(started(target="blue")),
    "of another address": doctored(started(base_url="http://127.0.0.1:1")),
    "of another target file": doctored(started(target_digest="0" * 64)),
    "of another version": doctored(other_build),
    "of a build nobody knows": doctored(started(build=None)),
    "the build changed under way": doctored(
        lambda e: [*e[:-1], {**e[-1], "build": {**e[-1]["build"], "version": "5.0.1"}}]
    ),
    "judged by other limits": doctored(started(limits="0" * 64)),
    "of another run's name": doctored(started(run="r2")),
    "of another schema": doctored(started(schema=2)),
    "data left behind": doctored(with_result("run.left_nothing", outcome="failed")),
    "leaving nothing is not said": doctored(
        lambda e: [x for x in e if x.get("id") != "run.left_nothing"]
    ),
    "failed in a later run": lambda p: p.keep_run(
        [
            {
                **x,
                **({"run": "r2"} if x["event"] == "started" else {}),
                **({"outcome": "failed"} if x.get("id") == LOGIN else {}),
            }
            for x in p.run_of("r2")
        ],
        "r2",
    ),
    "unsigned, with a key": lambda p: p.variables.update(KIRANA_EVIDENCE_KEY="k" * 32),
    "a blank key": lambda p: p.variables.update(KIRANA_EVIDENCE_KEY=" "),
    "times without zone": doctored(lambda e: [{**x, "at": x["at"][:19]} for x in e]),
    "sealed, and its exit code was not 0": doctored(lambda e: [*e[:-1], {**e[-1], "exit_code": 1}]),
    "times of the year 1": doctored(
        lambda e: [{**x, "at": "0001-01-01T00:00:00+23:59"} for x in e]
    ),
    "a boot time of 400 digits": doctored(
        started(boot={"machine": "m", "seconds": int("9" * 400)})
    ),
    "a key given twice": lambda p: (
        path := p.out / "runs/r1/checks.jsonl",
        path.write_text(path.read_text().replace('"event": ', '"event": "check", "event": ', 1)),
    ),
    "something after the end": lambda p: append(p, '{"event": "check"}\n'),
}


def cut(place: Place, share: float) -> None:
    path = place.out / "runs" / "r1" / "checks.jsonl"
    raw = path.read_bytes()
    path.write_bytes(raw[: int(len(raw) * share)])


def append(place: Place, text: str) -> None:
    with (place.out / "runs" / "r1" / "checks.jsonl").open("a") as file:
        file.write(text)


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
    "a warning": answers(
        200,
        json.dumps(
            {
                "status": "success",
                "warnings": ["partial"],
                "data": {"resultType": "matrix", "result": []},
            }
        ).encode(),
    ),
    "only the weights fail": answers(500, b"{}", only=WEIGHT),
    "only the builds fail": answers(500, b"{}", only=BUILD),
    "only the starts fail": answers(500, b"{}", only=STARTS),
    "a body cut in the middle": answers(200, SOMEBODY[:50]),
    "the clocks differ": clocks_differ,
    "nobody answers for the target": all_of(lambda p: p.health.clear(), having(status=503)),
    "green serves another version": lambda p: p.health.update(version="5.0.1"),
    "green serves another digest": lambda p: p.health.update(digest="sha256:" + "0" * 32),
    "green calls itself blue": lambda p: p.health.update(deployment="blue"),
    "green is not healthy": having(status=503),
    "green names no build": lambda p: p.health.pop("version"),
    "green's health is of another shape": lambda p: p.health.update(version=5),
}


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
        'objectives = ["with-traffic", "only-listed", "live-triggers"]', "objectives = []"
    ),
    "an empty group": policy_with('"served-build", "smoke-in-ramp", "live-build"', ""),
    "an unknown check": policy_with('"smoke.health",', '"smoke.health", "smoke.made_up",'),
    "an unknown objective": policy_with('"errors-against-blue", ', '"errors-against-bleu", '),
    "an unknown key": policy_with("worry_at = 20", "worry_at = 20\nworry = 1"),
    "a limit in percent": policy_with("below = 0.05\nminimum_events", "below = 5\nminimum_events"),
    "a rate for a counter": policy_with(
        'bad = \'payments_total{slot="$slot",traffic!="synthetic",'
        'status!~"|captured|declined|pending"}\'',
        "bad = 'rate(payments_total{slot=\"$slot\"}[5m])'",
    ),
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
        having(options=("--time-scale", "15")),
    ),
    "the target file was changed": target_with("[metrics]", "# touched\n[metrics]"),
    "a ledger that cannot be written": no_ledger,
    "a ledger that is none": bad_ledger,
    "no room for evidence": lambda p: (p.out / "evidence").write_text(""),
}


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
        path := p.keep_load(),
        path.write_bytes(path.read_bytes()[:-40]),
    ),
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
        lambda c: c.update(
            started_at="2020-01-01T00:00:00+00:00", ended_at="2020-01-01T00:03:00+00:00"
        ),
        sealed=True,
    ),
    "a worker gone": load_with(
        lambda c: c["measured"]["generator"].update(workers_gone=1), sealed=True
    ),
    "a starved generator": load_with(
        lambda c: c["measured"]["generator"].update(processor_share=[0.99]), sealed=True
    ),
}
