"""Gathers what one decision rests on: the served build, the runs and the samples."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from gates import evidence, loads
from gates.conditions.reading import key
from gates.judge import needed_selectors
from gates.model import Evidence, SampleSet, Stage, Target
from gates.sources import Source, source_named
from gates.sources.health import served_build

AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Question:
    """One question to the gate.

    Args:
        stage: what is asked about.
        target: about whom.
        runs: the folder of runs.
        at: when, seconds since the epoch.
    """

    stage: Stage
    target: Target
    runs: Path
    at: float


def gather(question: Question) -> Evidence:
    """Read the runs and ask the target and Prometheus, all at once.

    Args:
        question: what is asked.

    Returns:
        The evidence; what could not be had is in it as such.
    """
    target = question.target
    source = source_named("prometheus", target.addresses.prometheus)
    wanted = needed_selectors(question.stage, target)
    with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        served = pool.submit(served_build, target)
        asked = [
            pool.submit(_samples, source, selector, seconds, question.at)
            for selector, seconds in wanted
        ]
        signing_key = evidence.configured_key()
        runs = evidence.read_runs(question.runs, signing_key)
        load_runs = loads.read_loads(question.runs, signing_key)
        answers = [one.result() for one in asked]
        return Evidence(
            target=target,
            served=served.result(),
            runs=runs,
            loads=load_runs,
            samples={
                key(selector, seconds): answer
                for (selector, seconds), answer in zip(wanted, answers, strict=True)
            },
        )


def _samples(source: Source, selector: str, seconds: float, at: float) -> SampleSet:
    return source.samples(selector, timedelta(seconds=seconds), at)
