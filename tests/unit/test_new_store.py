"""``gates init`` and ``gates doctor`` on a fake Prometheus with the names of several systems."""

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from in_process import gates
from listed_prometheus import Labels, listed_prometheus
from worlds import ROOT

from gates import places
from gates.new_store.openapi_suites import operations_of, suite_fits
from gates.new_store.toml_text import table_of
from gates.policy import policy_file, target_file

BUILDS = {
    "canary": {"release": "summer", "version": "7.2.0", "digest": "sha256:" + "2b" * 32},
    "stable": {"release": "spring", "version": "7.1.0", "digest": "sha256:" + "1a" * 32},
}
PAGES = {
    "/health": {**BUILDS["canary"], "deployment": "canary"},
    "/blue/health": {**BUILDS["stable"], "deployment": "stable"},
    "/config": {"stable": 1.0, "canary": 0.0},
}


def both(name: str, *rows: Mapping[str, str], label: str = "track") -> list[Labels]:
    """The series of a metric for both colours."""
    return [
        {"__name__": name, "instance": f"{colour}:1", "job": "shop", label: colour, **row}
        for colour in BUILDS
        for row in (rows or ({},))
    ]


def store(counter: str, status: str, bucket: str, ends: str, label: str = "track") -> list[Labels]:
    """A store with these names."""
    statuses = [{status: value, "method": "GET"} for value in ("200", "404", "500")]
    buckets = [{"le": end, "method": "GET"} for end in ends.split()]
    info = [
        {"__name__": "build_info", "instance": f"{colour}:1", label: colour, **build}
        for colour, build in BUILDS.items()
    ]
    names = ("up", "process_start_time_seconds")
    count = (
        []
        if f"{bucket}_count" == counter
        else both(f"{bucket}_count", {"method": "GET"}, label=label)
    )
    return [
        *both(counter, *statuses, label=label),
        *(both(f"{bucket}_bucket", *buckets, label=label) if ends else []),
        *count,
        *info,
        *(labels for name in names for labels in both(name, label=label)),
    ]


CLIENT = store("http_requests_total", "code", "http_request_duration_seconds", "0.5 1.0 5.0 +Inf")
OWN = store(
    "shop_http_calls_total",
    "outcome_code",
    "shop_http_duration_milliseconds",
    "800 2000 10000 +Inf",
)
NO_HISTOGRAM = store("shop_http_calls_total", "status", "shop_http_wait", "")
OTHER_LABEL = store(
    "http_requests_total", "code", "http_request_duration_seconds", "0.5 1 5 +Inf", label="rollout"
)


def init(folder: Path, url: str, *more: str) -> Any:
    return gates(
        "init",
        "--url",
        url,
        "--prometheus",
        url,
        "--baseline-url",
        f"{url}/blue",
        "--control",
        url,
        "--targets",
        str(folder / "targets"),
        "--policy",
        str(folder / "policies" / "shop.toml"),
        *more,
    )


def doctor(folder: Path, *more: str) -> Any:
    return gates(
        "doctor",
        "--target",
        "green",
        "--targets",
        str(folder / "targets"),
        "--policy",
        str(folder / "policies" / "shop.toml"),
        *more,
    )


STORES = {
    "a ready-made set": (CLIENT, 'include = "indicators/prometheus-client.toml"'),
    "own names": (
        OWN,
        'bad = \'shop_http_calls_total{track="$slot",outcome_code!~"|[1-4]([0-9][0-9]|xx|XX)"}\'',
    ),
    "no histogram": (NO_HISTOGRAM, "total = 'shop_http_calls_total{track=\"$slot\"}'"),
    "another label": (OTHER_LABEL, 'include = "indicators/prometheus-client.toml"'),
}


@pytest.mark.parametrize("name", STORES)
def test_a_store_is_set_up_and_seen(tmp_path: Path, name: str) -> None:
    series, line = STORES[name]
    with listed_prometheus(series, PAGES) as url:
        done = init(tmp_path, url)
        assert done.code == 0, done.out + done.err
        examined = doctor(tmp_path)
        assert examined.code == 0, examined.out + examined.err
    policy = tmp_path / "policies" / "shop.toml"
    assert line in policy.read_text()
    assert [stage.name for stage in policy_file.load(policy).steps] == [
        "ramp-10",
        "ramp-50",
        "ramp-100",
    ]
    green = target_file.load("green", tmp_path / "targets")
    blue = target_file.load("blue", tmp_path / "targets")
    assert (green.slot, green.baseline_slot) == ("canary", "stable")
    assert (blue.slot, blue.baseline_slot) == ("stable", "canary")
    assert green.colour_label == ("rollout" if name == "another label" else "track")
    assert green.expected.digest == BUILDS["canary"]["digest"]


def test_a_missing_boundary_is_the_next_larger_bucket(tmp_path: Path) -> None:
    with listed_prometheus(OWN, PAGES) as url:
        done = init(tmp_path, url)
    text = (tmp_path / "policies" / "shop.toml").read_text()
    slow = tomllib.loads(text)["indicators"]["slow_requests"]
    assert 'le="2000"' in slow["good"]
    assert (slow["unit"], slow["reads"]) == ("milliseconds", "requests took over 2 s")
    assert "no bucket ends at 1 s, so the limit is the boundary 2 s" in done.out


def test_a_store_without_a_histogram_has_no_objective_of_latency(tmp_path: Path) -> None:
    with listed_prometheus(NO_HISTOGRAM, PAGES) as url:
        done = init(tmp_path, url)
    text = (tmp_path / "policies" / "shop.toml").read_text()
    assert "latency-" not in text
    assert "always_scrape_classic_histograms" in done.out


def test_a_set_without_its_histogram_reads_another_histogram(tmp_path: Path) -> None:
    series = store("http_requests_total", "code", "shop_http_duration_milliseconds", "1000 5000")
    with listed_prometheus(series, PAGES) as url:
        done = init(tmp_path, url)
        assert doctor(tmp_path).code == 0
    assert done.code == 0, done.out
    content = tomllib.loads((tmp_path / "policies" / "shop.toml").read_text())
    assert content["include"] == "indicators/prometheus-client.toml"
    good = content["indicators"]["slow_requests"]["good"]
    assert good == 'shop_http_duration_milliseconds_bucket{track="$slot",le="1000"}'


def test_a_store_without_info_series_must_export_its_build(tmp_path: Path) -> None:
    series = [labels for labels in OWN if labels["__name__"] != "build_info"]
    with listed_prometheus(series, PAGES) as url:
        done = init(tmp_path, url)
        examined = doctor(tmp_path)
    assert done.code == 3
    assert "MISSING: no info series has the build of the health answer" in done.out
    assert policy_file.load(tmp_path / "policies" / "shop.toml").steps
    assert "FAIL  info series of green: no series matches" in examined.out


def test_replicas_of_prometheus_are_declared(tmp_path: Path) -> None:
    series = [{**labels, "replica": name} for labels in CLIENT for name in ("a", "b")]
    with listed_prometheus(series, PAGES) as url:
        done = init(tmp_path, url)
        assert doctor(tmp_path).code == 0
    assert done.code == 0, done.out
    assert target_file.load("green", tmp_path / "targets").replica_labels == ("replica",)


def test_a_server_that_answers_queries_alone_is_read_by_queries(tmp_path: Path) -> None:
    with listed_prometheus(CLIENT, PAGES, only_queries=True) as url:
        done = init(tmp_path, url)
        assert doctor(tmp_path).code == 0
    assert done.code == 0, done.out


def test_without_a_counter_no_policy_is_written(tmp_path: Path) -> None:
    with listed_prometheus(both("up"), PAGES) as url:
        done = init(tmp_path, url)
    assert done.code == 3
    assert "MISSING: no policy was written" in done.out
    assert not (tmp_path / "policies").exists()


def test_an_unknown_health_answer_leaves_words_to_fill_in(tmp_path: Path) -> None:
    pages = {**PAGES, "/health": {"status": "UP"}}
    with listed_prometheus(CLIENT, pages) as url:
        done = init(tmp_path, url)
        lint = gates("lint", "--targets", str(tmp_path / "targets"))
    assert done.code == 3
    assert (
        "MISSING: the health answer must name release, version, digest and deployment" in done.out
    )
    assert f"MISSING: fill in expected.digest in {tmp_path / 'targets' / 'green.toml'}" in done.out
    assert "is a placeholder; write the real value" in lint.out


def test_files_of_another_hand_stay(tmp_path: Path) -> None:
    (tmp_path / "targets").mkdir()
    path = tmp_path / "targets" / "green.toml"
    path.write_text("# mine\n")
    with listed_prometheus(CLIENT, PAGES) as url:
        done = init(tmp_path, url)
    assert (done.code, path.read_text()) == (2, "# mine\n")
    assert "gates init did not write it" in done.err


def test_a_second_call_keeps_the_log_in(tmp_path: Path) -> None:
    with listed_prometheus(CLIENT, PAGES) as url:
        init(tmp_path, url)
        path = tmp_path / "targets" / "green.toml"
        path.write_text(path.read_text() + '\n[access.prometheus]\nheaders = { Tenant = "a" }\n')
        done = init(tmp_path, url)
    assert done.code == 0, done.out
    targets = [target_file.load(name, tmp_path / "targets") for name in ("green", "blue")]
    assert [each.access.prometheus.headers for each in targets] == [(("Tenant", "a"),)] * 2


def test_a_mistake_in_the_log_in_is_named(tmp_path: Path) -> None:
    with listed_prometheus(CLIENT, PAGES) as url:
        init(tmp_path, url)
        path = tmp_path / "targets" / "green.toml"
        path.write_text(path.read_text() + '\n[access.prometheus]\ntokn = "KIRANA_A"\n')
        done = init(tmp_path, url)
    assert done.code == 2
    assert "green.toml: access.prometheus.tokn: unknown key" in done.err


DEFECTS: dict[str, tuple[list[Labels], frozenset[str], str, str, str]] = {
    "an instance that is down": (CLIENT, frozenset({"canary:1"}), "", "",
                                 "instances of green: 1 of 1 are down: canary:1"),
    "another colour": (CLIENT, frozenset(), 'slot = "canary"', 'slot = "blue"',
                       "FAIL  indicator requests of green: no series matches"),
    "another port of the balancer": (
        CLIENT, frozenset(), "balancer_control = ", 'balancer_control = "http://127.0.0.1:1" #',
        "FAIL  address of balancer_control: http://127.0.0.1:1/config: Connection refused",
    ),
    "a replica of Prometheus": (
        [{**labels, "replica": name} for labels in CLIENT for name in ("a", "b")], frozenset(),
        "replica_labels", "# replica_labels",
        ("FAIL  labels of requests of green: two series differ only in the label replica: "
         "'a' and 'b'"),
    ),
    "a scrape interval that is too long": (
        CLIENT, frozenset(), "scrape_interval_seconds = 5", "scrape_interval_seconds = 1",
        "FAIL  scrape interval of green: 5.0 s, and the target file states 1 s",
    ),
}  # a table, one row a line # fmt: skip


@pytest.mark.parametrize("name", DEFECTS)
def test_a_defect_is_a_line_with_its_mend(tmp_path: Path, name: str) -> None:
    series, down, old, new, line = DEFECTS[name]
    with listed_prometheus(series, PAGES, down) as url:
        init(tmp_path, url)
        path = tmp_path / "targets" / "green.toml"
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new, 1))
        done = doctor(tmp_path)
    assert done.code == 3, done.out
    assert line in done.out
    assert "mend: " in done.out.partition(line)[2].partition("\n")[2].partition("\n")[0]


def test_a_metric_that_does_not_exist_names_similar_metrics(tmp_path: Path) -> None:
    with listed_prometheus(OWN, PAGES) as url:
        init(tmp_path, url)
        policy = tmp_path / "policies" / "shop.toml"
        policy.write_text(policy.read_text().replace("shop_http_calls_total", "shop_calls_total"))
        done = doctor(tmp_path)
    assert done.code == 3
    assert "Prometheus has no metric shop_calls_total; correct [indicators.requests]" in done.out
    assert "similar metrics: shop_http_calls_total" in done.out


def test_a_boundary_that_does_not_exist_names_the_boundaries(tmp_path: Path) -> None:
    with listed_prometheus(OWN, PAGES) as url:
        init(tmp_path, url)
        policy = tmp_path / "policies" / "shop.toml"
        policy.write_text(policy.read_text().replace('le="2000"', 'le="1000"'))
        done = doctor(tmp_path)
    assert done.code == 3
    assert (
        "matcher of le in [indicators.slow_requests] to a boundary of the buckets: 800, 2000"
        in done.out
    )


def test_doctor_prints_json(tmp_path: Path) -> None:
    with listed_prometheus(CLIENT, PAGES) as url:
        init(tmp_path, url)
        done = doctor(tmp_path, "--json")
    content = json.loads(done.out)
    assert (content["kind"], content["target"]) == ("doctor", "green")
    assert {"ok", "look"} == {line["sight"] for line in content["lines"]}


def test_names_of_any_store_are_written_as_toml(tmp_path: Path) -> None:
    build = {"release": 'a "b"', "version": "1.2.0-RC1+7", "digest": BUILDS["canary"]["digest"]}
    pages = {**PAGES, "/health": {**build, "deployment": "Canary"}}
    series = [
        {name: value.replace("canary", "Canary") for name, value in labels.items()}
        for labels in CLIENT
    ]
    with listed_prometheus(series, pages) as url:
        init(tmp_path, url)
    content = tomllib.loads((tmp_path / "targets" / "green.toml").read_text())
    assert content["expected"]["release"] == 'a "b"'
    assert (content["deployment"], content["metrics"]["slot"]) == ("Canary", "Canary")
    assert tomllib.loads(table_of("a", {"b": "\x7f'\"", "c d": [1.5, True]})) == {
        "a": {"b": "\x7f'\"", "c d": [1.5, True]}
    }


def test_suites_apply_where_every_operation_is_in_the_openapi_file(tmp_path: Path) -> None:
    whole = operations_of(ROOT / "suites" / "contract" / "openapi.yaml")
    assert [fit.suite for fit in suite_fits(whole) if not fit.applies] == []
    smoke = suite_fits(whole - {"login"})[0]
    assert smoke.missing == ("login",)
    assert "database_uri" in {name for fit in suite_fits(whole) for name in fit.secrets}
    file = tmp_path / "openapi.json"
    file.write_text(json.dumps({"paths": {"/a": {"get": {"operationId": "listTeas"}}}}))
    assert operations_of(file) == {"listTeas"}


def test_suites_that_are_not_examined_have_the_right_mend(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with listed_prometheus(CLIENT, PAGES) as url:
        assert "not examined; name the store's OpenAPI file" in init(tmp_path, url).out
        monkeypatch.setattr(places, "suites_installed", lambda: None)
        contract = ROOT / "suites" / "contract" / "openapi.yaml"
        named = init(tmp_path / "named", url, "--openapi", str(contract))
    assert "not examined; install the suites: pip install kirana-suites" in named.out


def test_the_starting_policy_is_a_policy() -> None:
    policy = policy_file.load(ROOT / "policies" / "starting.toml")
    assert policy.ready.name == "ready"
    assert gates("lint", "--policy", str(ROOT / "policies" / "starting.toml")).code == 0
