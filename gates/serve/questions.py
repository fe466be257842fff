"""Makes the requested decisions, in a limited number of threads.

A question is a request for a decision about a stage of a target. Equal questions that are under way
at the same time get the same decision, so that the ledger has one entry for all of these clients. A
question that arrives later gets a new decision.
"""

import asyncio
import json
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from starlette.exceptions import HTTPException

from gates import decision_document
from gates.decision_document import DecisionDocument
from gates.decisions import Answer, Context, ContextOptions, decide, open_context, record
from gates.ledger import LedgerReader
from gates.model import (
    Collection,
    Measured,
    Outcome,
    Policy,
    ShareObjective,
    Stage,
    is_same_share,
)
from gates.policy.policy_reader import PolicyReader
from gates.serve.settings import ServeSettings

MAX_THREADS = 4
# The maximum number of different questions under way; a policy has fewer stages for both colours.
MAX_QUESTIONS = 100
# Instead of a stage: the stage that has the target's present share of the traffic.
PRESENT_STEP = "@step"
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Question:
    """A request for a decision about a stage of a target.

    Args:
        stage: the name of a stage, or ``@step`` for the stage of the target's present share of the
            traffic; from an untrusted source.
        target: the name of a target, from an untrusted source.
    """

    stage: str
    target: str


@dataclass(frozen=True, slots=True)
class RecordedAnswer:
    """A decision that is in the ledger.

    Args:
        document: the decision document.
        text: the document as the text of JSON.
        ends_ramp: whether a ramp moves all traffic to blue after this decision: after a rollback,
            and after a no-go where the policy has ``no_go_rolls_back``.
    """

    document: DecisionDocument
    text: str
    ends_ramp: bool


@dataclass(slots=True)
class QuestionCounts:
    """The numbers of questions since the start of the server.

    Args:
        arrived: the number of questions that arrived.
        shared: the number of questions that got the decision of an earlier, equal question.
        failed: the number of questions that got no decision.
    """

    arrived: int = 0
    shared: int = 0
    failed: int = 0


@dataclass(slots=True)
class Gate:
    """Makes the decision for a question, as ``gates check`` does.

    Args:
        settings: the settings of the server.
        reader: the reader of the ledger, for all questions.
        attempts: the collector's newest attempt of each check set, keyed by target and policy.
            After a failed attempt, the next question does not start the collector at once.
        steps: the name of the stage of the last question about ``@step``, by target.
        policies: the reader of the policy, for all questions.
    """

    settings: ServeSettings
    reader: LedgerReader
    attempts: dict[tuple[str, str], dict[str, Collection]] = field(default_factory=dict)
    steps: dict[str, str] = field(default_factory=dict)
    policies: PolicyReader = field(default_factory=PolicyReader)

    def answer(self, question: Question) -> RecordedAnswer:
        """Collect the evidence, judge it, and write the decision to the ledger; this takes seconds.

        Raises:
            UnknownNameError: no stage or no target has the name in the question.
            ConfigurationError: the policy or the target file is wrong.
            LedgerError: the ledger could not be written, so there is no decision.
        """
        settings = self.settings
        context = open_context(
            ContextOptions(
                question.target,
                policy=settings.policy,
                targets=settings.targets,
                runs=settings.runs,
                out=settings.out,
                time_scale=settings.time_scale,
            ),
            self.policies,
        )
        subject = (context.target.digest, context.policy.digest)
        context = replace(context, reader=self.reader)
        context.collector.attempts = self.attempts.setdefault(subject, {})
        document = record(context, self._decided(context, question.stage))
        outcome = document.decision.outcome
        is_stop = outcome is Outcome.NO_GO and context.policy.no_go_rolls_back
        return RecordedAnswer(
            document,
            compact_text(document),
            ends_ramp=outcome is Outcome.ROLLBACK or is_stop,
        )

    def _decided(self, context: Context, name: str) -> Answer:
        """The answer about a stage, or about the stage of the target's present share.

        Raises:
            UnknownNameError: the policy has no such stage, or has no step.
        """
        steps = {stage.name: stage for stage in context.policy.steps}
        if name != PRESENT_STEP or not steps:
            return decide(context, context.stage(name))
        last = steps.get(self.steps.get(context.target.name, ""))
        answer = decide(context, last or context.policy.steps[0])
        present = _present_stage(answer, context.policy)
        self.steps[context.target.name] = present.name
        return answer if present.name == answer.stage.name else decide(context, present)


def _present_stage(answer: Answer, policy: Policy) -> Stage:
    """The stage of the target's present share of the traffic.

    Args:
        answer: the answer about any step.
        policy: the policy.

    Returns:
        The step with this share. With a measured share of 0, the stage ``ready`` of the ramp.
        Where no step has the share, or the share is unknown, the stage of ``answer``.
    """
    if not answer.share and _knows_share(answer):
        return policy.ready
    for step in policy.steps:
        is_known = step.share is not None and answer.share is not None
        if is_known and is_same_share(step.share or 0.0, answer.share or 0.0):
            return step
    return answer.stage


def _knows_share(answer: Answer) -> bool:
    """Whether the share of the traffic was measured."""
    names = [each.name for each in answer.stage.objectives if isinstance(each, ShareObjective)]
    findings = [each for each in answer.decision.findings if each.objective in names]
    return bool(findings) and all(each.measured is Measured.OK for each in findings)


def compact_text(document: DecisionDocument) -> str:
    """Return the document as JSON on one line; it is smaller than indented JSON.

    Raises:
        ValueError: a number of the document is NaN or infinite; JSON has no such number.
    """
    return json.dumps(decision_document.encode(document), allow_nan=False)


class Questions:
    """Makes the decisions for the questions of all clients.

    Args:
        answer: a function that makes one decision; it is called in a thread.
        time_limit_seconds: the longest time that a question waits for its decision, in seconds.
    """

    def __init__(
        self, answer: Callable[[Question], RecordedAnswer], time_limit_seconds: float
    ) -> None:
        self._answer, self._time_limit_seconds = answer, time_limit_seconds
        self._threads = ThreadPoolExecutor(MAX_THREADS, thread_name_prefix="decision")
        self._under_way: dict[Question, asyncio.Future[RecordedAnswer]] = {}
        self.counts = QuestionCounts()

    async def ask(self, question: Question) -> RecordedAnswer:
        """Return the decision for a question.

        Raises:
            HTTPException: too many questions are under way (503), or there is no decision within
                the time limit (504).
            GatesError: the gate made no decision, for a reason that ``Gate.answer`` names.
        """
        self.counts.arrived += 1
        answer = self._under_way.get(question)
        if answer is not None:
            self.counts.shared += 1
        try:
            answer = answer or self._begin(question)
            return await asyncio.wait_for(asyncio.shield(answer), self._time_limit_seconds)
        except TimeoutError as error:
            self.counts.failed += 1
            sentence = f"no decision within {self._time_limit_seconds:g} s; send the request again"
            raise HTTPException(504, sentence) from error
        except Exception:
            self.counts.failed += 1
            raise

    def close(self) -> None:
        """Wait for the questions that are under way; cancel the questions that have not begun."""
        self._threads.shutdown(cancel_futures=True)

    def _begin(self, question: Question) -> asyncio.Future[RecordedAnswer]:
        if len(self._under_way) >= MAX_QUESTIONS:
            raise HTTPException(
                503,
                "too many requests for a decision are under way; send the request again later",
                {"Retry-After": "5"},
            )
        loop = asyncio.get_running_loop()
        answer = loop.run_in_executor(self._threads, self._timed_answer, question)
        self._under_way[question] = answer
        answer.add_done_callback(lambda done: self._end(question, done))
        return answer

    def _timed_answer(self, question: Question) -> RecordedAnswer:
        began = time.monotonic()
        answer = self._answer(question)
        decision = answer.document.decision
        logger.info(
            "decision %s about stage %s of target %s, ledger entry %s, %.2f s",
            decision.outcome.value,
            decision.stage,
            decision.target,
            answer.document.entry_id,
            time.monotonic() - began,
        )
        return answer

    def _end(self, question: Question, answer: asyncio.Future[RecordedAnswer]) -> None:
        """Remove a question that has its decision, so that a later question gets a new decision."""
        del self._under_way[question]
        if not answer.cancelled():
            answer.exception()
