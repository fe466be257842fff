"""The newest decision about a target, and the newest ramp decision whose evidence is kept."""

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
    """A decision with its evidence.

    Args:
        document: the decision.
        stage: the stage, as it was judged.
        evidence: the evidence, as it was kept.
    """

    document: DecisionDocument
    stage: Stage
    evidence: Evidence

    @property
    def sentence(self) -> str:
        """Which decision has this evidence."""
        decision = self.document.decision
        return (
            f"From the kept evidence of the decision about {decision.stage} at "
            f"{moment_text(decision.at)}, ledger entry {self.document.entry_id}."
        )


@dataclass(frozen=True, slots=True)
class Decisions:
    """The decisions about a target.

    Args:
        newest: the newest decision; None where the ledger has none.
        newest_evidence: the evidence of the newest decision; None where it could not be read.
        ramp: the newest decision with the live evidence of a ramp; None where there is none.
        problem: why ``ramp`` is missing; empty where ``ramp`` has a decision.
    """

    newest: DecisionDocument | None
    newest_evidence: Evidence | None
    ramp: KeptDecision | None
    problem: str


def decisions_of(source: ReportInput) -> Decisions:
    """Read the newest decisions of the target.

    Args:
        source: what the page is written from.
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
            kept = KeptDecision(document, stage, evidence)
            return Decisions(documents[0], newest_evidence, kept, "")
    return Decisions(documents[0], newest_evidence, None, problem)


def _newest_first(source: ReportInput) -> Iterator[DecisionDocument]:
    """The decisions about the target, each with the id of its ledger entry."""
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
