"""Collects the evidence of one decision: the served build, the runs and the metrics."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from gates.evidence import load_runs, seal, suite_runs
from gates.evidence.judged_runs import Lookup
from gates.evidence.metrics.query_threads import QueryThreads
from gates.evidence.metrics.reader import MetricsMemory, MetricsReader, Sent
from gates.judging.conclusions import RampView
from gates.judging.decide import needed_queries
from gates.model import Evidence, Move, Rollback, Run, Stage, Target
from gates.sources import source_named
from gates.sources.health import served_build

MAX_PARALLEL_QUERIES = 8
MAX_SECONDS_AFTER_TRIGGER = 2.0


@dataclass(frozen=True, slots=True)
class Question:
    """One question to the gate: may the release go on at this stage of this target?

    Args:
        stage: the stage about which the gate decides.
        target: the target that is judged.
        runs: the folder of the runs that the commands of the suites and of the load tool wrote.
        collected: the folder of the runs that the gate itself started.
        at: the moment of the question, seconds since the epoch.
        moves: a function that returns the moves of traffic that the ramp command wrote to the
            ledger; the function is called only where Prometheus does not scrape the balancer.
        lost: a function that returns the runs that earlier decisions named and that are now gone
            or changed.
        rollback: the last rollback to the target, for a stage that judges a rollback; else None.
        on_runs: a function that is called with the suite runs as soon as the runs are read.
        metrics: the samples and labels that earlier questions of the same command read.
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
    metrics: MetricsMemory = field(default_factory=MetricsMemory)


def collect_evidence(question: Question) -> tuple[Evidence, RampView]:
    """Collect the evidence of one decision: the served build, the run records, and the metrics.

    The gate sends its queries in parallel, and sends the queries of the rollback triggers first.
    The queries about the history of the ramp follow, because their window depends on the start of
    the ramp. The gate finds this start in the balancer's traffic weights or in the ledger. If a
    trigger fires, the gate waits only a short time for the responses about the history.

    Args:
        question: the stage, the target, the moment, and the folders of runs.

    Returns:
        The evidence, and the moves and queries of the ramp. In the evidence, a failed query is a
        sample set with an error.
    """
    with QueryThreads(MAX_PARALLEL_QUERIES) as threads:
        target = question.target
        source = source_named("prometheus", target.addresses.prometheus, target.access.prometheus)
        reader = MetricsReader(source, threads, question.at, question.metrics)
        sent = reader.send(needed_queries(question.stage, target))
        evidence = _without_history(question, threads, reader, sent)
        view = RampView.of(question.stage, evidence, question.at)
        if view.plan and view.timeline and view.timeline.is_unscraped:
            evidence = replace(evidence, moves=question.moves())
            view = RampView.of(question.stage, evidence, question.at)
        history = reader.send(view.queries.of_history())
        has_fired = view.a_trigger_fires(evidence, question.at)
        samples = reader.answers(history, MAX_SECONDS_AFTER_TRIGGER if has_fired else None)
    view = replace(view, fed_judges=question.metrics.fed_judges)
    return replace(evidence, samples={**evidence.samples, **samples}), view


def _without_history(
    question: Question, threads: QueryThreads, reader: MetricsReader, sent: Sent
) -> Evidence:
    """Collect the evidence without the samples of the ramp's history."""
    served = threads.submit(lambda: served_build(question.target))
    signing_key = seal.configured_key()
    runs = _runs(question, signing_key)
    question.on_runs(runs)
    loads = load_runs.read_loads(question.runs, signing_key)
    return Evidence(
        target=question.target,
        served=served.result(),
        runs=runs,
        loads=loads,
        samples=reader.answers(sent),
        lost_runs=question.lost(runs, loads),
        rollback=question.rollback,
    )


def _runs(question: Question, signing_key: str) -> tuple[Run, ...]:
    """Read the runs that other commands started, and the runs that the gate itself started."""
    folders = dict.fromkeys((question.runs, question.collected))
    return tuple(run for folder in folders for run in suite_runs.read_runs(folder, signing_key))
