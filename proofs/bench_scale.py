"""``make bench-scale``: time and memory of the gate against the size of the store.

A real Prometheus is filled by ``promtool tsdb create-blocks-from openmetrics``. Printed are a cold
``gates check`` in a process of its own, and each look of ``gates watch`` after the first, with the
processor time of the gate and of Prometheus and the bytes that were read. Then the answers of a
small store by raw samples and by sums are compared. ``make proof-scale`` shows the rollback.
"""

import os
import sys
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import tests_path  # noqa: F401 - what lies in tests/support
from scale_place import LATE_POLICY, POLICY, STAGE, ScalePlace, median, prometheus_of, store_of

from gates.decisions import Context, ContextOptions, decide, open_context
from gates.evidence.collect import Question, collect_evidence
from gates.evidence.metrics import store_size
from gates.evidence.metrics.reader import MetricsMemory
from gates.judging.decide import judge
from gates.sources import SOURCES
from gates.sources.http import Answer
from gates.sources.prometheus import Prometheus

# Pods of each colour, and routes.
SIZES = ((1, 10), (3, 80), (10, 100))
# The policy of each length: the ramp of the second balancer began later.
LENGTHS = {1.0: LATE_POLICY, 2.0: POLICY}
STORE_SECONDS = 7200
CHECKS, LOOKS = 3, 2
LOOK_SECONDS = 15.0
MAX_CHECK_SECONDS, MAX_MEGABYTES, MAX_LOOK_SECONDS = 2.0, 200.0, 0.5
HEAD = "{:>7} {:>6} {:>8} | {:>8} {:>9} {:>10} {:>6} | {:>8} {:>9} {:>10} {:>9}"
LINE = (
    "{:>7,} {:>4.1f} h {:>8} | {:>6.2f} s {:>7.2f} s {:>8.2f} s {:>6.0f} | "
    "{:>6.2f} s {:>7.2f} s {:>8.2f} s {:>9,}"
)


class CountingSource(Prometheus):
    """Prometheus as a source that counts the bytes that it reads."""

    read = 0

    def _get(self, path: str) -> Answer:
        answer = super()._get(path)
        CountingSource.read += len(answer.body)
        return answer


def context_of(place: ScalePlace) -> Context:
    """The context of a question that is asked in this process."""
    folder = place.folder
    return open_context(
        ContextOptions(
            "green",
            str(folder / place.policy),
            str(folder / "targets"),
            str(folder / "runs"),
            str(folder / "out"),
        )
    )


def measure(place: ScalePlace, hours: float) -> tuple[float, float, float]:
    """Print the line of one size; return seconds of a check, megabytes and seconds of a look."""
    before = place.prometheus_seconds()
    checks = [place.ask("check", STAGE) for _ in range(CHECKS)]
    of_prometheus = (place.prometheus_seconds() - before) / CHECKS
    context = context_of(place)
    looks, processor, read, served = [], [], 0, 0.0
    decision = ""
    for number in range(LOOKS + 1):
        CountingSource.read = 0
        began, used, before = time.monotonic(), time.process_time(), place.prometheus_seconds()
        decision = decide(context, context.stage(STAGE)).decision.outcome.value
        if number:
            looks.append(time.monotonic() - began)
            processor.append(time.process_time() - used)
            served += (place.prometheus_seconds() - before) / LOOKS
            read += CountingSource.read // LOOKS
        time.sleep(LOOK_SECONDS if number < LOOKS else 0)
    seconds = median([check.seconds for check in checks])
    megabytes = max(check.megabytes for check in checks)
    used = median([check.processor_seconds for check in checks])
    of_check = (place.series, hours, decision, seconds, used, of_prometheus, megabytes)
    print(LINE.format(*of_check, median(looks), median(processor), served, read), flush=True)
    return seconds, megabytes, median(looks)


def compare(place: ScalePlace, at: float) -> int:
    """Judge a store by raw samples and by sums; return the number of findings that differ.

    Args:
        place: where the gate is asked.
        at: a moment without a scrape in the second before: sums leave it to the next look.
    """
    context, answers = context_of(place), []
    for limit in (10**12, 0):
        store_size.MAX_RAW_SAMPLES = max(1, limit)
        question = Question(
            context.stage(STAGE),
            context.target,
            context.runs,
            context.collector.folder,
            at,
            metrics=MetricsMemory(),
        )
        evidence, view = collect_evidence(question)
        decision = judge(context.stage(STAGE), evidence, datetime.fromtimestamp(at, UTC), view)
        answers.append({item.objective: item.sentence for item in decision.findings})
    raw, sums = answers
    differ = [name for name in raw if raw[name] != sums[name]]
    for name in differ:
        print(f"{name}\n  raw:  {raw[name]}\n  sums: {sums[name]}")
    print(f"{len(raw) - len(differ)} of {len(raw)} findings of raw samples and of sums are equal")
    return len(differ)


def load() -> str:
    """The load averages of the machine, over 1, 5 and 15 minutes."""
    return " ".join(f"{value:.1f}" for value in os.getloadavg())


def main() -> int:
    """Print the figures; 1 where a goal is missed."""
    SOURCES["prometheus"] = CountingSource
    print(f"{os.cpu_count()} processors, load {load()}; check: median of {CHECKS}")
    names = ("series", "length", "decision", "check", "processor", "Prometheus", "MB")
    print(HEAD.format(*names, "look", "processor", "Prometheus", "bytes"))
    figures = (0.0, 0.0, 0.0)
    sizes = SIZES[-1:] if "--largest" in sys.argv else SIZES
    with tempfile.TemporaryDirectory(prefix="scale") as name:
        for number, (pods, routes) in enumerate(sizes):
            store = store_of(pods, routes, STORE_SECONDS)
            with prometheus_of(store, Path(name) / str(number)) as place:
                for hours, policy in LENGTHS.items():
                    figures = measure(replace(place, policy=policy), hours)
        store = store_of(3, 20, STORE_SECONDS)
        with prometheus_of(store, Path(name) / "small") as place:
            differ = compare(place, store.began_at + STORE_SECONDS - 9.5)
    print(f"load {load()} at the end")
    goals = zip(figures, (MAX_CHECK_SECONDS, MAX_MEGABYTES, MAX_LOOK_SECONDS), strict=True)
    missed = [f"{value:.2f} over {goal:g}" for value, goal in goals if value > goal]
    print("every goal is met" if not missed else f"missed: {', '.join(missed)}")
    return 1 if missed or differ else 0


if __name__ == "__main__":
    sys.exit(main())
