"""The conclusion about one objective, and the only functions that create findings."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from gates.model import Figure, Finding, Measured, Measurement, Outcome, Verdict


@dataclass(frozen=True, slots=True)
class Conclusion:
    """The conclusion about one objective.

    Args:
        measured: whether the objective could be measured.
        verdict: whether the objective is met.
        sentence: the reason of the verdict, with the measured numbers.
        breach: the decision about the release when the verdict is a fail.
        figure: the measured value and its limit; None where the objective has no number.
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
        """The objective's name in the policy."""

    @property
    def guide(self) -> str:
        """The section of the deployment guide that requires the objective."""


def finding_of(
    objective: NamedObjective,
    conclusion: Conclusion,
    measurements: Iterable[Measurement],
    next_step: str,
    *,
    part: str = "",
) -> Finding:
    """Create the finding of an objective.

    Args:
        objective: the objective.
        conclusion: the conclusion about the objective.
        measurements: the measurements on which the conclusion is based.
        next_step: what the reader must do or type now; a finding that passes has no next step.
        part: the name of a part of the objective, such as one limit; empty for the whole objective.
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
    """Create the conclusion about an objective that could not be measured.

    Args:
        measured: why the objective could not be measured: no data, old data, or an error.
        reads: what the objective measures, such as ``requests failed``.
        problem: the reason, as a sentence.
    """
    sentence = f"the gate cannot measure this: {reads}: {problem}"
    return Conclusion(measured, Verdict.INCONCLUSIVE, sentence)
