"""The effects that the contract declares with ``x-effects``: everything an operation changes.

docs/effects.md describes the notation.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

KEYS = frozenset(
    {"collection", "of", "adds", "removes", "changes", "where", "unless", "when", "twin"}
)
LATER = "later"


@dataclass(frozen=True, slots=True)
class Effect:
    """What an operation may change in one collection.

    Args:
        collection: the collection.
        of: a reference to the owners of the documents, such as ``caller`` or ``body.user_id``.
        adds: the least and the largest number of new documents.
        removes: the least and the largest number of deleted documents.
        changes: the fields that may change in documents that stay.
        where: field by name, and a value, a list of values or a reference; the effect is about
            documents with these values only.
        unless: a reference; the effect does not occur where the reference has a value.
        later: whether the effect may also come after the answer.
        has_twin: whether a document with the same ``where`` and another owner must stay unchanged.
    """

    collection: str
    of: str
    adds: tuple[int, int]
    removes: tuple[int, int]
    changes: frozenset[str]
    where: Mapping[str, object]
    unless: str
    later: bool
    has_twin: bool


def effects_by_status(operation: Mapping[str, Any]) -> dict[int, tuple[Effect, ...]]:
    """The declared effects of an operation by the status of its answer.

    Args:
        operation: the operation as the contract has it.

    Raises:
        LookupError: a key of an effect is unknown, or one of ``collection`` and ``of`` is missing.
    """
    return {
        int(status): tuple(_effect(content) for content in contents)
        for status, contents in operation.get("x-effects", {}).items()
    }


def _effect(content: Mapping[str, Any]) -> Effect:
    if unknown := sorted(set(content) - KEYS):
        raise LookupError(f"unknown key {unknown[0]!r} in x-effects; known: {sorted(KEYS)}")
    return Effect(
        collection=content["collection"],
        of=content["of"],
        adds=_bounds(content.get("adds", 0)),
        removes=_bounds(content.get("removes", 0)),
        changes=frozenset(content.get("changes", ())),
        where=content.get("where", {}),
        unless=content.get("unless", ""),
        later=content.get("when") == LATER,
        has_twin=bool(content.get("twin", False)),
    )


def _bounds(content: int | list[int]) -> tuple[int, int]:
    """``1`` means exactly one; ``[0, 3]`` means at most three."""
    if isinstance(content, int):
        return content, content
    least, largest = content
    return least, largest
