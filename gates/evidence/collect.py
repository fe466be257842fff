"""Collects the evidence of one decision: the served build, the runs and the metrics."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from gates.evidence import load_runs, seal, suite_runs
from gates.evidence.judged_runs import Lookup
from gates.judging.answers import key
from gates.judging.conclusions import RampView
from gates.judging.decide import needed_selectors
from gates.model import Evidence, Move, SampleSet, Stage, Target
from gates.sources import Source, source_named
from gates.sources.health import served_build

MAX_PARALLEL_QUERIES = 8
Wanted = tuple[str, float]


@dataclass(frozen=True, slots=True)
class Question:
    """One question to the gate.

    Args:
        stage: the stage that is asked about.
        target: the target that is judged.
        runs: the folder of runs.
        at: the moment of the question, seconds since the epoch.
        moves: returns the moves that the ramp command wrote to the ledger; called where nobody
            scrapes the balancer.
        lost: returns the runs that earlier decisions named and that are gone or changed.
    """

    stage: Stage
    target: Target
    runs: Path
    at: float
    moves: Callable[[], tuple[Move, ...]] = tuple
    lost: Lookup = lambda *_: ()


def collect_evidence(question: Question) -> tuple[Evidence, RampView]:
    """Read the runs, and ask the target and Prometheus, all at once.

    The queries of live metrics reach back to the start of the ramp, which the balancer's weights
    show.

    Args:
        question: the question.

    Returns:
        The evidence, in which a failed query is a sample set with its error; and the view of the
        ramp that was read from it.
    """
    target = question.target
    source = source_named("prometheus", target.addresses.prometheus)
    with ThreadPoolExecutor(max_workers=MAX_PARALLEL_QUERIES) as pool:

        def fetch(wanted: Sequence[Wanted]) -> dict[Wanted, Future[SampleSet]]:
            return {pair: pool.submit(_samples, source, *pair, question.at) for pair in wanted}

        queries = fetch(needed_selectors(question.stage, target))
        served = pool.submit(served_build, target)
        signing_key = seal.configured_key()
        runs = suite_runs.read_runs(question.runs, signing_key)
        loads = load_runs.read_loads(question.runs, signing_key)
        evidence = Evidence(
            target=target,
            served=served.result(),
            runs=runs,
            loads=loads,
            samples=_answers(queries),
            lost_runs=question.lost(runs, loads),
        )
        view = RampView.of(question.stage, evidence, question.at)
        if view.plan and view.timeline and view.timeline.is_unscraped:
            evidence = replace(evidence, moves=question.moves())
            view = RampView.of(question.stage, evidence, question.at)
        live = fetch(view.queries.wanted())
        samples = {**evidence.samples, **_answers(live)}
        return replace(evidence, samples=samples), view


def _answers(queries: dict[Wanted, Future[SampleSet]]) -> dict[str, SampleSet]:
    return {key(*pair): answer.result() for pair, answer in queries.items()}


def _samples(source: Source, selector: str, seconds: float, at: float) -> SampleSet:
    return source.samples(selector, timedelta(seconds=seconds), at)
