"""Condition: every sample in the window comes from the build that is expected."""

from gates.conditions import reading
from gates.model import Build, Evidence, Finding, LiveBuildObjective, Measured, Target, Verdict


def selectors(objective: LiveBuildObjective, target: Target) -> tuple[tuple[str, float], ...]:
    """The info series of the target."""
    selector = reading.for_slot(objective.selector, target)
    return ((selector, objective.window.total_seconds()),)


def conclude(objective: LiveBuildObjective, evidence: Evidence) -> Finding:
    """Compare the build each series names with the expected one."""
    target = evidence.target
    selector = reading.for_slot(objective.selector, target)
    answer = reading.sample_set(evidence, selector, objective.window.total_seconds())
    max_age = objective.max_sample_age.total_seconds()
    measured, problem = reading.blindness([answer], max_age)
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
        verdict, sentence = Verdict.INCONCLUSIVE, f"cannot see {target.slot}'s build: {problem}"
    elif others:
        verdict = Verdict.INCONCLUSIVE
        sentence = (
            f"samples of {' and '.join(others)} are among {target.slot}'s; "
            f"only those of {target.expected} are evidence"
        )
    else:
        instances = len(answer.series)
        verdict, sentence = Verdict.PASS, f"all samples are of {target.expected}: {instances} seen"
    return Finding(
        objective=objective.name,
        guide=objective.guide,
        measured=measured,
        verdict=verdict,
        sentence=sentence,
        next_step="" if verdict is Verdict.PASS else reading.look_again(answer),
        measurements=(
            reading.measurement(
                answer, ", ".join(sorted(str(build) for build in builds)) or "none"
            ),
        ),
    )
