"""Condition: the target is healthy, and serves the build that the target file expects."""

from gates.judging.conclusion import Conclusion, finding_of
from gates.model import Evidence, Finding, Measured, Measurement, ServedBuildObjective, Verdict

HEALTHY = 200


def conclude(objective: ServedBuildObjective, evidence: Evidence) -> Finding:
    """Compare the build that the target serves with the build that the target file expects.

    Args:
        objective: the objective.
        evidence: the evidence with the response of the target's health address.
    """
    served, target = evidence.served, evidence.target
    curl = f"curl -i {target.access.health.curl_options()}{served.url}"
    if served.build is None:
        verdict = Verdict.INCONCLUSIVE
        sentence = f"{target.name} does not say which build it serves: {served.problem}"
        next_step = curl
    elif served.deployment != target.deployment:
        verdict = Verdict.FAIL
        sentence = (
            f"{target.name} should be deployment {target.deployment!r}, "
            f"but {served.url} reports deployment {served.deployment!r}"
        )
        next_step = f"correct [addresses] in the target file; to see the response, run: {curl}"
    elif served.build != target.expected:
        verdict = Verdict.FAIL
        sentence = f"{target.name} serves {served.build}; the expected build is {target.expected}"
        next_step = "deploy the expected build, or correct [expected] in the target file"
    elif served.status != HEALTHY:
        verdict = Verdict.FAIL
        sentence = f"{target.name} is not healthy: the response has status {served.status}"
        next_step = curl
    else:
        verdict, next_step = Verdict.PASS, ""
        sentence = f"{target.name} serves {served.build}, as expected"
    measurement = Measurement(
        source="health",
        query=served.url,
        window_seconds=None,
        samples=int(served.measured is Measured.OK),
        age_seconds=0.0 if served.measured is Measured.OK else None,
        value=str(served.build or served.problem),
    )
    conclusion = Conclusion(served.measured, verdict, sentence)
    return finding_of(objective, conclusion, [measurement], next_step)
