"""A small policy that includes a set of indicators."""

from pathlib import Path

from worlds import ROOT

from gates.model import Policy
from gates.policy import policy_file

RELEASE = ROOT / "policies" / "release.toml"
NO_HISTOGRAM = ("haproxy",)
MINIMAL = """
schema = 2
name = "included"
include = "indicators/{name}.toml"
{before_tables}

[defaults]
max_age_seconds = 86400
max_sample_age_seconds = 60
window_seconds = 600

[check_sets]

[objectives.served-build]
kind = "served_build"
guide = "3"

[objectives.live-build]
kind = "live_build"
guide = "3"
indicator = "build"

[objectives.traffic-share]
kind = "share"
guide = "3"
indicator = "traffic_weights"
longest_seconds = 21600

[objectives.traffic-seen]
kind = "traffic"
guide = "3"
indicator = "requests"
tolerance = 0.12
minimum_events = 600

[objectives.errors-against-blue]
kind = "comparison"
guide = "3"
indicator = "request_errors"
below = 0.005
rollback_over = 0.05
minimum_events = 600
warm_up_seconds = 0

{latency}
[ramp]
ready = "ready"
shares = [0.1]
bake_seconds = 600
stage = "ramp-{{percent}}"
title = "Green has baked"
guide = "3"
objectives = [
    "served-build", "live-build", "traffic-share", "traffic-seen", "errors-against-blue",
    {latency_name}
]
hold_seconds = 3600
no_go_rolls_back = true

[stages.ready]
title = "Green is ready"
guide = "3"
objectives = ["served-build"]
"""


LATENCY = """
[objectives.latency-against-blue]
kind = "comparison"
guide = "3"
indicator = "slow_requests"
below = 0.05
minimum_events = 60
warm_up_seconds = 60
"""


def minimal(name: str, before_tables: str = "") -> str:
    """A small policy that includes a set; the other tables are those of the release policy."""
    content = RELEASE.read_text()
    begin = content.index("[latency_limits]")
    tables = content[begin : content.index("\n[indicators")]
    text = MINIMAL.format(
        name=name,
        before_tables=before_tables,
        latency="" if name in NO_HISTOGRAM else LATENCY,
        latency_name="" if name in NO_HISTOGRAM else '"latency-against-blue"',
    )
    return text + tables


def load_policy(folder: Path, name: str, more: str = "", before_tables: str = "") -> Policy:
    """The small policy, with more tables after it; the file is policy.toml in the folder."""
    path = folder / "policy.toml"
    path.write_text(minimal(name, before_tables) + more)
    return policy_file.load(path)
