"""Takes a snapshot before and after each request, and compares the changes with the contract.

Requests that overlap are observed together, from the start of the first to the end of the last.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Lock

from suites.client.observing import Call
from suites.form import NIGHTLY
from suites.side_effects import changes, owned_documents
from suites.side_effects.references import AnsweredCall, values
from suites.testdata.own_writes import WriteCounter
from suites.testdata.ownership import Shop

# How many requests for an operation with one token are observed in a check; by night, all are.
MAX_OBSERVED, MAX_OBSERVED_READS = 3, 1
ANSWERED_NOTHING = 0


@dataclass(frozen=True, slots=True)
class _Reading:
    """A snapshot, with the values that must not change while the snapshot is used.

    Args:
        documents: the snapshot.
        subjects: the users and products whose documents the snapshot contains.
        own_writes: the number of commands with which checks had written into the database.
    """

    documents: owned_documents.Snapshot
    subjects: owned_documents.Subjects
    own_writes: int


@dataclass(slots=True)
class _Window:
    """The requests that overlap.

    Args:
        before: the documents before the first request began.
        running: the number of requests that have not ended.
        answered: the requests that have ended, with their responses.
    """

    before: owned_documents.Snapshot
    running: int = 0
    answered: list[AnsweredCall] = field(default_factory=list)


class EffectObserver:
    """Observes the requests of one check.

    Args:
        database: the store's database.
        subjects: a function that returns the users and products whose documents are compared; a
            check may create further users.
        bystander: the id of the user who gets a document with the same ``where`` for each effect
            with ``twin`` in the contract.
        own_writes: the counter of the commands with which checks write into the database directly.
    """

    def __init__(
        self,
        database: Shop,
        subjects: Callable[[], owned_documents.Subjects],
        bystander: str,
        own_writes: WriteCounter,
    ) -> None:
        self._database = database
        self._subjects = subjects
        self._bystander = bystander
        self._own_writes = own_writes
        self._newest: _Reading | None = None
        self._lock = Lock()
        self._window: _Window | None = None
        self._members: set[int] = set()
        self._unobserved = 0
        self._observed_calls: Counter[tuple[str, str]] = Counter()
        self._later: list[changes.ExpectedEffect] = []

    def begin(self, call: Call) -> None:
        """Take the first snapshot, unless other requests are under way."""
        with self._lock:
            if self._window is None:
                if self._unobserved or not self._is_due(call):
                    self._unobserved += 1
                    # After a request without effects, a change is seen at the next request.
                    if any(call.operation.effects.values()):
                        self._newest = None
                    return
                self._make_twins(call)
                self._window = _Window(self._before())
            self._observed_calls[_kind(call)] += 1
            self._window.running += 1
            self._members.add(id(call))

    def end(self, call: Call, status: int | None, body: object) -> list[str]:
        """Record the end of a request; after the last running request, take the second snapshot.

        Args:
            call: the request.
            status: the HTTP status of the response; None if no response came.
            body: the parsed body of the response; None without a body.

        Returns:
            One sentence for each change that the contract does not declare for these requests and
            their responses, and for each required change that did not happen.
        """
        answered = AnsweredCall(call, ANSWERED_NOTHING if status is None else status, body)
        with self._lock:
            if id(call) not in self._members or self._window is None:
                self._unobserved -= 1
                self._later += _later(changes.expected_effects(answered, self._database))
                return []
            self._members.remove(id(call))
            window = self._window
            window.answered.append(answered)
            window.running -= 1
            if window.running:
                return []
            self._window = None
            return self._compare(window)

    def _is_due(self, call: Call) -> bool:
        """Return whether to observe a request: by night all, else the first few of its kind."""
        reads = call.operation.method == "GET"
        limit = MAX_OBSERVED_READS if reads else MAX_OBSERVED
        return NIGHTLY or self._observed_calls[_kind(call)] < limit

    def _before(self) -> owned_documents.Snapshot:
        """Return the newest snapshot if the snapshot is still usable, else take a new one.

        A snapshot is usable if the subjects are the same and checks have written nothing since.
        Earlier requests may have had ``later`` effects since; ``_compare`` accepts these effects.
        """
        newest, subjects = self._newest, self._subjects()
        if (
            newest is not None
            and newest.subjects == subjects
            and newest.own_writes == self._own_writes.count
        ):
            return newest.documents
        return owned_documents.take(self._database, subjects)

    def _make_twins(self, call: Call) -> None:
        """Give the bystander a twin for each effect with ``twin``.

        The request must not change these documents.
        """
        sent = AnsweredCall(call, ANSWERED_NOTHING, None)
        for effect in {
            (effect.collection, tuple(sorted(effect.where.items())))
            for effects in call.operation.effects.values()
            for effect in effects
            if effect.has_twin
        }:
            collection, where = effect
            twin = {name: values(value, sent, self._database)[:1] for name, value in where}
            if all(twin.values()) and all(isinstance(value[0], str) for value in twin.values()):
                key = {name: value[0] for name, value in twin.items()}
                self._database[collection].update_one(
                    {**key, owned_documents.OWNER_FIELDS[collection]: self._bystander},
                    {"$setOnInsert": {"at": datetime.now(UTC)}},
                    upsert=True,
                )

    def _compare(self, window: _Window) -> list[str]:
        subjects = self._subjects()
        after = owned_documents.take(self._database, subjects)
        self._newest = _Reading(after, subjects, self._own_writes.count)
        effects = [
            effect
            for answered in window.answered
            for effect in changes.expected_effects(answered, self._database)
        ]
        earlier = list(self._later)
        self._later += _later(effects)
        if any(answered.status == ANSWERED_NOTHING for answered in window.answered):
            return []
        sentences = changes.problems(
            changes.differences(window.before, after), [*effects, *earlier], subjects.users
        )
        names = sorted({answered.call.operation.name for answered in window.answered})
        return [
            f"the changes in the database do not match the effects that the contract declares for "
            f"{' and '.join(names)}: {problem}"
            for problem in sentences
        ]


def _kind(call: Call) -> tuple[str, str]:
    """Return a request's operation and token; requests with equal values are counted together."""
    return call.operation.name, call.token


def _later(effects: list[changes.ExpectedEffect]) -> list[changes.ExpectedEffect]:
    """Return the effects that may occur after the response."""
    return [effect for effect in effects if effect.effect.later]
