"""What one objective concludes; the only place that builds findings."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from gates.model import Figure, Finding, Measured, Measurement, Outcome, Verdict


@dataclass(frozen=True, slots=True)
class Conclusion:
    """The conclusion about one objective.

    Args:
        measured: whether the objective was measured.
        verdict: whether the objective is met.
        sentence: the reason, with figures.
        breach: the decision that a fail of the objective means.
        figure: the value and its limit; None without a number.
    """

    measured: Measured
    verdict: Verdict
    sentence: str
    breach: Outcome = Outcome.NO_GO
    figure: Figure | None = None


class NamedObjective(Protocol):
    """The fields that every objective has."""

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
        objective: the objective.
        conclusion: the conclusion about the objective.
        measurements: the measurements of the conclusion.
        next_step: what to do or type now; a finding that passes does not keep this.
        part: the part of the objective, such as one limit; empty for the whole objective.
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
        figure=conclusion.figure,
    )


def cannot_measure(measured: Measured, reads: str, problem: str) -> Conclusion:
    """The conclusion where an objective could not be measured."""
    return Conclusion(measured, Verdict.INCONCLUSIVE, f"cannot see {reads}: {problem}")
