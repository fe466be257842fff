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
from gates.model import Evidence, Move, Rollback, Run, SampleSet, Stage, Target
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
        collected: the folder of the runs that the gate itself started.
        at: the moment of the question, seconds since the epoch.
        moves: returns the moves that the ramp command wrote to the ledger; called where nobody
            scrapes the balancer.
        lost: returns the runs that earlier decisions named and that are gone or changed.
        rollback: the last rollback to the target, for a stage that is asked after one.
        on_runs: called with the runs as soon as they are read.
    """

    stage: Stage
    target: Target
    runs: Path
    collected: Path
    at: float
    moves: Callable[[], tuple[Move, ...]] = tuple
    lost: Lookup = lambda *_: ()
    rollback: Rollback | None = None
    on_runs: Callable[[Sequence[Run]], None] = lambda _: None


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
        runs = _runs(question, signing_key)
        question.on_runs(runs)
        loads = load_runs.read_loads(question.runs, signing_key)
        evidence = Evidence(
            target=target,
            served=served.result(),
            runs=runs,
            loads=loads,
            samples=_answers(queries),
            lost_runs=question.lost(runs, loads),
            rollback=question.rollback,
        )
        view = RampView.of(question.stage, evidence, question.at)
        if view.plan and view.timeline and view.timeline.is_unscraped:
            evidence = replace(evidence, moves=question.moves())
            view = RampView.of(question.stage, evidence, question.at)
        live = fetch(view.queries.wanted())
        samples = {**evidence.samples, **_answers(live)}
        return replace(evidence, samples=samples), view


def _runs(question: Question, signing_key: str) -> tuple[Run, ...]:
    """The runs of the suites' commands, and those that the gate itself started."""
    folders = dict.fromkeys((question.runs, question.collected))
    return tuple(run for folder in folders for run in suite_runs.read_runs(folder, signing_key))


def _answers(queries: dict[Wanted, Future[SampleSet]]) -> dict[str, SampleSet]:
    return {key(*pair): answer.result() for pair, answer in queries.items()}


def _samples(source: Source, selector: str, seconds: float, at: float) -> SampleSet:
    return source.samples(selector, timedelta(seconds=seconds), at)
