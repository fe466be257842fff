"""Lint of indicators: any boundary and any names, and buckets that a recording does not have."""

from pathlib import Path

import pytest
from exposed_systems import SYSTEMS, lines, write
from in_process import gates
from set_policy import RELEASE, minimal
from worlds import ROOT

from gates.policy import policy_file
from gates.policy.linting import policy_problems

TEXT = RELEASE.read_text()
MILLISECONDS = (
    ("http_request_duration_seconds", "istio_request_duration_milliseconds"),
    ('le=~"1|1[.]0"', 'le="1000"'),
    ('le=~"5|5[.]0"', 'le="5000"'),
)
GENERAL = {
    "milliseconds": MILLISECONDS,
    "another boundary": (('le=~"1|1[.]0"', 'le="0.75"'),),
    "a boundary without a unit": (
        ("http_request_duration_seconds", "http_server_duration"),
        ('le=~"1|1[.]0"', 'le="1000"'),
        ('le=~"5|5[.]0"', 'le="5000"'),
    ),
    "escaped spellings": (('le=~"1|1[.]0"', r'le=~"1|1\\.0"'),),
    "another label of the colours": (('slot="$slot"', 'track="$slot"'),),
    "other labels of status and route": (("status", "code"), ("route", "handler")),
    "names with dots": (
        ("http_requests_total{", '{"http.requests_total",'),
        ('route!~"', '"http.route"!~"'),
    ),
    "a comma in a value": (("/metrics|/api/health", "/a,b|/api/health"),),
}


@pytest.mark.parametrize("name", list(GENERAL))
def test_lint_knows_no_names_and_no_boundaries(tmp_path: Path, name: str) -> None:
    text = TEXT
    for old, new in GENERAL[name]:
        assert old in text
        text = text.replace(old, new)
    path = tmp_path / "policy.toml"
    path.write_text(text)
    assert policy_problems.problems(policy_file.load(path), None) == []


def test_a_unit_that_the_name_contradicts_is_found(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    under = 'good_reads = "requests took under 1 s"\n'
    path.write_text(TEXT.replace(under, f'{under}unit = "milliseconds"\n'))
    problems = policy_problems.problems(policy_file.load(path), None)
    assert any(
        "unit: milliseconds, but the name of the metric says seconds" in problem
        for problem in problems
    )


def test_a_bucket_that_the_recording_does_not_have_is_found(tmp_path: Path) -> None:
    policy, recorded = tmp_path / "policy.toml", tmp_path / "ramp.jsonl"
    write(recorded, lines(SYSTEMS["istio"]))
    policy.write_text(minimal("istio"))
    options = ("--policy", str(policy), "--recording", str(recorded))
    known = "indicators.slow_requests: le: no bucket"
    assert known not in gates("lint", *options).out
    sets = ROOT / "policies" / "indicators"
    (tmp_path / "indicators").mkdir()
    changed = (sets / "istio.toml").read_text().replace('le="1000"', 'le="1500"')
    (tmp_path / "indicators" / "istio.toml").write_text(changed)
    done = gates("lint", *options)
    assert done.code == 2
    assert f"{known} of istio_request_duration_milliseconds_bucket ends at 1500" in done.out
    assert "its buckets end at 500, 1000, 5000, +Inf" in done.out


def test_a_recording_that_cannot_be_read_is_a_mistake(tmp_path: Path) -> None:
    done = gates("lint", "--recording", str(tmp_path / "none.jsonl"))
    assert done.code == 2
    assert "none.jsonl: cannot be read" in done.out


def test_objectives_that_would_watch_a_balancer_are_found(tmp_path: Path) -> None:
    policy = tmp_path / "policy.toml"
    up = '[objectives.green-up]\nkind = "availability"\nguide = "3"\nreads = "up"\n'
    text = minimal("haproxy", "").replace(
        "[objectives.traffic-share]", f"{up}minimum_ratio = 0.95\n\n[objectives.traffic-share]"
    )
    policy.write_text(text.replace('"errors-against-blue",', '"errors-against-blue", "green-up",'))
    problems = policy_problems.problems(policy_file.load(policy), None)
    assert any("judges the balancer and not green" in problem for problem in problems)
    policy.write_text(minimal("haproxy"))
    problems = policy_problems.problems(policy_file.load(policy), None)
    assert not any("green was up" in problem for problem in problems)
