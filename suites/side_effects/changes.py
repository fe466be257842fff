"""The differences of two snapshots, and the declared effects that explain them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from suites.contract import Effect
from suites.side_effects.owned_documents import OWNER_FIELDS, Document, Snapshot
from suites.side_effects.references import AnsweredCall, values
from suites.testdata.ownership import Shop

MAX_PROBLEMS = 3


class ChangeKind(Enum):
    """What happened to a document."""

    ADDED = "was added"
    REMOVED = "was deleted"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class Change:
    """One document that is no longer as it was.

    Args:
        collection: the collection of the document.
        kind: what happened to it.
        document: the new document; for a deleted document, the old document.
        fields: the fields that changed, for a document that stayed.
    """

    collection: str
    kind: ChangeKind
    document: Document
    fields: frozenset[str] = frozenset()

    def sentence(self) -> str:
        """The change in words, without values: some are secret."""
        owner = self.document.get(OWNER_FIELDS[self.collection], "nobody")
        fields = f" ({', '.join(sorted(self.fields))})" if self.fields else ""
        return f"in {self.collection}, a document of {owner} {self.kind.value}{fields}"


@dataclass(slots=True)
class ExpectedEffect:
    """A declared effect of one call, with the values that its references stand for.

    Args:
        effect: the declaration.
        name: the operation and the status of the answer.
        owners: the owners of the documents.
        where: the values that a document must have, by field.
        counts: how many changes this effect has explained so far, by kind.
    """

    effect: Effect
    name: str
    owners: list[Any]
    where: dict[str, list[Any]]
    counts: dict[ChangeKind, int] = field(default_factory=dict)

    def bounds(self, kind: ChangeKind) -> tuple[int, int]:
        """The least and the largest number of new or of deleted documents."""
        return self.effect.adds if kind is ChangeKind.ADDED else self.effect.removes

    def concerns(self, change: Change) -> bool:
        """Whether the change is of a document that this effect is about."""
        owner = change.document.get(OWNER_FIELDS[change.collection])
        return (
            self.effect.collection == change.collection
            and owner in self.owners
            and all(change.document.get(name) in allowed for name, allowed in self.where.items())
        )

    def room(self, kind: ChangeKind) -> int:
        """How many more changes of a kind this effect can explain."""
        return self.bounds(kind)[1] - self.counts.get(kind, 0)

    def missing(self, kind: ChangeKind) -> int:
        """How many changes of a kind this effect still requires."""
        return self.bounds(kind)[0] - self.counts.get(kind, 0)


def expected_effects(answered: AnsweredCall, database: Shop) -> list[ExpectedEffect]:
    """The effects that the contract declares for the answer of a call."""
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
    """Every document that was added, deleted or changed between two snapshots."""
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
    """Changes that no effect explains, and required changes that did not happen.

    Args:
        changes: what changed in the database.
        effects: the effects of the calls; each counts the changes that it explains.
        users: the users whose documents are in the snapshots.
    """
    sentences = [change.sentence() for change in changes if not _is_explained(change, effects)]
    known = set(users)
    sentences += [
        f"{effect.name}: in {effect.effect.collection}, no document {kind.value}"
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
