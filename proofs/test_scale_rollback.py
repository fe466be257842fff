"""``make proof-scale``: a release that fails is rolled back at 20 pods and 100 routes.

A real Prometheus holds the store. A fifth of green's requests begin to fail while ``gates watch``
looks. Filling Prometheus takes minutes, so the failures begin some minutes after the start.
"""

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
FAILING_IN = 720
# The trigger needs 300 s; watch begins before.
WATCH_BEFORE_SECONDS = 60
MAX_SECONDS = 30.0
# The comparison with blue may fire before the trigger has lasted; the sentence names the scrape.
CONDITION = re.compile(r"(?m)^ROLLBACK .* before (\d\d:\d\d:\d\d) UTC")


@pytest.mark.slow
def test_watch_rolls_back_within_30_s_of_the_condition(tmp_path: Path) -> None:
    store = store_of(PODS_OF_A_COLOUR, ROUTES, 3000, failing_in=FAILING_IN)
    with prometheus_of(store, tmp_path / "scale") as place:
        begin = store.failing_at + 300 - WATCH_BEFORE_SECONDS
        assert time.time() < begin, "Prometheus was filled too late; let the machine rest"
        time.sleep(begin - time.time())
        watched = place.ask("watch", "--for", "10m")
        ended = datetime.now(UTC)
    assert watched.code == EXIT_CODES[Outcome.ROLLBACK], watched.output
    found = CONDITION.search(watched.output)
    assert found is not None, watched.output
    condition = datetime.combine(ended.date(), dt_time.fromisoformat(found[1]), UTC)
    late = ended - condition
    print(f"rolled back {late.total_seconds():.0f} s after the condition was met")
    assert timedelta(0) <= late <= timedelta(seconds=MAX_SECONDS)
    assert 0 < condition.timestamp() - store.failing_at <= 400
