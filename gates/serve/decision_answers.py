"""Decisions as answers: for programs, for Argo Rollouts and for Flagger.

No answer but a real GO can be read as permission to go on, and no answer but a real rollback as the
order to roll back: a question without a decision is answered with an error of HTTP.
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
    """The endpoints that answer with a decision.

    Args:
        questions: the object that answers the questions of all clients.
        kept: reads the ledger.
    """

    def __init__(self, questions: Questions, kept: KeptLedger) -> None:
        self._questions, self._kept = questions, kept

    async def decide(self, request: Request) -> Response:
        """``POST /v1/decisions``: the decision document."""
        content = await read_object(request)
        if unknown := sorted(content.keys() - QUESTION_KEYS):
            raise HTTPException(400, f"unknown key {unknown[0][:80]!r}; known: stage, target")
        question = Question(name_in(content, "stage"), name_in(content, "target"))
        answer = await self._questions.ask(question)
        return Response(answer.text, media_type=JSON_TYPE)

    async def kept_decision(self, request: Request) -> Response:
        """``GET /v1/decisions/{id}``: the decision document of a ledger entry."""
        entry_id = request.path_params["id"]
        document = await self._kept.decision(entry_id)
        if document is None:
            raise HTTPException(404, f"the ledger has no decision {entry_id[:80]!r}")
        return Response(compact_text(document), media_type=JSON_TYPE)

    async def argo_metric(self, request: Request) -> Response:
        """The ``web`` metric of an AnalysisTemplate of Argo Rollouts: 200 for each decision.

        Source: https://argo-rollouts.readthedocs.io/en/stable/analysis/web/
        """
        await read_body(request)
        answer = await self._questions.ask(_question_of(request))
        return JSONResponse(_summary(answer))

    async def flagger_gate(self, request: Request) -> Response:
        """A webhook of Flagger that lets a canary go on: 200 for a GO, and for nothing else.

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
        """The webhook ``rollback`` of Flagger: 200 where the canary must be rolled back.

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
    """A decision in the fields that the conditions of other systems read."""
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
