"""Gathers what one decision rests on: the served build, the runs and the samples."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from gates.evidence import load_runs as loads
from gates.evidence import suite_runs as evidence
from gates.evidence.judged_runs import Lookup
from gates.judging.answers import key
from gates.judging.decide import live_selectors, needed_selectors, weights_are_missing
from gates.model import Evidence, Move, SampleSet, Stage, Target
from gates.sources import Source, source_named
from gates.sources.health import served_build

AT_ONCE = 8
Wanted = tuple[str, float]


@dataclass(frozen=True, slots=True)
class Question:
    """One question to the gate.

    Args:
        stage: what is asked about.
        target: about whom.
        runs: the folder of runs.
        at: when, seconds since the epoch.
        moves: gives the shares of traffic the ramp command wrote down; asked for where nobody
            scrapes the balancer.
        lost: gives the runs that earlier decisions named and that are not there as such.
    """

    stage: Stage
    target: Target
    runs: Path
    at: float
    moves: Callable[[], tuple[Move, ...]] = tuple
    lost: Lookup = lambda *_: ()


def gather(question: Question) -> Evidence:
    """Read the runs and ask the target and Prometheus, all at once.

    Live metrics are asked for as far back as the ramp began, which the balancer's weights tell.

    Args:
        question: what is asked.

    Returns:
        The evidence; what could not be had is in it as such.
    """
    target = question.target
    source = source_named("prometheus", target.addresses.prometheus)
    with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:

        def ask(wanted: Sequence[Wanted]) -> dict[Wanted, Future[SampleSet]]:
            return {one: pool.submit(_samples, source, *one, question.at) for one in wanted}

        asked = ask(needed_selectors(question.stage, target))
        served = pool.submit(served_build, target)
        signing_key = evidence.configured_key()
        runs = evidence.read_runs(question.runs, signing_key)
        load_runs = loads.read_loads(question.runs, signing_key)
        seen = Evidence(
            target=target,
            served=served.result(),
            runs=runs,
            loads=load_runs,
            samples=_answers(asked),
            lost_runs=question.lost(runs, load_runs),
        )
        if weights_are_missing(question.stage, seen):
            seen = replace(seen, moves=question.moves())
        live = ask(live_selectors(question.stage, seen, question.at))
        return replace(seen, samples={**seen.samples, **_answers(live)})


def _answers(asked: dict[Wanted, Future[SampleSet]]) -> dict[str, SampleSet]:
    return {key(*one): answer.result() for one, answer in asked.items()}


def _samples(source: Source, selector: str, seconds: float, at: float) -> SampleSet:
    return source.samples(selector, timedelta(seconds=seconds), at)
