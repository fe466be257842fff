"""Condition: no recent run on the target reports a check that no check set of the policy lists."""

from dataclasses import replace
from datetime import datetime

from gates.judging.conclusion import Conclusion, finding_of
from gates.model import (
    LEFT_NOTHING,
    Evidence,
    Finding,
    ListedChecksObjective,
    Measured,
    Measurement,
    RunState,
    Verdict,
)

MAX_SHOWN = 5
NEXT = (
    "list the named checks in a check set of the policy, or remove these checks from the suites; "
    "move the folders of damaged runs out of the folder of runs"
)


def conclude(objective: ListedChecksObjective, evidence: Evidence, now: datetime) -> Finding:
    """Judge all recent runs together, and return one finding.

    No objective can require a check that no check set lists. So the gate would ignore the result of
    this check. A frequent cause is that the suites and the policy are of different releases.

    Args:
        objective: the objective with the known checks and the maximum age of a run.
        evidence: the evidence with the runs.
        now: the moment of the decision, UTC.
    """
    young = [
        run
        for run in evidence.runs
        if run.target in ("", evidence.target.name)
        and now - max([run.started_at, *(result.at for result in run.results)]) <= objective.max_age
    ]
    damaged = [run.run_id for run in young if run.state is RunState.DAMAGED]
    runs = [run for run in young if run.expected is not None]
    reported = {check for run in runs for check in run.expected or ()} | {
        result.check for run in runs for result in run.results
    }
    extra = sorted(reported - objective.known - {LEFT_NOTHING})
    shown = ", ".join(extra[:MAX_SHOWN]) + (" …" if len(extra) > MAX_SHOWN else "")
    if extra:
        sentence = f"the runs report {len(extra)} checks that no check set lists: {shown}"
    elif damaged:
        sentence = f"run {damaged[0]} is damaged, and may have had checks that no check set lists"
    elif not runs:
        hours = objective.max_age.total_seconds() / 3600
        sentence = f"no suite was run on {evidence.target.name} within {hours:g} h"
    else:
        sentence = f"every check of the {len(runs)} runs is in a check set of the policy"
    passes = bool(runs) and not extra and not damaged
    measurement = Measurement(
        source="checks",
        query=f"runs on {evidence.target.name}",
        window_seconds=objective.max_age.total_seconds(),
        samples=len(runs),
        age_seconds=None,
        value=shown or "none",
    )
    conclusion = Conclusion(
        Measured.OK if runs else Measured.NO_DATA,
        Verdict.PASS if passes else Verdict.INCONCLUSIVE,
        sentence,
    )
    finding = finding_of(objective, conclusion, [measurement], NEXT)
    return replace(finding, subjects=tuple(extra))
