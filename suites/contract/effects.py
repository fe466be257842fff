"""Reads the effects that the contract declares with ``x-effects``: all changes of an operation.

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
    """The changes that an operation may make in one collection of the database.

    Args:
        collection: the name of the collection.
        of: a reference to the owners of the documents, such as ``caller`` or ``body.user_id``.
        adds: the smallest and the largest number of new documents.
        removes: the smallest and the largest number of deleted documents.
        changes: the fields that may change in documents that are not deleted.
        where: for each field, such as ``action`` or ``details.level``, a value, a list of values
            or a reference; the effect is limited to documents with these values.
        unless: a reference; the effect does not occur when the reference has a value.
        later: whether the effect may also occur after the response.
        has_twin: whether the bystander gets a document with the same ``where`` before the request;
            the request must not change this document.
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
    """Return the declared effects of an operation, keyed by the status of the response.

    An effect is a change in a collection of the database.

    Args:
        operation: the operation's part of ``openapi.yaml``.

    Raises:
        LookupError: an effect has an unknown key, or lacks the key ``collection`` or the key ``of``
            (whose documents change).
    """
    return {
        int(status): tuple(_effect(content) for content in contents)
        for status, contents in operation.get("x-effects", {}).items()
    }


def _effect(content: Mapping[str, Any]) -> Effect:
    if unknown := sorted(set(content) - KEYS):
        raise LookupError(
            f"unknown key {unknown[0]!r} in x-effects; the known keys are {sorted(KEYS)}"
        )
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
    """Return smallest and largest number: ``1`` means exactly one, ``[0, 3]`` at most three."""
    if isinstance(content, int):
        return content, content
    smallest, largest = content
    return smallest, largest
