"""``gates serve`` under load: no error, quick answers, and one ledger entry for each decision."""

import http.client
import json
import re
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path

import pytest
from proving import Place, passing
from serving import Running, started

from gates import ledger
from gates.ledger import DecisionEntry

CLIENTS = 50
SECONDS = 20.0
# On a machine whose processors are free; see ``slowness``.
MAX_P99_SECONDS = 1.0
BURN_SECONDS = 0.5
ENTRY_ID = re.compile(rb'"id": "([0-9a-f]{12})"')
QUESTIONS = ("ramp-30", "green-ready", "ramp-20")


@dataclass(slots=True)
class Measurements:
    """What the clients measured.

    Args:
        seconds: the time of each answer.
        errors: what went wrong.
        entries: how many answers had each ledger entry, by stage and entry.
    """

    seconds: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    entries: Counter[tuple[str, str]] = field(default_factory=Counter)

    def p99(self) -> float:
        """The 99th percentile of the time of an answer, seconds."""
        return sorted(self.seconds)[int(0.99 * len(self.seconds))]


def measure(port: int, questions: tuple[str, ...]) -> Measurements:
    """Let all clients ask one question after the other; runs in a process of its own."""
    measurements = Measurements()
    until = time.monotonic() + SECONDS
    threads = [
        threading.Thread(
            target=ask_again_and_again, args=(port, questions, number, until, measurements)
        )
        for number in range(CLIENTS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return measurements


def ask_again_and_again(
    port: int, questions: tuple[str, ...], number: int, until: float, measurements: Measurements
) -> None:
    """One client: its first question depends on its number."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
        while time.monotonic() < until:
            stage, number = questions[number % len(questions)], number + 1
            began = time.perf_counter()
            try:
                ask(connection, stage, measurements)
            except (OSError, http.client.HTTPException) as error:
                measurements.errors.append(repr(error))
                connection.close()
            measurements.seconds.append(time.perf_counter() - began)


def ask(connection: http.client.HTTPConnection, stage: str, measurements: Measurements) -> None:
    body = json.dumps({"stage": stage, "target": "green"})
    connection.request("POST", "/v1/decisions", body, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    raw = answer.read()
    entry_id = ENTRY_ID.search(raw[-100:])
    if answer.status != 200 or entry_id is None:
        measurements.errors.append(f"{answer.status} {raw[:100]!r}")
    else:
        measurements.entries[stage, entry_id[1].decode()] += 1


def slowness() -> float:
    """How many times longer a computation takes because other processes use the processors."""
    began, used = time.perf_counter(), time.thread_time()
    while time.thread_time() - used < BURN_SECONDS:
        pass
    return max(1.0, (time.perf_counter() - began) / BURN_SECONDS)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with passing(tmp_path) as healthy:
        yield healthy


@pytest.fixture
def running(place: Place) -> Iterator[Running]:
    targets = str(place.folder / "targets")
    with started("--out", str(place.out), "--targets", targets) as server:
        yield server


@pytest.mark.slow
@pytest.mark.parametrize("questions", [QUESTIONS[:1], QUESTIONS], ids=["one", "three"])
def test_fifty_clients_get_quick_answers_and_share_entries(
    place: Place, running: Running, questions: tuple[str, ...]
) -> None:
    before = slowness()
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as clients:
        measurements = clients.submit(measure, running.port, questions).result()
    factor = max(before, slowness())
    sys.stderr.write(
        f"\n{len(measurements.seconds):,} answers, {len(measurements.entries)} ledger entries, "
        f"P50 {sorted(measurements.seconds)[len(measurements.seconds) // 2]:.3f} s, "
        f"P99 {measurements.p99():.3f} s, "
        f"on a machine {factor:.1f} times slower than a free machine\n"
    )
    assert measurements.errors == []
    written = [
        (record.entry.document.decision.stage, record.entry_id)
        for record in ledger.entries(place.out)
        if isinstance(record.entry, DecisionEntry)
    ]
    assert sorted(written) == sorted(measurements.entries)
    assert {stage for stage, _ in written} == set(questions)
    assert measurements.p99() < MAX_P99_SECONDS * factor
