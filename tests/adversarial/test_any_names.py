"""Any names: with other metrics, labels and colours, a check answers as before."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from in_process import gates
from proving import Place, passing
from test_prove_customers import answered
from worlds import ROOT

TEXT = (ROOT / "policies" / "release.toml").read_text()


@dataclass(frozen=True, slots=True)
class Names:
    """Other names of the series.

    Args:
        metrics: the other names of metrics, by their names.
        labels: the other names of labels, by their names.
        policy: what changes in the text of the policy, in this order.
    """

    metrics: Mapping[str, str]
    labels: Mapping[str, str]
    policy: tuple[tuple[str, str], ...]


REQUESTS, DURATION = "http_requests_total", "http_request_duration_seconds"
NAMES = {
    "semantic conventions": Names(
        {
            REQUESTS: "http_server_requests_total",
            f"{DURATION}_bucket": "server_duration_bucket",
            f"{DURATION}_count": "server_duration_count",
        },
        {"route": "http_route", "status": "http_response_status_code"},
        (
            (REQUESTS, "http_server_requests_total"),
            (DURATION, "server_duration"),
            ('route!~"', 'http_route!~"'),
            ("route=", "http_route="),
            ('"route"', '"http_route"'),
            ("status=", "http_response_status_code="),
            ("status!", "http_response_status_code!"),
            ('"status"', '"http_response_status_code"'),
        ),
    ),
    "names with dots": Names(
        {
            REQUESTS: "http.server.requests",
            f"{DURATION}_bucket": "http.server.duration_bucket",
            f"{DURATION}_count": "http.server.duration_count",
        },
        {"route": "http.route", "slot": "deployment.environment"},
        (
            (f"{REQUESTS}{{", '{"http.server.requests",'),
            (f"{DURATION}_bucket{{", '{"http.server.duration_bucket",'),
            (f"{DURATION}_count{{", '{"http.server.duration_count",'),
            ("route!~", '"http.route"!~'),
            ("route=", '"http.route"='),
            ('"route"', '"http.route"'),
            ('slot="$slot"', '"deployment.environment"="$slot"'),
        ),
    ),
    "another label of the colours": Names(
        {}, {"slot": "track"}, (('slot="$slot"', 'track=~"$slot"'),)
    ),
}


def rename(place: Place, names: Names, folder: Path) -> None:
    for line in place.metrics.lines:
        labels = {names.labels.get(name, name): value for name, value in line.labels.items()}
        metric = labels["__name__"]
        line.labels = {**labels, "__name__": names.metrics.get(metric, metric)}
    text = TEXT
    for old, new in names.policy:
        assert old in text
        text = text.replace(old, new)
    place.policy = folder / "other-names.toml"
    place.policy.write_text(text)


@pytest.mark.parametrize("name", list(NAMES))
def test_a_healthy_ramp_is_a_go_and_a_failing_ramp_is_not(tmp_path: Path, name: str) -> None:
    with passing(tmp_path) as place:
        rename(place, NAMES[name], tmp_path)
        healthy = place.ask("ramp-30")
    assert healthy.code == 0, healthy.out
    (tmp_path / "failing").mkdir()
    with passing(tmp_path / "failing") as place:
        answered("500")(place)
        rename(place, NAMES[name], tmp_path / "failing")
        failing = place.ask("ramp-30")
        command = place.command("ramp-30")
        watched = gates("watch", "--for", "1s", *command[2:])
    assert failing.code in (1, 4), failing.out
    assert watched.code == failing.code
