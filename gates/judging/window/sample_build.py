"""Condition: every sample in the window is of the build that the target file expects."""

from typing import NamedTuple

from gates.judging import answers as reading
from gates.judging.conclusion import Conclusion, cannot_measure, finding_of
from gates.judging.metric_query import MetricQuery
from gates.judging.series import discovery
from gates.model import (
    Build,
    BuildIndicator,
    Evidence,
    Finding,
    LiveBuildObjective,
    Measured,
    SampleSet,
    Series,
    Target,
    Verdict,
)
from gates.statistics import by_instance


class BuildQueries(NamedTuple):
    """The metric queries of the objective.

    Args:
        builds: the query of the time series with the build.
        starts: the query of the start times of the processes, or of another time series that each
            instance always has.
        up: the query of ``up``, which shows whether Prometheus reaches each instance.
    """

    builds: MetricQuery
    starts: MetricQuery
    up: MetricQuery


def queries(objective: LiveBuildObjective, target: Target) -> BuildQueries:
    """Return the metric queries of the objective.

    Args:
        objective: the objective with the indicators and the window.
        target: the target, which names its colour.
    """
    window, processes = objective.window.total_seconds(), objective.processes
    return BuildQueries(
        *(
            MetricQuery(reading.for_slot(selector, target), window)
            for selector in (objective.indicator.selector, processes.presence, processes.up)
        )
    )


def conclude(objective: LiveBuildObjective, evidence: Evidence) -> Finding:
    """Compare the build in the labels of each time series with the expected build.

    Args:
        objective: the objective.
        evidence: the evidence with the query results.
    """
    target = evidence.target
    answer, starts, up = (query.answer(evidence) for query in queries(objective, target))
    max_age = objective.max_sample_age.total_seconds()
    measured, problem = reading.blindness(
        [answer, starts],
        max_age,
        covering=[answer, starts],
        gone=discovery.gone_if_known(up, max_age, objective.processes.instance_label),
        instance_label=objective.processes.instance_label,
    )
    if measured is Measured.OK:
        problem = _not_of_the_target(answer, starts, objective, target)
        measured = Measured.ERROR if problem else Measured.OK
    builds = {_build_of(series, objective.indicator, target.expected) for series in answer.series}
    others = sorted(str(build) for build in builds - {target.expected})
    if measured is not Measured.OK:
        conclusion = cannot_measure(measured, f"{target.slot}'s build", problem)
    elif others:
        sentence = (
            f"some samples of {target.slot} are of the build {' and '.join(others)}; "
            f"only samples of the build {target.expected} are evidence"
        )
        conclusion = Conclusion(measured, Verdict.INCONCLUSIVE, sentence)
    else:
        sentence = f"all samples have the build {target.expected} (instances: {len(answer.series)})"
        conclusion = Conclusion(measured, Verdict.PASS, sentence)
    named = ", ".join(sorted(str(build) for build in builds)) or "none"
    return finding_of(
        objective, conclusion, [reading.measurement(answer, named)], reading.command(answer)
    )


def _build_of(series: Series, indicator: BuildIndicator, expected: Build) -> Build:
    """The build in a series' labels; a part without a label is taken from the expected build."""

    def value(label: str, without: str) -> str:
        return series.labels.get(label, "?") if label else without

    return Build(
        release=value(indicator.release_label, expected.release),
        version=value(indicator.version_label, expected.version),
        digest=value(indicator.digest_label, expected.digest),
    )


def _not_of_the_target(
    answer: SampleSet, starts: SampleSet, objective: LiveBuildObjective, target: Target
) -> str:
    """Why the series with the build are not of exactly the target's instances; else empty."""
    label = objective.indicator.deployment_label
    others = {series.labels.get(label, target.deployment) for series in answer.series}
    if others != {target.deployment}:
        return (
            f"the time series of {target.slot} must all name the deployment {target.deployment}, "
            f"but their deployments are: {', '.join(sorted(others))}"
        )
    if objective.processes.of_both_colours:
        return ""  # the processes are those of a balancer, and export no build
    known, running = (
        set(by_instance(each.series, objective.processes.instance_label))
        for each in (answer, starts)
    )
    if known != running:
        return (
            f"{len(known)} instances export a metric with their build, and {len(running)} "
            "instances are running; the instances of both groups must be the same"
        )
    return ""
