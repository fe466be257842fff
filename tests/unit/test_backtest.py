"""Recordings: read from anywhere, replayed as if live, and tests of policies made of them."""

import json
import re
import resource
from dataclasses import replace
from pathlib import Path

import pytest
from exposed_systems import SYSTEMS
from exposed_systems import lines as lines_of_system
from in_process import gates
from judge_simulation import BROKEN, CUSTOMER_KEYS, HEALTHY, HOLDS
from recorded_ramps import UNUSUAL, Line, lines, with_text, write
from thorough import THOROUGH
from worlds import ROOT

from gates.backtest import recording_file
from gates.backtest.replay import Replay, replay
from gates.errors import RecordingError
from gates.model import ComparisonObjective, Outcome, Scrape, ThroughputObjective
from gates.policy import policy_file as policy
from gates.policy.linting import policy_problems as linting

POLICY = policy.load(ROOT / "policies" / "release.toml")


def replayed(folder: Path, recording: list[Line]) -> Replay:
    return replay(
        recording_file.read(write(folder / "ramp.jsonl", recording), POLICY.indicators), POLICY
    )


def test_a_good_ramp_is_a_go_at_every_step(tmp_path: Path) -> None:
    result = replayed(tmp_path, lines(HEALTHY["error 0.1 %"]))
    assert (result.decision, result.stopped_at) == (Outcome.GO, None), result.reason
    assert [step.t for step in result.steps] == [600.0 * n for n in range(1, 11)]
    assert {step.decision for step in result.steps} == {Outcome.GO}
    assert "smoke-in-ramp" in result.left_out


def test_a_bad_ramp_is_stopped_and_says_why(tmp_path: Path) -> None:
    result = replayed(tmp_path, lines(BROKEN["20 % errors"].change))
    assert result.decision is Outcome.ROLLBACK
    assert result.stopped_at is not None
    assert result.stopped_at <= 60
    assert "green" in result.reason
    assert "blue" in result.reason


def test_both_over_the_limit_is_a_hold(tmp_path: Path) -> None:
    result = replayed(tmp_path, lines(HOLDS["both colours over the limit"][0]))
    assert (result.decision, result.stopped_at) == (Outcome.HOLD, None)
    assert Outcome.GO not in {step.decision for step in result.steps}


def without_customers(recording: list[Line]) -> list[Line]:
    """A recording of before: with none of the series that customers' comparisons read."""
    wanted = tuple(CUSTOMER_KEYS)
    return with_text(
        lambda text: "".join(
            line for line in text.splitlines(keepends=True) if not line.startswith(wanted)
        )
    )(recording)


@pytest.mark.parametrize("kind", ["error 0.1 %", "20 % errors", "1 % errors", "all payments fail"])
def test_a_recording_without_the_customers_series_is_judged_as_before(
    tmp_path: Path, kind: str
) -> None:
    change = HEALTHY[kind] if kind in HEALTHY else BROKEN[kind].change
    path = write(tmp_path / "ramp.jsonl", without_customers(lines(change)))
    relative = (ComparisonObjective, ThroughputObjective)
    before = replace(
        POLICY,
        stages=tuple(
            replace(
                stage,
                objectives=tuple(
                    objective
                    for objective in stage.objectives
                    if not isinstance(objective, relative)
                    or not getattr(objective, "relative", True)
                ),
            )
            for stage in POLICY.stages
        ),
    )
    now, then = (
        replay(recording_file.read(path, POLICY.indicators), policy) for policy in (POLICY, before)
    )
    assert (now.stopped_at, now.decision) == (then.stopped_at, then.decision)
    assert [step.decision for step in now.steps] == [step.decision for step in then.steps]


@pytest.mark.parametrize("name", list(UNUSUAL) if THOROUGH else list(UNUSUAL)[::5])
def test_an_unusual_recording_is_judged_alike(tmp_path: Path, name: str) -> None:
    good = replayed(tmp_path, UNUSUAL[name](lines(HEALTHY["error 0.1 %"])))
    assert (good.decision, good.stopped_at) == (Outcome.GO, None), good.reason
    bad = replayed(tmp_path, UNUSUAL[name](lines(BROKEN["5 % errors"].change)))
    assert bad.decision in (Outcome.NO_GO, Outcome.ROLLBACK)
    assert bad.stopped_at is not None
    assert bad.stopped_at <= 120


DAMAGED: dict[str, list[Line]] = {
    "no lines": [],
    "no scrape": [{"t": 0.0, "weight": {"green": 0.1}}],
    "a weight over 1": [{"t": 0.0, "weight": {"green": 10}}],
    "a weight of nobody": [{"t": 0.0, "weight": {"verde": 0.1}}],
    "no time": [{"target": "green", "instance": "a", "text": ""}],
    "a time that is a text": [{"t": "0", "target": "green", "instance": "a", "text": ""}],
    "a time that is true": [{"t": True, "target": "green", "instance": "a", "text": ""}],
    "no instance": [{"t": 0.0, "target": "green", "text": ""}],
    "a text that is a list": [{"t": 0.0, "target": "green", "instance": "a", "text": []}],
    "a figure that is none": [
        {
            "t": 0.0,
            "target": "green",
            "instance": "a",
            "text": 'http_requests_total{status="200"} many\n',
        }
    ],
    "a series without a figure": [
        {
            "t": 0.0,
            "target": "green",
            "instance": "a",
            "text": 'http_requests_total{status="200"}\n',
        }
    ],
}


@pytest.mark.parametrize("name", list(DAMAGED))
def test_what_is_no_recording_is_said_with_its_line(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / "bad.jsonl", DAMAGED[name])
    with pytest.raises(RecordingError, match=r"bad\.jsonl"):
        recording_file.read(path, POLICY.indicators)
    done = gates("backtest", str(path))
    assert done.code == 2
    assert "bad.jsonl" in done.err


@pytest.mark.parametrize("value", ["NaN", "+Inf", "-5"])
def test_figures_that_are_no_counts_are_a_hold(tmp_path: Path, value: str) -> None:
    recording = lines(HEALTHY["error 0.1 %"])
    text = f'http_requests_total{{status="500",route="/x"}} {value}\n'
    recording = [
        {**item, "text": item["text"] + text} if item.get("target") == "green" else item
        for item in recording
    ]
    result = replayed(tmp_path, recording)
    assert result.decision is Outcome.HOLD
    assert Outcome.GO not in {step.decision for step in result.steps}


@pytest.mark.parametrize(
    "lost", ["http_request_duration_seconds", 'le="5.0"', 'le="1.0"', "http_requests_total"]
)
def test_a_metric_that_vanishes_midway_is_no_go_and_no_stop(tmp_path: Path, lost: str) -> None:
    recording = [
        {
            **item,
            "text": "".join(line + "\n" for line in item["text"].split("\n") if lost not in line),
        }
        if item.get("target") == "green" and item["t"] > 1290
        else item
        for item in lines(HEALTHY["error 0.1 %"])
    ]
    result = replayed(tmp_path, recording)
    assert (result.decision, result.stopped_at) == (Outcome.HOLD, None), result.reason
    assert {step.decision for step in result.steps if step.weight > 0.3} == {Outcome.HOLD}


def test_a_recording_of_a_hundred_minutes_takes_under_two_seconds(tmp_path: Path) -> None:
    path = write(tmp_path / "ramp.jsonl", lines(HEALTHY["error 0.1 %"]))
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = gates("backtest", str(path), "--json")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime - before.ru_utime < 2
    assert (done.code, json.loads(done.out)["decision"]) == (0, "go")


def test_a_test_of_a_policy_says_what_came_out_otherwise(tmp_path: Path) -> None:
    write(tmp_path / "good.jsonl", lines(HEALTHY["error 0.1 %"]))
    write(tmp_path / "bad.jsonl", lines(BROKEN["every request fails"].change))
    cases = tmp_path / "cases.toml"
    good = '[good]\nrecording = "good.jsonl"\ndecision = "go"\n'
    bad = '[bad]\nrecording = "bad.jsonl"\ndecision = "rollback"\nstopped_by = 60\n'
    cases.write_text(good + bad)
    done = gates("test-policy", str(cases))
    assert (done.code, done.out.splitlines()[-1]) == (0, "2 of 2 cases give the expected decision")
    cases.write_text(good.replace('"go"', '"hold"') + bad.replace("60", "1"))
    done = gates("test-policy", str(cases))
    assert done.code == 1
    assert "FAIL    good: expected hold, got go" in done.out
    assert "FAIL    bad: expected a stop by 1 s" in done.out
    cases.write_text("")
    assert gates("test-policy", str(cases)).code == 2


TEXT = (ROOT / "policies" / "release.toml").read_text()
COMPARED = '"errors-against-blue", "latency-against-blue", "payments-against-blue",'
LATENCY = """[objectives.latency-against-blue]
kind = "comparison"
guide = "1; 3, phase 2"
indicator = "slow_requests"
below = 0.05
minimum_events = 60
warm_up_seconds = 60

"""
PAYMENT_STATUS = 'status!~"|captured|declined|pending"'
ERRORS = 'status!~"|[1-4]([0-9][0-9]|xx)"}\'\ntotal = \'http_requests_total{slot="$slot",'
PAYMENTS = PAYMENT_STATUS + "}'\ntotal = 'payments_total{"
VERY_SLOW = 'reads = "requests took over 5 s"\ngood ='
SEMANTIC = {
    "fast answers counted as bad": (VERY_SLOW, VERY_SLOW.replace("good =", "bad ="),
                                    "the wrong direction: the objective counts good events"),
        "two boundaries at once": ('le=~"1|1[.]0"}', 'le=~"1|2.5"}', "names several boundaries"),
    "a boundary that is no number": ('le=~"1|1[.]0"}', 'le=~"1.*"}', "names no boundary"),
    "a boundary in another unit": ('le=~"1|1[.]0"}', 'le="1000"}',
                                   "the words of the indicator say 1 s"),
    "all buckets at once": (',le=~"1|1[.]0"}\'\ntotal', "}'\ntotal", "without le"),
    "too few to show it": ("rollback_over = 0.05\nminimum_events = 600",
                           "rollback_over = 0.05\nminimum_events = 60", "by the rule of three"),
    "a trigger under the limit": ("over = 0.05\nwindow_seconds = 60\nlasting_seconds = 300",
                                  "over = 0.001\nwindow_seconds = 60\nlasting_seconds = 300",
                                  "could advance and then be rolled back"),
    "a check nobody wrote": ('"smoke.health",', '"smoke.health", "smoke.made_up",',
                             "no suite has a check 'smoke.made_up'"),
    "a whole of another metric": (
        PAYMENTS, PAYMENTS.replace("total = 'payments_total", "total = 'orders_total"),
        "of different metrics"),
    "a whole that is less": (ERRORS, ERRORS + 'status="200",', "does not have every matcher"),
    "a trigger longer than a bake": ("lasting_seconds = 300", "lasting_seconds = 900",
                                     "cannot fire within a bake time"),
    "a warm-up as long as a bake": ("warm_up_seconds = 60", "warm_up_seconds = 600",
                                    "at least as long as the bake"),
    "successes counted as bad": (
        f"{PAYMENT_STATUS}}}'\ntotal", 'status=~"failed|captured"}\'\ntotal',
        "accepts 'captured' for the label 'status', but this is the value of a good event"),
    "all but declined payments counted as bad": (
        f"{PAYMENT_STATUS}}}'\ntotal", 'status!~"declined|pending"}\'\ntotal',
        "accepts '200' for the label 'status', but this is the value of a good event"),
    "a good status counted as bad": (
        'status!~"|[1-4]([0-9][0-9]|xx)"}\'\ntotal', 'status!~"[1-4][1-9][0-9]|404|200"}\'\ntotal',
        "accepts '201' for the label 'status', but this is the value of a good event"),
    "all but one status counted as bad": (
        'status!~"|[1-4]([0-9][0-9]|xx)"}\'\ntotal', 'status!="404"}\'\ntotal',
        "accepts '200' for the label 'status', but this is the value of a good event"),
    "restarts beyond reason": ("max_restarts = 4", "max_restarts = 200", "are a crash loop"),
    "events beyond reason": (
        "tolerance = 0.12\nminimum_events = 600", "tolerance = 0.12\nminimum_events = 5000000",
        "no shop has"),
    "no comparison of latency": (
        LATENCY, LATENCY.replace("slow_requests", "payment_declines"),
        "without a comparison of latency"),
    "smoke without log-in": ('"smoke.login", ', "", "suite, but not smoke.login"),
    "smoke without payment": ('"smoke.payment", ', "", "suite, but not smoke.payment"),
}  # a table, one row a line # fmt: skip


@pytest.mark.parametrize("name", list(SEMANTIC))
def test_what_means_something_else_than_it_says_is_found(tmp_path: Path, name: str) -> None:
    old, new, message = SEMANTIC[name]
    assert old in TEXT
    path = tmp_path / "policy.toml"
    path.write_text(TEXT.replace(old, new))
    done = gates("lint", "--policy", str(path))
    assert done.code == 2
    assert message in done.out


def test_failures_counted_as_good_events_are_found(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    changed = TEXT.replace("bad = 'payments_total", "good = 'payments_total")
    # A ratio with a limit from above needs bad events: this objective would be refused before.
    ratio = 'guide = "11", indicator = "payment_failures", below = 0.02'
    assert ratio in changed
    path.write_text(
        changed.replace(ratio, 'guide = "11", indicator = "slow_requests", above = 0.95')
    )
    done = gates("lint", "--policy", str(path))
    assert done.code == 2
    assert "the wrong direction: the objective counts failures" in done.out


# Objectives without which a stage with traffic is not judged; each is used by another stage.
MISSING = {
    "latency-against-blue": "without a comparison of latency",
    "green-up": "without the time that green was up",
    "errors-trigger, latency-trigger": "without a rollback trigger",
    "traffic-seen": "without the traffic that each colour answered",
}


@pytest.mark.parametrize("names", list(MISSING))
def test_a_stage_with_traffic_that_is_not_judged_whole_is_found(tmp_path: Path, names: str) -> None:
    ramp = 'objectives = ["with-traffic", "only-listed", "live-triggers"]'
    assert ramp in TEXT
    group = re.search(r"^with-traffic = \[\n(.*?)^\]", TEXT, re.DOTALL | re.MULTILINE)
    assert group
    members = re.findall(r'"([^"]+)"', group[1])
    kept = ", ".join(f'"{name}"' for name in members if name not in names.split(", "))
    path = tmp_path / "policy.toml"
    path.write_text(TEXT.replace(ramp, f'objectives = [{kept}, "only-listed", "live-triggers"]'))
    done = gates("lint", "--policy", str(path))
    assert done.code == 2
    assert f"stages.ramp-30: the stage has traffic, but is judged {MISSING[names]}" in done.out


def test_the_policy_that_is_shipped_is_sound() -> None:
    assert linting.problems(POLICY, ROOT / "suites") == []


OTEL = (
    ("http_requests_total{", "http_server_request_duration_seconds_count{"),
    ("http_request_duration_seconds", "http_server_request_duration_seconds"),
    ('status!~"|[1-4]([0-9][0-9]|xx)"', 'http_response_status_code!~"|[1-4]([0-9][0-9]|xx)"'),
    ("route!~", "http_route!~"),
)
DOTTED = (
    ("http_server_request_duration_seconds_count{", '{"http.server.request.duration_count",'),
    ("http_server_request_duration_seconds_bucket{", '{"http.server.request.duration_bucket",'),
    ("http_response_status_code", '"http.response.status_code"'),
    ("http_route", '"http.route"'),
)


def with_changes(text: str, *changes: tuple[str, str]) -> str:
    for old, new in changes:
        text = text.replace(old, new)
    return text


@pytest.mark.parametrize("names", [OTEL, OTEL + DOTTED], ids=["underscores", "dots"])
def test_a_recording_is_judged_by_the_names_of_the_policy(
    tmp_path: Path, names: tuple[tuple[str, str], ...]
) -> None:
    path = tmp_path / "policy.toml"
    path.write_text(with_changes(TEXT, *names))
    loaded = policy.load(path)
    system = SYSTEMS["opentelemetry-http"]
    for errors, decision in ((0.0005, Outcome.GO), (0.2, Outcome.ROLLBACK)):
        recorded = lines_of_system(system, errors)
        text = json.dumps(recorded)
        if names != OTEL:
            exposed = re.compile(r"http_server_request_duration_seconds(_count|_bucket)\{")
            text = exposed.sub(r'{\\"http.server.request.duration\1\\",', text)
            text = with_changes(
                text,
                ("http_response_status_code", '\\"http.response.status_code\\"'),
                ("http_route", '\\"http.route\\"'),
            )
        file = write(tmp_path / "ramp.jsonl", json.loads(text))
        result = replay(recording_file.read(file, loaded.indicators), loaded)
        assert result.decision is decision, result.reason


def test_a_label_with_another_name_tells_the_colours_apart(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    path.write_text(TEXT.replace('slot="$slot"', 'track=~"shop-$slot"'))
    loaded = policy.load(path)
    file = write(tmp_path / "ramp.jsonl", lines(BROKEN["20 % errors"].change))
    other = replay(recording_file.read(file, loaded.indicators), loaded)
    assert other == replay(recording_file.read(file, POLICY.indicators), POLICY)


def test_a_restart_is_a_moved_start_time_where_start_times_are_known(tmp_path: Path) -> None:
    """Of a process whose start time is known, the fall of a counter is no restart."""

    def started(at: float, raw: float, value: int) -> Line:
        text = f'http_requests_total{{status="200"}} {value}\nprocess_start_time_seconds {raw}\n'
        return {"t": at, "target": "green", "instance": "green-1", "text": text}

    recording = [started(0, 5e8, 10), started(5, 5e8, 9), started(10, 6e8, 2), started(15, 5e8, 11)]
    recorded = recording_file.read(write(tmp_path / "a.jsonl", recording), POLICY.indicators)
    starts = [event.started for event in recorded.events if isinstance(event, Scrape)]
    assert starts == [recording_file.LONG_AGO, recording_file.LONG_AGO, 10, recording_file.LONG_AGO]


def test_a_failed_scrape_of_a_balancer_is_of_both_colours(tmp_path: Path) -> None:
    recording: list[Line] = [
        {"t": 1.0, "instance": "lb", "text": 'http_requests_total{slot="green"} 3\n'},
        {"t": 2.0, "instance": "lb", "error": "timeout"},
    ]
    recorded = recording_file.read(write(tmp_path / "a.jsonl", recording), POLICY.indicators)
    assert [(scrape.slot, scrape.at) for scrape in recorded.failed] == [
        ("green", 2.0),
        ("blue", 2.0),
    ]
    green, blue = [event for event in recorded.events if isinstance(event, Scrape)]
    assert (len(green.values), len(blue.values)) == (1, 0)
