"""Reading policies and targets: what is wrong is said with file and key."""

import re
from pathlib import Path

import pytest
from in_process import gates
from worlds import ROOT

from gates.errors import ConfigurationError
from gates.model import AlertLevel, AlertLimit, OnCrash, Service
from gates.policy import policy_file as policy
from gates.policy import target_file as target

TEXT = (ROOT / "policies" / "release.toml").read_text()
GREEN = (ROOT / "targets" / "green.toml").read_text()
ERROR_STATUS = 'status!~"|[1-4]([0-9][0-9]|xx)"'

AGAIN = """[indicators.again]
up = 'up{slot="$slot"}'
start_time = 'process_start_time_seconds{slot="$slot"}'
[indicators.processes]"""
MISTAKES = [
    ("schema = 2", "schema = 1", "schema: expected 2; schema 2 has the table [indicators]"),
    ("schema = 2", "schema = 3", "schema: expected a whole number from 1 to 2"),
    ('name = "kirana-release"', 'name = ""', "name: expected a text"),
    ("below = 0.005, ", "below = 0.5, above = 0.5, ", "expected exactly one of the keys"),
    ("below = 0.005, ", "", "expected exactly one of the keys"),
    ("below = 0.005, ", "below = 5, ", "a ratio, so 5 % is 0.05"),
    ("below = 0.005, ", "below = 1, ", "expected a ratio over 0 and under 1"),
    ("below = 0.005, ", "below = 0, ", "expected a ratio over 0 and under 1"),
    ("below = 0.005, ", "below = nan, ", "below: expected a number from 0 to 1"),
    ("below = 0.005, ", "below = true, ", "below: expected a number"),
    ("below = 0.005, ", 'below = "0.5 %", ', "below: expected a number"),
    ("below = 0.005, ", "belwo = 0.005, ", "expected exactly one of the keys"),
    ("minimum_events = 600 }", "minimum_events = 0 }", "minimum_events: expected a whole number"),
    ("minimum_events = 600 }", "minimum_events = 600, maximum = 5 }", "maximum: unknown key"),
    ("window_seconds = 600", "window_seconds = 0", "window_seconds: expected a number from 1"),
    ("max_age_seconds = 86400 #", "#", "defaults.max_age_seconds: missing"),
    ('kind = "ratio"', 'kind = "score"', "kind: expected one of"),
    ('"smoke.health",', '"smoke.health", "smoke.health",', "is in the list twice"),
    ('"smoke.health",', '"../health",', "is not a check id"),
    ('checks = "smoke"', 'checks = "smok"', "checks: expected one of"),
    ('objectives = ["served-build", "smoke"]', 'objectives = ["served-bild"]',
     "no objective 'served-bild' in this policy. Did you mean served-build?"),
    ('objectives = ["served-build", "smoke"]', "objectives = []", "at least one"),
    ('objectives = ["served-build", "smoke"]', 'objectives = ["smoke"]', "of kind served_build"),
    ('indicator = "request_errors"', 'indicator = "request_error"',
     "no indicator 'request_error' in [indicators]. Did you mean request_errors?"),
    ('indicator = "build"', 'indicator = "requests"', "requests does not have the keys"),
    ('indicator = "cache_misses"', 'indicator = "orders"',
     "orders: expected an indicator with the key good"),
    ('good_reads = "cache look-ups were hits"\n', "", "cache_misses needs good_reads"),
    ('{slot="$slot",__name__', "{__name__", "expected $slot in the selector"),
    ('"smoke-in-ramp", ', "", "smoke-in-ramp: no stage contains this objective"),
    ('{slot="$slot",__name__', '{slot!="$slot",__name__', "a matcher of the colour"),
    ("cache_hits_total{slot", "cache_hits_total[60s] # {slot", "a plain selector"),
    ('cache_hits_total{slot="$slot"}', 'rate(cache_hits_total{slot="$slot"}', "a plain selector"),
    (ERROR_STATUS, 'status=~"5[[:digit:]]{2}"', "expected a range such as [0-9]"),
    (ERROR_STATUS, 'status=~"5[^[:^digit:]].{,1}"', "expected a range such as [0-9]"),
    (ERROR_STATUS, 'status=~"50?.{,2}"', "or a repetition such as {0,3}"),
    ("shares = [0.1,", "shares = [0,", "ramp.shares: expected a list of numbers from 0.01 to 1"),
    ("shares = [0.1,", "shares = [0.3,", "ramp.shares: expected 1 to 100 shares, each larger"),
    ("shares = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]", "shares = []", "ramp.shares"),
    ('stage = "ramp-{percent}"', 'stage = "ramp"', "ramp.stage: expected a name with {percent}"),
    ('ready = "green-ready"', 'ready = "green-read"', "Did you mean green-ready?"),
    ("[stages.stabilise]", "[stages.ramp-10]", "a step of the ramp has the same name"),
    ("share = 1.00\n", "", "share: missing"),
    ("bake_seconds = 600\n", "bake_seconds = 60\n", "expected a value less than bake_seconds"),
    ('"live-build", "traffic-share", "traffic-seen",', '"traffic-share", "traffic-seen",',
     "of kinds live_build and share"),
    ('"traffic-share", "traffic-seen",', '"traffic-seen",', "of kinds live_build and share"),
    ('"errors-against-blue", "latency-against-blue", "payments-against-blue",', "",
     "of kind comparison"),
    ("below = 0.05\nminimum_events = 60\n", "below = 5\nminimum_events = 60\n",
     "a ratio, so 5 % is 0.05"),
    ("rollback_over = 0.05\nminimum_events = 600", "rollback_over = 0.001\nminimum_events = 600",
     "under the limit to advance"),
    ('bad = \'payments_total{slot="$slot"', 'bad = \'rate(payments_total{slot="$slot"',
     "a rate is a number per second, not a ratio"),
    ('le=~"1|1[.]0"}\'\ntotal', 'quantile="0.95"}\'\ntotal', "cannot be aggregated"),
    ("good = 'http_request_duration_seconds_bucket{", "good = 'histogram_quantile(0.95, x{",
     "histogram_quantile without sum by (le)"),
    ("good = 'http_request", 'bad = "x"\ngood = \'http_request', "expected at most one of bad"),
    (f'route!~"/metrics|/api/health",{ERROR_STATUS}}}\'\ntotal',
     f'route!~"(",{ERROR_STATUS}}}\'\ntotal',
     "not a selector"),
    ("[indicators.processes]", AGAIN,
     "expected exactly one indicator with the key up, got 2"),
    ("slow_batch_seconds = 60", "slow_batch_seconds = 10", "expected a value over batch_seconds"),
    ("history_seconds = 1800", "history_seconds = 240", "incident_seconds: expected at most"),
    ("false_stop = 0.005\n", "false_stop = 0.5\n", "false_stop: expected a number"),
    ("no_go_rolls_back = true", 'no_go_rolls_back = "yes"', "expected true or false"),
    ('on_crash = "rollback"', 'on_crash = "ignore"', "on_crash: expected one of leave, rollback"),
    ("requests_done = 0.99", "requests_done = 99", "requests_done: expected a number from 0.5"),
    ("requests_done = 0.99", "#", "requests_done: missing"),
    ("minimum_users = 1000", "minimum_users = 0", "expected a whole number"),
    ('limits = ["longest_gap_seconds", "recovery_seconds"]', 'limits = ["longest_gap"]',
     "no limit 'longest_gap' in load_limits. Did you mean longest_gap_seconds?"),
    ('p95 = { total = "api" }', 'p95 = { search = "search" }', "the operation total is missing"),
    ('p95 = { total = "api" }', 'p95 = { total = "apis" }', "total: expected one of"),
    ("[load_profiles.soak]", "[load_profiles.soka]", "Did you mean soak?"),
    ("least_seconds = 0.1", "least_seconds = 2", "least_seconds: expected a number from 0"),
    ("[stages.hour-1]", "[stages.hour-1", "not TOML"),
    ("integration = [\n", "smoke = [\n", "an objective has the same name"),
]  # a table, one row a line # fmt: skip


@pytest.mark.parametrize(("right", "wrong", "message"), MISTAKES)
def test_a_mistake_is_named(tmp_path: Path, right: str, wrong: str, message: str) -> None:
    assert right in TEXT
    path = tmp_path / "policy.toml"
    path.write_text(TEXT.replace(right, wrong))
    with pytest.raises(ConfigurationError, match=re.escape(message)) as caught:
        policy.load(path)
    assert str(path) in str(caught.value)


def test_a_policy_without_a_stage_is_no_policy(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    path.write_text(TEXT[: TEXT.index("[stages.staging]")] + "[stages]\n")
    with pytest.raises(ConfigurationError, match="ready: no stage 'green-ready'"):
        policy.load(path)


def test_a_policy_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        policy.load(tmp_path / "none.toml")


TARGET_MISTAKES = [
    ('api = "http://127.0.0.1:5001"', 'api = "ftp://127.0.0.1"', "addresses.api: expected http"),
    ('api = "http://127.0.0.1:5001"', 'api = "http://u:p@h"', "without a user"),
    ('api = "http://127.0.0.1:5001"', 'api = "http://h/"', "no trailing slash"),
    ('name = "green"', 'name = "blue"', "expected 'green', the name of the file"),
    ("production = false", "production = true", "reads secrets only from the environment"),
    ('slot = "blue"', 'slot = "green"', "the gate would compare a colour with itself"),
    ("127.0.0.1:5001/api/health", "127.0.0.1:99999/api/health", "a port from 0 to 65535"),
    ('slot = "green"', "slot = 'green\"}'", "slot: expected a name"),
    ('source_addresses = "loopback"', 'source_addresses = "any"', "expected one of loopback, own"),
    ("KIRANA_WEBHOOK_KEY", "hunter2", "the name of an environment variable"),
    ('digest = "sha256:', 'digest = "md5:', "expected.digest: expected sha256:"),
    ("patience_seconds = 3.0", "patience_seconds = 0", "patience_seconds: expected a number"),
]


@pytest.mark.parametrize(("right", "wrong", "message"), TARGET_MISTAKES)
def test_a_mistake_in_a_target_is_named(
    tmp_path: Path, right: str, wrong: str, message: str
) -> None:
    assert right in GREEN
    (tmp_path / "green.toml").write_text(GREEN.replace(right, wrong))
    with pytest.raises(ConfigurationError, match=re.escape(message)):
        target.load("green", tmp_path)


def test_secrets_come_from_the_environment_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "green.toml").write_text(GREEN.replace("../out/testbed/", ""))
    (tmp_path / "secrets.env").write_text("KIRANA_WEBHOOK_KEY=file\nKIRANA_EXEMPTION_KEY=file\n")
    monkeypatch.setenv("KIRANA_WEBHOOK_KEY", "environment")
    loaded = target.load("green", tmp_path)
    assert loaded.secrets == {"webhook_key": "environment", "exemption_key": "file"}
    assert "environment" not in repr(loaded)


def test_lint_of_what_is_shipped_finds_nothing() -> None:
    done = gates("lint")
    assert (done.code, done.out[:11]) == (0, "no mistakes")


def test_lint_names_every_wrong_file(tmp_path: Path) -> None:
    (tmp_path / "green.toml").write_text(GREEN.replace("production = false", ""))
    (tmp_path / "p.toml").write_text(TEXT.replace("below = 0.005, ", "below = 50, "))
    done = gates("lint", "--targets", str(tmp_path), "--policy", str(tmp_path / "p.toml"))
    assert done.code == 2
    assert "objectives.error-ratio.below" in done.out
    assert "green.toml: production: missing" in done.out


@pytest.mark.parametrize(
    "change",
    [
        ("bcrypt_cost = 10", "bcrypt_cost = 4"),
        ("bcrypt_cost = 10", "bcrypt_cost = nan"),
        ("bcrypt_cost = 10\n", ""),
        ("bcrypt_cost = 10", "bcrypt_cost = 10\nbcrypt_costs = 10"),
        ("requests_per_minute = 100", "requests_per_minute = 0"),
        ("certificate_days = 14", "certificate_days = 100000"),
    ],
)
def test_a_security_limit_that_protects_nobody_is_refused(
    tmp_path: Path, change: tuple[str, str]
) -> None:
    text = (ROOT / "policies" / "release.toml").read_text()
    assert change[0] in text
    path = tmp_path / "policy.toml"
    path.write_text(text.replace(*change))
    with pytest.raises(ConfigurationError, match="security_limits"):
        policy.load(path)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("", OnCrash.ROLLBACK),
        ('on_crash = "rollback"', OnCrash.ROLLBACK),
        ('on_crash = "leave"', OnCrash.LEAVE),
    ],
)
def test_a_ramp_that_cannot_go_on_gives_the_traffic_back_unless_the_policy_leaves_it(
    tmp_path: Path, line: str, expected: OnCrash
) -> None:
    (tmp_path / "policy.toml").write_text(TEXT.replace('on_crash = "rollback"', line))
    assert policy.load(tmp_path / "policy.toml").on_crash is expected


def without(text: str, *tables: str) -> str:
    """A TOML text without some of its tables, and the tables in them."""
    names = "|".join(tables)
    return re.sub(rf"(?ms)^\[({names})[^\n]*\]\n.*?(?=^\[|\Z)", "", text)


WITHOUT_SERVICES = without(GREEN, "services", "backup")
WITHOUT_ALERTS = without(TEXT, "alerts")
SERVICES = """
[services]
count = 2
[services.api]
address = "http://127.0.0.1:5001/api/health"
version = "5.0.0"
up = 'up{job="store"}'
build_info = 'kirana_build_info{slot="green"}'
[services.database]
address = "tcp://127.0.0.1:27017"
[backup]
folder = "../backups"
"""


def test_a_target_names_its_services_and_backups(tmp_path: Path) -> None:
    (tmp_path / "green.toml").write_text(WITHOUT_SERVICES + SERVICES)
    loaded = target.load("green", tmp_path)
    assert loaded.service_count == 2
    assert [service.name for service in loaded.services] == ["api", "database"]
    assert loaded.services[0].version == "5.0.0"
    assert loaded.services[1] == Service("database", "tcp://127.0.0.1:27017")
    assert loaded.backups == (tmp_path / "../backups").resolve()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("count = 2", "count = 3"), "services.count: expected 2, the number of services"),
        (("tcp://", "ftp://"), "services.database.address: expected an http://"),
        (("version =", "versions ="), "services.api.versions: unknown key"),
        (("folder =", "place ="), "backup.folder: missing"),
    ],
)
def test_a_mistake_among_the_services_is_named(
    tmp_path: Path, change: tuple[str, str], message: str
) -> None:
    (tmp_path / "green.toml").write_text(WITHOUT_SERVICES + SERVICES.replace(*change))
    with pytest.raises(ConfigurationError, match=re.escape(message)):
        target.load("green", tmp_path)


@pytest.mark.parametrize(
    ("line", "seconds"),
    [("scrape_interval_seconds = 1\n", 1.0), ("scrape_interval_seconds = 15\n", 15.0), ("", 0.0)],
)
def test_a_target_may_state_its_scrape_interval(tmp_path: Path, line: str, seconds: float) -> None:
    text = GREEN.replace("scrape_interval_seconds = 1\n", line)
    (tmp_path / "green.toml").write_text(text)
    assert target.load("green", tmp_path).scrape_interval_seconds == seconds


def test_a_scrape_interval_out_of_its_bounds_is_refused(tmp_path: Path) -> None:
    text = GREEN.replace("scrape_interval_seconds = 1\n", "scrape_interval_seconds = 0\n")
    (tmp_path / "green.toml").write_text(text)
    with pytest.raises(ConfigurationError, match=re.escape("metrics.scrape_interval_seconds")):
        target.load("green", tmp_path)


ALERTS = """
[alerts.critical]
receivers = ["pager"]
alerts = ["ApiDown", "DatabaseDown"]
[alerts.warning]
receivers = ["chat", "mail"]
alerts = ["ApiSlow"]
"""


def test_a_policy_names_its_alerts_by_severity(tmp_path: Path) -> None:
    (tmp_path / "policy.toml").write_text(WITHOUT_ALERTS + ALERTS)
    assert policy.load(tmp_path / "policy.toml").alert_levels == (
        AlertLevel("critical", ("pager",), ("ApiDown", "DatabaseDown")),
        AlertLevel("warning", ("chat", "mail"), ("ApiSlow",)),
    )


def test_a_policy_states_limits_of_alerts(tmp_path: Path) -> None:
    limits = '[alerts.warning.limits]\nApiSlow = "P95 > 2"\n'
    (tmp_path / "policy.toml").write_text(WITHOUT_ALERTS + ALERTS + limits)
    warning = policy.load(tmp_path / "policy.toml").alert_levels[1]
    assert warning.limits == {"ApiSlow": AlertLimit(">", 2.0, 95.0)}
    assert str(warning.limits["ApiSlow"]) == "P95 > 2"


@pytest.mark.parametrize(
    "limit", ['ApiSlow = "2"', 'ApiSlow = "P95 => 2"', 'ApiDown = "> 2"', 'ApiSlow = "> nan"']
)
def test_a_limit_that_is_none_is_refused(tmp_path: Path, limit: str) -> None:
    text = f"{WITHOUT_ALERTS}{ALERTS}[alerts.warning.limits]\n{limit}\n"
    (tmp_path / "policy.toml").write_text(text)
    with pytest.raises(ConfigurationError, match="expected a listed alert, and a limit such as"):
        policy.load(tmp_path / "policy.toml")


def test_an_alert_has_one_severity(tmp_path: Path) -> None:
    text = WITHOUT_ALERTS + ALERTS.replace("ApiSlow", "ApiDown")
    (tmp_path / "policy.toml").write_text(text)
    with pytest.raises(
        ConfigurationError, match="the alert 'ApiDown' is listed under two severities"
    ):
        policy.load(tmp_path / "policy.toml")
