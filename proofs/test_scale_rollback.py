"""``make proof-scale``: a release that fails is rolled back at 20 pods and 100 routes.

A real Prometheus holds the store. A fifth of green's requests fail, and ``gates watch`` begins
before the rollback trigger has lasted. Filling Prometheus takes minutes, so the failures begin
shortly before the start. The policy has no comparison of errors with blue, which would stop the
release minutes earlier: the trigger itself is timed.
"""

import os
import re
import time
from datetime import UTC, datetime, timedelta
from datetime import time as dt_time
from pathlib import Path

import pytest
import tests_path  # noqa: F401 - what lies in tests/support
from scale_place import prometheus_of, store_of

from gates.exitcodes import EXIT_CODES
from gates.model import Outcome

PODS_OF_A_COLOUR, ROUTES = 10, 100
FAILING_IN = -30
# The trigger needs 300 s; watch begins before.
WATCH_BEFORE_SECONDS = 60
MAX_SECONDS = 30.0
# The trigger needs 300 s, and the ratio of the last 60 s must exceed 5 % before.
MAX_LASTING_SECONDS = 375.0
# The sentence of the trigger names the scrape with which its condition was met.
CONDITION = re.compile(
    r"rollback trigger fired: [^;]*: green's ratio was over 5 % for 300 s; in the 60 s before "
    r"(\d\d:\d\d:\d\d) UTC"
)


@pytest.mark.slow
def test_watch_rolls_back_within_30_s_of_the_condition(tmp_path: Path) -> None:
    store = store_of(PODS_OF_A_COLOUR, ROUTES, 3000, failing_in=FAILING_IN, ahead=900)
    with prometheus_of(store, tmp_path / "scale", ["errors-against-blue"]) as place:
        begin = store.failing_at + 300 - WATCH_BEFORE_SECONDS
        assert time.time() < begin, "Prometheus was filled too late; let the machine rest"
        time.sleep(begin - time.time())
        watched = place.ask("watch", "--for", "10m")
        ended = datetime.now(UTC)
    assert watched.code == EXIT_CODES[Outcome.ROLLBACK], watched.output
    match = CONDITION.search(watched.output)
    assert match is not None, watched.output
    condition = datetime.combine(ended.date(), dt_time.fromisoformat(match[1]), UTC)
    late = ended - condition
    load = " ".join(f"{value:.1f}" for value in os.getloadavg())
    print(f"rolled back {late.total_seconds():.0f} s after the condition was met; load {load}")
    assert timedelta(0) <= late <= timedelta(seconds=MAX_SECONDS)
    assert 0 < condition.timestamp() - store.failing_at <= MAX_LASTING_SECONDS
