"""Condition: every sample in the window comes from the build that is expected."""

from gates.judging import answers as reading
from gates.judging.conclusion import Conclusion, cannot_measure, finding_of
from gates.model import (
    Build,
    Evidence,
    Finding,
    LiveBuildObjective,
    Measured,
    SampleSet,
    Target,
    Verdict,
)
from gates.statistics import by_instance


def selectors(objective: LiveBuildObjective, target: Target) -> tuple[tuple[str, float], ...]:
    """The info series of the target, and the start times of its instances."""
    window = objective.window.total_seconds()
    return tuple(
        (reading.for_slot(selector, target), window)
        for selector in (objective.indicator.selector, objective.processes.start_time)
    )


def conclude(objective: LiveBuildObjective, evidence: Evidence) -> Finding:
    """Compare the build that each series names with the expected build."""
    target = evidence.target
    selector = reading.for_slot(objective.indicator.selector, target)
    window = objective.window.total_seconds()
    answer = reading.sample_set(evidence, selector, window)
    starts = reading.sample_set(
        evidence, reading.for_slot(objective.processes.start_time, target), window
    )
    max_age = objective.max_sample_age.total_seconds()
    measured, problem = reading.blindness([answer, starts], max_age, covering=[answer, starts])
    if measured is Measured.OK:
        problem = _not_of_the_target(answer, starts, target)
        measured = Measured.ERROR if problem else Measured.OK
    builds = {
        Build(
            release=series.labels.get("release", "?"),
            version=series.labels.get("version", "?"),
            digest=series.labels.get("digest", "?"),
        )
        for series in answer.series
    }
    others = sorted(str(build) for build in builds - {target.expected})
    if measured is not Measured.OK:
        conclusion = cannot_measure(measured, f"{target.slot}'s build", problem)
    elif others:
        sentence = (
            f"some samples of {target.slot} are of {' and '.join(others)}; "
            f"only samples of {target.expected} are evidence"
        )
        conclusion = Conclusion(measured, Verdict.INCONCLUSIVE, sentence)
    else:
        sentence = f"all samples of {len(answer.series)} instances are of {target.expected}"
        conclusion = Conclusion(measured, Verdict.PASS, sentence)
    named = ", ".join(sorted(str(build) for build in builds)) or "none"
    return finding_of(
        objective, conclusion, [reading.measurement(answer, named)], reading.command(answer)
    )


def _not_of_the_target(answer: SampleSet, starts: SampleSet, target: Target) -> str:
    """Why the info series do not cover all instances of the target; empty where they do."""
    others = {series.labels.get("deployment", target.deployment) for series in answer.series}
    if others != {target.deployment}:
        return f"series under slot {target.slot} call themselves {', '.join(sorted(others))}"
    known, running = set(by_instance(answer.series)), set(by_instance(starts.series))
    if known != running:
        return f"{len(known)} instances name a build, {len(running)} have a start time"
    return ""
