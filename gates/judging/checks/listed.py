"""Condition: no recent run on the target reports a check that the policy does not list."""

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

MOST_SHOWN = 5
NEXT = "list these checks in a check set, or remove them from the suites; move damaged runs away"


def conclude(objective: ListedChecksObjective, evidence: Evidence, now: datetime) -> Finding:
    """One finding about all runs that are young enough.

    No objective requires a check that no check set lists. So the gate would ignore the result of
    the check, or the suites and the policy are of different releases.
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
    shown = ", ".join(extra[:MOST_SHOWN]) + (" …" if len(extra) > MOST_SHOWN else "")
    if extra:
        sentence = f"{len(extra)} checks were reported that no check set lists: {shown}"
    elif damaged:
        sentence = f"run {damaged[0]} is damaged, and may have reported any check"
    elif not runs:
        hours = objective.max_age.total_seconds() / 3600
        sentence = f"no run on {evidence.target.name} within {hours:g} h"
    else:
        sentence = f"every check of {len(runs)} runs is listed"
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
