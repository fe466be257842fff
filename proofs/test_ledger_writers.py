"""``make proof-ramp``: sixteen processes write decisions for half a minute, and lose none."""

import os
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from gates import ledger
from gates.ledger import OtherEntry


def decide_for(folder: Path, seconds: float) -> list[str]:
    """Write decisions for a while; the ids it was given."""
    ids: list[str] = []
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        ids.append(ledger.append(folder, OtherEntry({"by": os.getpid(), "n": len(ids)})))
    return ids


def test_sixteen_processes_deciding_for_half_a_minute_lose_nothing(tmp_path: Path) -> None:
    with ProcessPoolExecutor(16) as pool:
        futures = [pool.submit(decide_for, tmp_path, 30.0) for _ in range(16)]
        ids = [entry_id for done in futures for entry_id in done.result()]
    assert ledger.verify(tmp_path) == (len(ids), [])
    assert len(set(ids)) == len(ids) > 16
    assert {entry.entry_id for entry in ledger.entries(tmp_path)} == set(ids)
