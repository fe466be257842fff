"""Finds the differences of two snapshots, and the declared effects that explain each difference."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from suites.contract import Effect, values_at
from suites.side_effects.owned_documents import OWNER_FIELDS, Document, Snapshot
from suites.side_effects.references import AnsweredCall, values
from suites.testdata.ownership import Shop

MAX_PROBLEMS = 3


class ChangeKind(Enum):
    """The kind of change of a document."""

    ADDED = "was added"
    REMOVED = "was deleted"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class Change:
    """The change of one document between two snapshots.

    Args:
        collection: the collection of the document.
        kind: whether the document was added, deleted or changed.
        document: the new document; for a deleted document, the old document.
        fields: the names of the changed fields; empty for an added or deleted document.
    """

    collection: str
    kind: ChangeKind
    document: Document
    fields: frozenset[str] = frozenset()

    def sentence(self) -> str:
        """Describe the change in words, without values, because values may be secret."""
        owner = self.document.get(OWNER_FIELDS[self.collection], "nobody")
        fields = f" ({', '.join(sorted(self.fields))})" if self.fields else ""
        return (
            f"in the collection {self.collection}, a document of {owner} {self.kind.value}{fields}"
        )


@dataclass(slots=True)
class ExpectedEffect:
    """A declared effect of one request, with the values that its references stand for.

    Args:
        effect: the effect as the contract declares it.
        name: the operation and the status of the response.
        owners: the ids of the users or products whose documents the effect changes.
        where: the values that a document may have in a field, by the path of the field.
        counts: the number of changes that this effect has explained, by kind.
    """

    effect: Effect
    name: str
    owners: list[Any]
    where: dict[str, list[Any]]
    counts: dict[ChangeKind, int] = field(default_factory=dict)

    def bounds(self, kind: ChangeKind) -> tuple[int, int]:
        """Return the minimum and the maximum number of new documents, or of deleted documents."""
        return self.effect.adds if kind is ChangeKind.ADDED else self.effect.removes

    def concerns(self, change: Change) -> bool:
        """Return whether this effect is about the document of a change."""
        owner = change.document.get(OWNER_FIELDS[change.collection])
        return (
            self.effect.collection == change.collection
            and owner in self.owners
            and all(
                any(value in allowed for value in values_at(change.document, name.split(".")))
                for name, allowed in self.where.items()
            )
        )

    def room(self, kind: ChangeKind) -> int:
        """Return the number of further changes of a kind that this effect can explain."""
        return self.bounds(kind)[1] - self.counts.get(kind, 0)

    def missing(self, kind: ChangeKind) -> int:
        """Return the number of further changes of a kind that this effect requires."""
        return self.bounds(kind)[0] - self.counts.get(kind, 0)


def expected_effects(answered: AnsweredCall, database: Shop) -> list[ExpectedEffect]:
    """Return the effects that the contract declares for a request and the status of its response.

    Args:
        answered: the request and its response.
        database: the database, in which owners of documents are looked up.
    """
    effects = answered.call.operation.effects.get(answered.status, ())
    name = f"{answered.call.operation.name} ({answered.status})"
    return [
        ExpectedEffect(
            effect,
            name,
            values(effect.of, answered, database),
            {name: values(value, answered, database) for name, value in effect.where.items()},
        )
        for effect in effects
        if not (effect.unless and values(effect.unless, answered, database))
    ]


def differences(before: Snapshot, after: Snapshot) -> Iterator[Change]:
    """Yield a change for each document that was added, deleted or changed between two snapshots."""
    for collection, old_documents in before.items():
        new_documents = after[collection]
        for key, document in new_documents.items():
            if key not in old_documents:
                yield Change(collection, ChangeKind.ADDED, document)
            elif fields := _changed_fields(old_documents[key], document):
                yield Change(collection, ChangeKind.CHANGED, document, fields)
        for key, document in old_documents.items():
            if key not in new_documents:
                yield Change(collection, ChangeKind.REMOVED, document)


def _changed_fields(old: Document, new: Document) -> frozenset[str]:
    missing = object()
    return frozenset(
        name for name in {*old, *new} if old.get(name, missing) != new.get(name, missing)
    )


def problems(
    changes: Iterable[Change], effects: Sequence[ExpectedEffect], users: Iterable[str]
) -> list[str]:
    """List changes that no effect explains, and required changes that did not happen.

    Args:
        changes: the changes in the database.
        effects: the effects of the requests; each effect counts the changes that it explains.
        users: the ids of the users whose documents are in the snapshots.

    Returns:
        At most three sentences; an empty list without problems.
    """
    sentences = [change.sentence() for change in changes if not _is_explained(change, effects)]
    known = set(users)
    sentences += [
        f"{effect.name} requires a change in {effect.effect.collection}, but not every required "
        f"document {kind.value}"
        for effect in effects
        if known & set(map(str, effect.owners))
        for kind in (ChangeKind.ADDED, ChangeKind.REMOVED)
        if effect.missing(kind) > 0
    ]
    return sentences[:MAX_PROBLEMS]


def _is_explained(change: Change, effects: Sequence[ExpectedEffect]) -> bool:
    concerned = [effect for effect in effects if effect.concerns(change)]
    if change.kind is ChangeKind.CHANGED:
        allowed = {name for effect in concerned for name in effect.effect.changes}
        return change.fields <= allowed
    with_room = [effect for effect in concerned if effect.room(change.kind) > 0]
    if not with_room:
        return False
    # An effect that requires the change comes first.
    chosen = max(with_room, key=lambda effect: effect.missing(change.kind))
    chosen.counts[change.kind] = chosen.counts.get(change.kind, 0) + 1
    return True
