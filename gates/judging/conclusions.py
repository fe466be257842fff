"""Judges all objectives of a stage; each kind of objective has a module of its own."""

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
from gates.judging.timeline import Timeline, query_of, timeline_of
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
    """The state of the ramp at the moment of a decision; all objectives of a stage use this state.

    Args:
        timeline: green's shares of the traffic over time; None where the stage has no objective
            about the traffic share.
        plan: the stage's live objectives; None where no live objective of the stage can be judged.
        queries: the metric queries of the live objectives.
        fed_judges: the live judges of earlier evaluations of this ramp; None where this evaluation
            is the only one.
    """

    timeline: Timeline | None
    plan: LivePlan | None
    queries: LiveQueries
    fed_judges: FedJudges | None = None

    @classmethod
    def of(cls, stage: Stage, evidence: Evidence, now: float) -> "RampView":
        """Read the state of the ramp from evidence that has the balancer's traffic weights.

        Args:
            stage: the stage whose objectives are judged.
            evidence: the evidence with the results of the queries that ``selectors`` lists.
            now: the moment of the decision, in seconds since the epoch.
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
        """Whether the samples in a rollback trigger's own window require a rollback.

        Args:
            evidence: the evidence with the results of the triggers' queries.
            now: the moment of the decision, in seconds since the epoch.
        """
        if self.timeline is None:
            return False
        evidence = replicas.one_at_a_time(evidence)
        findings = evaluation.trigger_findings(self.queries, self.timeline, evidence, now)
        return any(finding.verdict is Verdict.FAIL for finding in findings)


def conclude_all(
    stage: Stage, evidence: Evidence, now: datetime, view: RampView | None = None
) -> list[Finding]:
    """Judge every objective of a stage, and return the findings.

    The live objectives of the stage are judged together, because they share live judges.

    Args:
        stage: the stage with the objectives.
        evidence: the evidence about the target.
        now: the moment of the decision, UTC.
        view: the state of the ramp, read from the same evidence; None where this function must read
            the state.
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
    """The findings of live objectives that cannot be judged, because the stage is incomplete."""
    problem = (
        f"the stage {stage.name} needs an objective of the kind `share` and an objective of the "
        "kind `comparison` that is not advisory; add the missing objective to the policy"
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
    """Judge an objective that does not depend on other objectives, and return its findings.

    Args:
        objective: the objective.
        evidence: the evidence about the target.
        now: the moment of the decision, UTC.

    Returns:
        At least one finding.
    """
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
    """Return those metric queries of an objective that do not depend on the start of the ramp.

    Args:
        objective: the objective; the result is empty for a live objective.
        target: the target, which names both colours.
    """
    match objective:
        case RatioObjective():
            return ratio.queries(objective, target)
        case LiveBuildObjective():
            return sample_build.queries(objective, target)
        case ShareObjective():
            return (query_of(objective),)
        case _:
            return ()


def selectors(objective: Objective, target: Target) -> tuple[tuple[str, float], ...]:
    """Return the selector and the window in seconds of each query that ``queries`` returns.

    Args:
        objective: the objective.
        target: the target, which names both colours.
    """
    return tuple(query.pair for query in queries(objective, target))
