"""Condition: no recent run on the target reports a check that the policy does not list."""

from datetime import datetime

from gates.model import Evidence, Finding, ListedChecksObjective, Measured, Measurement, Verdict

MOST_SHOWN = 5


def conclude(objective: ListedChecksObjective, evidence: Evidence, now: datetime) -> Finding:
    """One finding over all runs that are young enough.

    An unlisted check is one that nobody asks for: its result would be passed over, or the suites
    and the policy speak of different releases.
    """
    runs = [
        run
        for run in evidence.runs
        if run.target == evidence.target.name
        and run.expected is not None
        and now - run.started_at <= objective.max_age
    ]
    extra = sorted({check for run in runs for check in (run.expected or ()) if check}
                   | {result.check for run in runs for result in run.results})  # fmt: skip
    extra = [check for check in extra if check not in objective.known]
    shown = ", ".join(extra[:MOST_SHOWN]) + (" …" if len(extra) > MOST_SHOWN else "")
    if not runs:
        sentence = f"no run on {evidence.target.name} within {objective.max_age}"
    elif extra:
        sentence = f"{len(extra)} checks reported that no check set lists: {shown}"
    else:
        sentence = f"every check of {len(runs)} runs is listed"
    measurement = Measurement(
        source="checks",
        query=f"runs on {evidence.target.name}",
        window_seconds=objective.max_age.total_seconds(),
        samples=len(runs),
        age_seconds=None,
        value=shown or "none",
    )
    return Finding(
        objective=objective.name,
        guide=objective.guide,
        measured=Measured.OK if runs else Measured.NO_DATA,
        verdict=Verdict.PASS if runs and not extra else Verdict.INCONCLUSIVE,
        sentence=sentence,
        next_step="" if runs and not extra else "list them in a check set, or take them out",
        measurements=(measurement,),
    )
