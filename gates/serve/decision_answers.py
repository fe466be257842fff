"""Sends decisions as responses to programs, to Argo Rollouts and to Flagger.

Only a decision GO gives a response that permits the release to go on. Only a decision that ends the
ramp gives a response that demands a rollback. Without a decision the response is an HTTP error.
"""

from collections.abc import Sequence

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from gates.decision_document import DecisionDocument
from gates.model import Outcome, Verdict
from gates.serve.kept_ledger import KeptLedger
from gates.serve.questions import Question, Questions, RecordedAnswer, compact_text
from gates.serve.request_bodies import JSON_TYPE, name_in, read_body, read_object

MAX_REASONS = 10
QUESTION_KEYS = frozenset({"stage", "target"})
# Flagger takes 200, 201 and 202 for a yes, and every other status for a no.
GO_ON = 200
WAIT = 409
STOP = 412


class DecisionAnswers:
    """The endpoints whose response is a decision.

    Args:
        questions: the object that makes the decisions for all clients.
        kept: the stored content of the ledger.
    """

    def __init__(self, questions: Questions, kept: KeptLedger) -> None:
        self._questions, self._kept = questions, kept

    async def decide(self, request: Request) -> Response:
        """``POST /v1/decisions``: decide about a stage, and respond with the decision document."""
        content = await read_object(request)
        if unknown := sorted(content.keys() - QUESTION_KEYS):
            raise HTTPException(
                400, f"unknown key {unknown[0][:80]!r}; expected the keys stage and target"
            )
        question = Question(name_in(content, "stage"), name_in(content, "target"))
        answer = await self._questions.ask(question)
        return Response(answer.text, media_type=JSON_TYPE)

    async def kept_decision(self, request: Request) -> Response:
        """``GET /v1/decisions/{id}``: respond with the decision document of a ledger entry."""
        entry_id = request.path_params["id"]
        document = await self._kept.decision(entry_id)
        if document is None:
            raise HTTPException(404, f"the ledger has no decision {entry_id[:80]!r}")
        return Response(compact_text(document), media_type=JSON_TYPE)

    async def argo_metric(self, request: Request) -> Response:
        """Respond to the ``web`` metric of Argo Rollouts: 200 and the decision, whatever it is.

        Source: https://argo-rollouts.readthedocs.io/en/stable/analysis/web/
        """
        await read_body(request)
        answer = await self._questions.ask(_question_of(request))
        return JSONResponse(_summary(answer))

    async def flagger_gate(self, request: Request) -> Response:
        """Respond to the Flagger webhook that lets a canary go on: 200 only for a GO.

        Source: https://docs.flagger.app/usage/webhooks
        """
        answer = await self._flagger_answer(request)
        match answer.document.decision.outcome:
            case Outcome.GO:
                status = GO_ON
            case Outcome.HOLD:
                status = WAIT
            case _:
                status = STOP
        return JSONResponse(_summary(answer), status)

    async def flagger_rollback(self, request: Request) -> Response:
        """Respond to the Flagger webhook ``rollback``: 200 only where a rollback is needed.

        Source: https://docs.flagger.app/usage/webhooks
        """
        answer = await self._flagger_answer(request)
        return JSONResponse(_summary(answer), GO_ON if answer.ends_ramp else WAIT)

    async def _flagger_answer(self, request: Request) -> RecordedAnswer:
        """The decision about a canary; Flagger names the canary in the body."""
        content = await read_object(request)
        for key in ("name", "namespace"):
            name_in(content, key)
        return await self._questions.ask(_question_of(request))


def _question_of(request: Request) -> Question:
    return Question(request.path_params["stage"], request.path_params["target"])


def _summary(answer: RecordedAnswer) -> dict[str, object]:
    """Return the fields of a decision that other systems use in their conditions."""
    document, decision = answer.document, answer.document.decision
    return {
        "decision": decision.outcome.value,
        "go": decision.outcome is Outcome.GO,
        "stop": answer.ends_ramp,
        "id": document.entry_id,
        "stage": decision.stage,
        "target": decision.target,
        "reason": decision.reason,
        "reasons": _reasons(document),
    }


def _reasons(document: DecisionDocument) -> Sequence[str]:
    """The sentences of the findings that are not a pass, worst first."""
    findings = [
        finding
        for finding in document.decision.findings
        if finding.verdict is not Verdict.PASS and finding.counts
    ]
    return [f"{finding.objective}: {finding.sentence}" for finding in findings[:MAX_REASONS]]
