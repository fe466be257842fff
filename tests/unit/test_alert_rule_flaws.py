"""The analysis of alert rules names every flaw of flawed rules, and none of correct rules."""

import pytest
from known_series import STORE
from worlds import ROOT

from suites.monitoring.alert_rules.flaw import FlawKind
from suites.monitoring.alert_rules.rule_files import Rule, RuleFileError, rules_of_file
from suites.monitoring.alert_rules.rule_flaws import rule_flaws
from suites.monitoring.promql.series_facts import UnknownSeries

FILES = ROOT / "tests" / "support" / "monitoring_files"
WITHOUT_PROMETHEUS = UnknownSeries(scrape_interval_seconds=15, retention_seconds=15 * 86_400)
# What only a Prometheus knows: series, types and bounds of buckets.
NEEDS_PROMETHEUS = {
    "CounterByType",
    "RateOfGauge",
    "SlowerThanEveryBucket",
    "ErrorsDividedByErrors",
}


def rules(name: str) -> tuple[Rule, ...]:
    return rules_of_file((FILES / f"{name}_rules.yml").read_text())


def kinds(flawed_rules: tuple[Rule, ...], facts: object = STORE) -> dict[str, str]:
    """The kinds of flaws of each rule, by its name."""
    flaws = rule_flaws(flawed_rules, facts)  # type: ignore[arg-type]
    return {
        rule.name: " ".join(
            sorted({flaw.kind.name for flaw in flaws if flaw.rule == rule.name}, reverse=True)
        )
        for rule in flawed_rules
    }


def test_every_flaw_of_the_flawed_file_is_named_and_no_other() -> None:
    flawed = rules("flawed")
    expected = {rule.name: rule.labels.get("flaw", "") for rule in flawed}
    assert len(expected) >= 65
    assert kinds(flawed) == expected


def test_every_kind_of_flaw_is_in_the_flawed_file() -> None:
    named = {kind for rule in rules("flawed") for kind in rule.labels.get("flaw", "").split()}
    assert named == {kind.name for kind in FlawKind}


def test_the_corrected_file_has_no_flaw() -> None:
    assert [str(flaw) for flaw in rule_flaws(rules("corrected"), STORE)] == []


def test_the_corrected_file_has_a_rule_for_most_flawed_rules() -> None:
    corrected = {rule.name for rule in rules("corrected") if rule.is_alert}
    flawed = {rule.name for rule in rules("flawed") if rule.is_alert}
    assert len(corrected & flawed) >= 45


def test_rules_in_the_shapes_of_public_rule_sets_have_no_flaw() -> None:
    ordinary = rules("ordinary")
    assert len(ordinary) >= 65
    assert [str(flaw) for flaw in rule_flaws(ordinary, WITHOUT_PROMETHEUS)] == []


def test_without_prometheus_every_other_flaw_is_named() -> None:
    flawed = rules("flawed")
    named = kinds(flawed, WITHOUT_PROMETHEUS)
    expected = {
        rule.name: rule.labels.get("flaw", "")
        for rule in flawed
        if rule.name not in NEEDS_PROMETHEUS and rule.labels.get("flaw") != "MISSING_SERIES"
    }
    assert {name: named[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("expression", "sentence"),
    [
        (
            "sum(rate(http_errors_totl[5m])) > 3",
            "reads http_errors_totl: Prometheus has no time series with this name or these labels",
        ),
        (
            "up{job='stor'} == 0",
            "job is never 'stor'; its values are, for example, store",
        ),
        (
            "http_requests_total{code='500'} > 0",
            "no time series of http_requests_total has the label code",
        ),
        ("up{job='store',instance='a:9090'} == 0", "no time series has all of these labels"),
        ("rate(http_errors_total[5m]) > 0.05", "0.05 is a ratio: divide by the rate of all events"),
        ("count(up == 1) == 0", "count(up == 1) == 0 is never true: the left side is at least 1"),
        ("up > 1", "up > 1 is never true: the left side is at most 1"),
    ],
)
def test_the_sentence_says_what_is_wrong(expression: str, sentence: str) -> None:
    flaws = rule_flaws([Rule("A", expression)], STORE)
    assert any(sentence in flaw.sentence for flaw in flaws), flaws
    assert str(flaws[0]).startswith("A: ")


def test_recording_rules_that_read_each_other_come_to_an_end() -> None:
    circle = [Rule("a:b", "c:d", is_alert=False), Rule("c:d", "a:b", is_alert=False)]
    flaws = rule_flaws([*circle, Rule("A", "absent(a:b)"), Rule("B", "a:b > 1")], STORE)
    assert {flaw.kind for flaw in flaws} == {FlawKind.MISSING_SERIES}


def test_a_rule_of_the_operator_is_read_too() -> None:
    text = "kind: PrometheusRule\nspec:\n  groups: [{name: g, rules: [{alert: A, expr: up == 0}]}]"
    assert [rule.name for rule in rules_of_file(text)] == ["A"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[",
        "groups: 3",
        "groups: []",
        "groups: [{name: g}]",
        "a: b",
        "groups: [{name: g, rules: [{alert: A}]}]",
        "groups: [{name: g, rules: [{expr: up}]}]",
        "groups: [{name: g, rules: [{alert: A, expr: up, for: long}]}]",
        "groups: [{name: g, rules: [{alert: A, expr: up, labels: 3}]}]",
    ],
)
def test_what_is_no_rule_file_is_refused(text: str) -> None:
    with pytest.raises(RuleFileError):
        rules_of_file(text)
