"""Examines the instances that Prometheus scrapes: which are up, and the scrape interval."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise
from statistics import median
from time import time

from gates.doctor.report import Line, fail, look, ok
from gates.model import Policy, ProcessIndicator, SampleSet, Target
from gates.model.selector import of_colour
from gates.sources.prometheus import Prometheus

WINDOW = timedelta(minutes=5)
MAX_SHOWN = 8
# A rollback trigger reads a window of this length; the window needs this number of scrapes.
TRIGGER_SECONDS, MIN_SCRAPES = 60.0, 2
TOLERANCE = 1.5


def examine_scraping(policy: Policy, target: Target) -> Iterator[Line]:
    """Read the samples of ``up`` of green and blue, and yield lines about their instances.

    Args:
        policy: the policy; its process indicator has the selector of ``up``.
        target: the target whose Prometheus is asked.
    """
    processes = next(
        (kind for kind in policy.indicators.values() if isinstance(kind, ProcessIndicator)), None
    )
    if processes is None:
        return
    source = Prometheus(target.addresses.prometheus, target.access.prometheus)
    for colour, slot in (("green", target.slot), ("blue", target.baseline_slot)):
        selector = of_colour(processes.up, slot, target.colour_label)
        answer = source.samples(selector, WINDOW, time())
        if not answer.series:
            problem, _, mend = answer.problem.partition("; ")
            yield fail(
                f"instances of {colour}",
                problem,
                mend
                or "correct slot, baseline_slot and colour_label in [metrics] of the target file",
            )
            continue
        yield _instances(colour, answer, target, processes)
        yield _interval(colour, answer, target)


def _instances(colour: str, answer: SampleSet, target: Target, processes: ProcessIndicator) -> Line:
    subject = f"instances of {colour}"
    label = processes.instance_label
    last = {series.labels.get(label, ""): series.samples[-1].value for series in answer.series}
    down = sorted(name for name, value in last.items() if value == 0)
    if down:
        return fail(
            subject,
            f"{len(down)} of {len(last)} are down: {', '.join(down[:MAX_SHOWN])}",
            "look at the targets page of Prometheus for the error of the scrape",
        )
    missing = sorted(set(target.instances) - last.keys()) if colour == "green" else []
    if missing:
        return fail(
            subject,
            f"Prometheus does not scrape {', '.join(missing[:MAX_SHOWN])}",
            "correct instances in [metrics] of the target file, or the scrape configuration",
        )
    return ok(subject, f"{len(last)} are up: {', '.join(sorted(last)[:MAX_SHOWN])}")


def _interval(colour: str, answer: SampleSet, target: Target) -> Line:
    subject = f"scrape interval of {colour}"
    gaps = [
        later.at - earlier.at
        for series in answer.series
        for earlier, later in pairwise(series.samples)
    ]
    if not gaps:
        return fail(
            subject, "Prometheus has one sample only of each instance", "wait for the next scrape"
        )
    usual = median(gaps)
    if usual * MIN_SCRAPES > TRIGGER_SECONDS:
        return fail(
            subject,
            f"{usual:.1f} s: a window of {TRIGGER_SECONDS:g} s can have fewer than {MIN_SCRAPES} "
            "scrapes",
            "let Prometheus scrape the store every 15 s or more often",
        )
    stated = target.scrape_interval_seconds
    if stated and usual > stated * TOLERANCE:
        return fail(
            subject,
            f"{usual:.1f} s, and the target file states {stated:g} s",
            "correct scrape_interval_seconds in [metrics] of the target file, or the scrape "
            "configuration",
        )
    if not stated:
        return look(
            subject,
            f"{usual:.1f} s; the target file states no interval",
            f"write scrape_interval_seconds = {usual:.0f} in [metrics] of the target file",
        )
    return ok(subject, f"{usual:.1f} s")
