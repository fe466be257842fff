"""Reads the newest decision about a target, and the newest decision about a ramp step."""

from collections.abc import Iterator
from dataclasses import dataclass

from gates.decision_document import DecisionDocument
from gates.decisions import kept_evidence
from gates.errors import LedgerError
from gates.ledger import DecisionEntry
from gates.model import ComparisonObjective, Evidence, Stage
from gates.release_report.report_input import ReportInput, moment_text

# The page looks for the evidence of a ramp in this number of newest decisions.
MAX_TRIES = 4


@dataclass(frozen=True, slots=True)
class KeptDecision:
    """A decision with the evidence that the gate stored for it.

    Args:
        document: the decision.
        stage: the stage with its objectives, as the gate judged them.
        evidence: the evidence of the decision.
    """

    document: DecisionDocument
    stage: Stage
    evidence: Evidence

    @property
    def sentence(self) -> str:
        """Return a sentence that names the decision to which the evidence belongs."""
        decision = self.document.decision
        return (
            f"The charts show the stored evidence of the decision about {decision.stage} at "
            f"{moment_text(decision.at)}, ledger entry {self.document.entry_id}."
        )


@dataclass(frozen=True, slots=True)
class Decisions:
    """The newest decisions about a target, with their evidence.

    Args:
        newest: the newest decision; None where the ledger has none.
        newest_evidence: the evidence of the newest decision; None where it could not be read.
        ramp: the newest decision about a ramp step, with its evidence; None without one.
        problem: why ``ramp`` is missing; empty where ``ramp`` has a decision.
    """

    newest: DecisionDocument | None
    newest_evidence: Evidence | None
    ramp: KeptDecision | None
    problem: str


def decisions_of(source: ReportInput) -> Decisions:
    """Read the newest decisions about the target, and their evidence.

    Args:
        source: the ledger, policy and target that the page is written from.
    """
    documents = list(_newest_first(source))
    if not documents:
        return Decisions(None, None, None, "The ledger has no decision about this target.")
    newest_evidence: Evidence | None = None
    problem = "None of the newest decisions is about a step of a ramp."
    for number, document in enumerate(documents[:MAX_TRIES]):
        try:
            stage, evidence = kept_evidence(source.out, document.evidence_digest)
        except LedgerError as error:
            problem = f"The evidence of the newest decisions cannot be read: {error}"
            continue
        if number == 0:
            newest_evidence = evidence
        if any(isinstance(objective, ComparisonObjective) for objective in stage.objectives):
            stored = KeptDecision(document, stage, evidence)
            return Decisions(documents[0], newest_evidence, stored, "")
    return Decisions(documents[0], newest_evidence, None, problem)


def _newest_first(source: ReportInput) -> Iterator[DecisionDocument]:
    """Yield the decisions about the target, newest first, each with its ledger entry's id."""
    for record in reversed(source.content.records):
        if isinstance(record.entry, DecisionEntry) and record.entry.target == source.name:
            document = record.entry.document
            yield DecisionDocument(
                document.decision,
                document.policy_digest,
                document.tool,
                document.evidence_digest,
                document.runs,
                record.entry_id,
            )
