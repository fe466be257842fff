"""What one objective concludes; the only place that builds findings."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from gates.model import Finding, Measured, Measurement, Outcome, Verdict


@dataclass(frozen=True, slots=True)
class Conclusion:
    """What one objective concludes.

    Args:
        measured: whether it was measured.
        verdict: whether it meets the objective.
        sentence: why, with figures.
        breach: what a fail of it means.
    """

    measured: Measured
    verdict: Verdict
    sentence: str
    breach: Outcome = Outcome.NO_GO


class NamedObjective(Protocol):
    """What every objective has."""

    @property
    def name(self) -> str:
        """The objective's name."""

    @property
    def guide(self) -> str:
        """The guide's section."""


def finding_of(
    objective: NamedObjective,
    conclusion: Conclusion,
    measurements: Iterable[Measurement],
    next_step: str,
    *,
    part: str = "",
) -> Finding:
    """The finding of an objective.

    Args:
        objective: whose finding it is.
        conclusion: what it concludes.
        measurements: what the conclusion is based on.
        next_step: what to do or type now; left out of a pass.
        part: which part of the objective the finding is about, such as one limit; empty for all.
    """
    return Finding(
        objective=f"{objective.name}: {part}" if part else objective.name,
        guide=objective.guide,
        measured=conclusion.measured,
        verdict=conclusion.verdict,
        sentence=conclusion.sentence,
        next_step="" if conclusion.verdict is Verdict.PASS else next_step,
        measurements=tuple(measurements),
        breach=conclusion.breach,
    )


def cannot_measure(measured: Measured, reads: str, problem: str) -> Conclusion:
    """The conclusion where an objective could not be measured."""
    return Conclusion(measured, Verdict.INCONCLUSIVE, f"cannot see {reads}: {problem}")
