"""The findings of a stage: each objective is concluded by the module of its kind."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from gates.judging import last_rollback, served_build, sign_off
from gates.judging.checks import failures, listed, required
from gates.judging.conclusion import cannot_measure, finding_of
from gates.judging.live import evaluation
from gates.judging.live.evaluation import LiveView
from gates.judging.live.fed_judges import FedJudges
from gates.judging.live.queries import LivePlan, LiveQueries
from gates.judging.load import load_objective
from gates.judging.metric_query import MetricQuery
from gates.judging.series import replicas
from gates.judging.sign_off import StageSignOffs
from gates.judging.timeline import Timeline, timeline_of
from gates.judging.window import ratio, sample_build, traffic_share
from gates.model import (
    AvailabilityObjective,
    ChecksObjective,
    Evidence,
    Finding,
    ListedChecksObjective,
    LiveBuildObjective,
    LiveObjective,
    LoadObjective,
    Measured,
    Measurement,
    NoFailedChecksObjective,
    Objective,
    RatioObjective,
    RollbackObjective,
    ServedBuildObjective,
    ShareObjective,
    SignOffObjective,
    Stage,
    Target,
    Verdict,
)


@dataclass(frozen=True, slots=True)
class RampView:
    """The ramp at the moment of a question; it is read once, and every objective uses it.

    Args:
        timeline: the balancer's moves; None where the stage has no share objective.
        plan: the stage's live objectives; None where the stage has no live objective.
        queries: the queries of the live objectives.
        fed_judges: the judges of earlier looks; None for a single look.
    """

    timeline: Timeline | None
    plan: LivePlan | None
    queries: LiveQueries
    fed_judges: FedJudges | None = None

    @classmethod
    def of(cls, stage: Stage, evidence: Evidence, now: float) -> "RampView":
        """Read the view from evidence that has the balancer's weights.

        Args:
            stage: the stage whose objectives are judged.
            evidence: the evidence with the answers to ``selectors``.
            now: seconds since the epoch.
        """
        shares = [
            objective for objective in stage.objectives if isinstance(objective, ShareObjective)
        ]
        evidence = replicas.one_at_a_time(evidence)
        timeline = timeline_of(shares[0], evidence) if shares else None
        plan = LivePlan.of(stage)
        moves = timeline.moves if timeline else ()
        queries = plan.queries(moves, evidence.target, now) if plan else LiveQueries((), ())
        return cls(timeline, plan, queries)

    def a_trigger_fires(self, evidence: Evidence, now: float) -> bool:
        """Whether a rollback trigger says, by its own window, that the release must go back.

        Args:
            evidence: the evidence with the answers to the triggers' queries.
            now: seconds since the epoch.
        """
        if self.timeline is None:
            return False
        evidence = replicas.one_at_a_time(evidence)
        findings = evaluation.trigger_findings(self.queries, self.timeline, evidence, now)
        return any(finding.verdict is Verdict.FAIL for finding in findings)


def conclude_all(
    stage: Stage, evidence: Evidence, now: datetime, view: RampView | None = None
) -> list[Finding]:
    """The findings of every objective of a stage; live objectives are evaluated together.

    Args:
        stage: what is required.
        evidence: what was measured.
        now: the moment of the question, UTC.
        view: the view of the ramp, where the caller has read it from this evidence; else None.
    """
    evidence = replicas.one_at_a_time(evidence)
    if view is None:
        view = RampView.of(stage, evidence, now.timestamp())
    findings: list[Finding] = []
    for objective in stage.objectives:
        if isinstance(objective, LiveObjective | AvailabilityObjective):
            continue
        if isinstance(objective, ShareObjective):
            timeline = view.timeline or timeline_of(objective, evidence)
            findings.append(traffic_share.conclude(objective, evidence, timeline))
        elif isinstance(objective, SignOffObjective):
            findings.append(
                sign_off.conclude(objective, StageSignOffs.of(stage.name, evidence), now)
            )
        else:
            findings.extend(conclude(objective, evidence, now))
    if view.plan and view.timeline:
        live = LiveView(view.queries, view.timeline, view.fed_judges)
        findings.extend(evaluation.findings(view.plan, live, evidence, now.timestamp()))
    else:
        findings.extend(_without_ramp(stage))
    return findings


def _without_ramp(stage: Stage) -> Iterator[Finding]:
    """The findings of live objectives of a stage that cannot say when its ramp began."""
    problem = (
        f"the stage {stage.name} needs a traffic share and a comparison to judge live metrics; "
        "without them the gate does not know the ramp"
    )
    for objective in stage.objectives:
        if isinstance(objective, LiveObjective | AvailabilityObjective):
            conclusion = cannot_measure(Measured.ERROR, objective.name, problem)
            nothing = Measurement("policy", f"stage {stage.name}", None, 0, None, "no ramp")
            yield finding_of(objective, conclusion, (nothing,), "gates lint")


WithOneFinding = (
    NoFailedChecksObjective
    | ListedChecksObjective
    | ServedBuildObjective
    | RollbackObjective
    | LiveBuildObjective
    | RatioObjective
)
Alone = ChecksObjective | LoadObjective | WithOneFinding


def conclude(objective: Alone, evidence: Evidence, now: datetime) -> tuple[Finding, ...]:
    """The findings of an objective that is judged alone; at least one finding."""
    match objective:
        case ChecksObjective():
            return required.conclude(objective, evidence, now)
        case LoadObjective():
            return load_objective.conclude(objective, evidence, now)
        case _:
            return (_conclude_once(objective, evidence, now),)


def _conclude_once(objective: WithOneFinding, evidence: Evidence, now: datetime) -> Finding:
    match objective:
        case NoFailedChecksObjective():
            return failures.conclude(objective, evidence, now)
        case ListedChecksObjective():
            return listed.conclude(objective, evidence, now)
        case ServedBuildObjective():
            return served_build.conclude(objective, evidence)
        case RollbackObjective():
            return last_rollback.conclude(objective, evidence, now)
        case LiveBuildObjective():
            return sample_build.conclude(objective, evidence)
        case RatioObjective():
            return ratio.conclude(objective, evidence)
        case _:
            assert_never(objective)


def queries(objective: Objective, target: Target) -> tuple[MetricQuery, ...]:
    """The queries of an objective that do not depend on the ramp."""
    match objective:
        case RatioObjective():
            return ratio.queries(objective, target)
        case LiveBuildObjective():
            pairs = sample_build.selectors(objective, target)
        case ShareObjective():
            pairs = traffic_share.selectors(objective)
        case _:
            return ()
    return tuple(MetricQuery(*pair) for pair in pairs)


def selectors(objective: Objective, target: Target) -> tuple[tuple[str, float], ...]:
    """The selectors of these queries, each with its window in seconds."""
    return tuple(query.pair for query in queries(objective, target))
