"""Judges the samples of a recording up to a moment, as ``gates check`` judges live samples."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from math import inf

from gates.backtest.recording import BLUE, COLOUR_LABEL, GREEN, Recording
from gates.judging.answers import for_slot, key
from gates.judging.conclusions import RampView, conclude_all, selectors
from gates.judging.live import evaluation
from gates.judging.live.findings import FindingBasis, conclude
from gates.judging.live.live_judge import LiveJudge
from gates.judging.live.queries import LivePlan, LiveQueries
from gates.model import (
    Addresses,
    AvailabilityObjective,
    Build,
    Evidence,
    Finding,
    LiveObjective,
    Measured,
    Move,
    Objective,
    RatioObjective,
    SampleSet,
    ServedBuild,
    ShareObjective,
    Stage,
    Target,
)
from gates.statistics import metric_name

SLOTS = (GREEN, BLUE)
# An evaluation reads the time since the previous evaluation, and this number of sample ages more.
MARGIN_AGES = 3


@dataclass(slots=True)
class JudgedGroup:
    """A live judge of some objectives, and why the judge could not count some or all scrapes.

    Args:
        judge: the live judge, which counts the events scrape by scrape.
        problem: why the judge could not count a scrape; empty where the judge counted every scrape.
        unusable: why no scrape of the recording counts; empty where the scrapes count.
    """

    judge: LiveJudge
    problem: str = ""
    unusable: str = ""


class RecordedEvidence:
    """Answers the metric queries of the gate from a recording instead of Prometheus.

    At each decision the object reads the counters since the previous decision. The live judges have
    counted the events of the whole ramp, scrape by scrape.

    Args:
        recording: the recording of a ramp.
        plan: the live objectives of the ramp steps.
        groups: the live judges, in the order of the groups of objectives in the plan.
    """

    def __init__(self, recording: Recording, plan: LivePlan, groups: Sequence[JudgedGroup]) -> None:
        self._recording, self._plan, self._groups = recording, plan, groups
        start_time = plan.processes.start_time
        self._starts = metric_name(start_time) if start_time else ""
        self._up = metric_name(plan.processes.up)
        self._looked_at = -inf
        self.left_out: dict[str, None] = {}

    def findings(self, stage: Stage, moves: Sequence[Move], at: float) -> list[Finding]:
        """Judge the objectives of a stage for which the recording has evidence.

        Args:
            stage: the stage whose objectives are judged.
            moves: the changes of green's share of the traffic in the ramp, up to ``at``.
            at: the moment of the decision, in seconds of the recording.

        Returns:
            The findings. The names of the objectives without evidence are added to ``left_out``.
        """
        judged = [objective for objective in stage.objectives if self._has_evidence(objective, at)]
        self.left_out |= {
            objective.name: None for objective in stage.objectives if objective not in judged
        }
        of_windows = [
            objective
            for objective in judged
            if isinstance(objective, RatioObjective | ShareObjective)
        ]
        queries = [pair for objective in of_windows for pair in selectors(objective, TARGET)]
        answers = {key(*pair): self._answer(pair, at) for pair in dict.fromkeys(queries)}
        evidence = replace(evidence_of(answers), moves=tuple(moves))
        view = RampView.of(replace(stage, objectives=tuple(judged)), evidence, at)
        evidence = replace(evidence, samples={**answers, **self._recent(view.queries, at)})
        findings = conclude_all(
            replace(stage, objectives=tuple(of_windows)), evidence, datetime.fromtimestamp(at, UTC)
        )
        findings += self._live(view, evidence, at)
        if view.plan and view.timeline:
            of_triggers = evaluation.trigger_findings(view.queries, view.timeline, evidence, at)
            findings = evaluation.with_triggers(findings, of_triggers)
            findings += evaluation.availability_findings(
                view.plan, view.queries, view.timeline, evidence, at
            )
        self._looked_at = at
        return findings

    def _live(self, view: RampView, evidence: Evidence, at: float) -> list[Finding]:
        """The findings of the live judges, which have counted the events scrape by scrape."""
        findings: list[Finding] = []
        for group, queries in zip(self._groups, view.queries.groups, strict=True):
            judge = group.judge
            blind = evaluation.problem_of(judge, queries, evidence, at)
            if blind[0] is Measured.ERROR:
                group.unusable = group.unusable or blind[1]
            if group.unusable:
                blind = Measured.ERROR, group.unusable
            if blind[0] not in evaluation.MAY_BE_FED:
                judge = LiveJudge(queries.objectives, SLOTS, judge.max_age)
            elif blind[0] is Measured.OK:
                blind = judge.blindness(at)
                if group.problem and blind[0] is Measured.OK:
                    blind = Measured.ERROR, group.problem
            findings += conclude(judge, at, blind, FindingBasis({}, {}))
        return findings

    def _recent(self, queries: LiveQueries, at: float) -> dict[str, SampleSet]:
        """The results of the live queries.

        The history of counters is read only from a little before the previous evaluation on.
        """
        age = self._plan.share.max_sample_age.total_seconds()
        since = at - self._looked_at + MARGIN_AGES * age
        answers = {}
        for query in queries.of_history():
            recent = query.window_seconds if self._is_of_processes(query.selector) else since
            answer = self._answer((query.selector, min(query.window_seconds, recent)), at)
            if answer.measured is Measured.NO_DATA:
                answer = self._answer(query.pair, at)
            answers[query.key] = answer
        whole = {query.key: self._answer(query.pair, at) for query in queries.of_triggers()}
        return {**answers, **whole}

    def _has_evidence(self, objective: Objective, at: float) -> bool:
        """Whether the recording can have evidence for an objective.

        A ratio objective needs samples in its window. A recording has evidence for every live,
        availability and share objective, and for no objective of another kind.
        """
        if isinstance(objective, RatioObjective):
            total = for_slot(objective.indicator.total, TARGET)
            window = objective.window.total_seconds()
            return self._answer((total, window), at).measured is Measured.OK
        return isinstance(objective, LiveObjective | AvailabilityObjective | ShareObjective)

    def _is_of_processes(self, selector: str) -> bool:
        return metric_name(selector) in (self._starts, self._up)

    def _answer(self, query: tuple[str, float], at: float) -> SampleSet:
        selector, window = query[0], timedelta(seconds=query[1])
        name = metric_name(selector)
        if name and name == self._starts:
            return self._recording.starts(selector, window, at)
        if name and name == self._up:
            return self._recording.up(selector, window, at)
        return self._recording.samples(selector, window, at)


def evidence_of(samples: dict[str, SampleSet]) -> Evidence:
    """Create evidence that has samples, and neither runs nor a served build.

    Args:
        samples: the query results, keyed by ``gates.judging.answers.key``.
    """
    nobody = ServedBuild(Measured.NO_DATA, 0, None, "", "", "a recording has no served build")
    return Evidence(target=TARGET, served=nobody, runs=(), samples=samples)


def _target() -> Target:
    """The target that stands for green of a recording; it has no expected build."""
    nowhere = Addresses("", "", "", "", "", "", "", None)
    return Target(
        name="recording",
        digest="",
        description="a recording",
        deployment=GREEN,
        production=False,
        expected=Build("", "", ""),
        schema_version=1,
        addresses=nowhere,
        patience_seconds=1,
        loopback_sources=False,
        log_files=(),
        suites=frozenset(),
        capabilities=frozenset(),
        slot=GREEN,
        servers=(GREEN,),
        instances=(),
        policies=frozenset(),
        unset=(),
        baseline_slot=BLUE,
        public_address="",
        shop="",
        router="",
        secrets={},
        colour_label=COLOUR_LABEL,
    )


TARGET = _target()
