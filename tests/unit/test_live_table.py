"""The figures of the live table: the indicators of the policy, by the label of the target."""

from dataclasses import replace
from pathlib import Path

import pytest
from set_policy import RELEASE, load_policy
from worlds import ROOT

from gates.cli import live_table
from gates.cli.live_table import LiveTable
from gates.decisions import ContextOptions, open_context
from gates.model import Policy
from gates.policy import policy_file
from gates.sources.prometheus import instant


def figures(monkeypatch: pytest.MonkeyPatch, policy: Policy, label: str) -> tuple[str, list[str]]:
    """The figures of a table, and the queries, each of which has the answer 0.25 of its unit."""
    queries: list[str] = []

    def answer(_: str, query: str, __: object) -> list[tuple[dict[str, str], float]]:
        queries.append(query)
        return [({}, 250.0 if "milliseconds" in query else 0.25)]

    monkeypatch.setattr(live_table, instant.__name__, answer)
    context = open_context(ContextOptions(target="green", targets=str(ROOT / "targets")))
    target = replace(context.target, colour_label=label)
    table = LiveTable(replace(context, policy=policy, target=target))
    return " ".join(table._figures().split()), queries


def test_the_table_reads_the_indicators_of_the_policy(monkeypatch: pytest.MonkeyPatch) -> None:
    shown, queries = figures(monkeypatch, policy_file.load(RELEASE), "")
    assert shown == "25 % 25 % 250 ms 250 ms"
    assert queries[0].startswith('sum(increase(http_requests_total{slot="green",traffic!="syn')
    assert 'status!~"|[1-4]([0-9][0-9]|xx)"' in queries[0]
    assert 'slot="blue"' in queries[1]
    assert queries[2].startswith(
        "histogram_quantile(0.95, sum by (le) (rate(http_request_duration_seconds_bucket{"
    )
    assert 'le=~"' not in queries[2]


def test_milliseconds_and_another_label(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    shown, queries = figures(monkeypatch, load_policy(tmp_path, "istio"), "pod template.hash")
    assert shown == "25 % 25 % 250 ms 250 ms"
    assert 'istio_requests_total{"pod template.hash"="green",reporter="destination"' in queries[0]
    assert 'istio_request_duration_milliseconds_bucket{"pod template.hash"="blue"' in queries[3]


def test_a_policy_without_latency_has_no_figure_of_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert figures(monkeypatch, load_policy(tmp_path, "haproxy"), "")[0] == "25 % 25 % - -"
