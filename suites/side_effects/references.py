"""Finds the values that a reference of ``x-effects`` stands for in one request and its response."""

import base64
import binascii
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from suites.client.observing import Call
from suites.contract import values_at
from suites.testdata.ownership import TRACES, Shop

ROOTS = ("body", "answer")
# The fields by which a document is looked up in a collection, if not by its id.
LOOKED_UP_BY = {"users": ("phone", "email")}


@dataclass(frozen=True, slots=True)
class AnsweredCall:
    """A request, and the response of the store.

    Args:
        call: the request.
        status: the HTTP status of the response; 0 if no response came.
        answer: the JSON body of the response; None without a JSON body.
    """

    call: Call
    status: int
    answer: Any


def values(reference: object, answered: AnsweredCall, database: Shop) -> list[Any]:
    """Return the values of a reference; a text that is not a reference is returned unchanged.

    Args:
        reference: ``caller``, ``body.NAME``, ``answer.NAME``, ``COLLECTION/REFERENCE`` for the
            owner of a document, ``COLLECTION.FIELD/REFERENCE`` for another field of the document,
            or a literal value or list of values.
        answered: the request and its response.
        database: the database, in which the owner of a document is looked up.
    """
    if isinstance(reference, list):
        return reference
    if not isinstance(reference, str):
        return [reference]
    if reference == "caller":
        return list(_subject_of(answered.call.token))
    place, slash, inner = reference.partition("/")
    collection, _, field = place.partition(".")
    if slash and collection in TRACES:
        keys = values(inner, answered, database)
        trace_field = field or TRACES[collection]
        return [value for key in keys for value in _fields(database, collection, key, trace_field)]
    root, _, path = reference.partition(".")
    if root not in ROOTS or not path:
        return [reference]
    content = answered.call.body if root == "body" else answered.answer
    return [value for value in values_at(content, path.split(".")) if value is not None]


def _subject_of(token: str) -> Iterator[str]:
    """Yield the user that a JSON Web Token names; the store verifies the signature."""
    parts = token.split(".")
    if len(parts) != 3:  # noqa: PLR2004 - header, claims, signature (RFC 7519, section 3)
        return
    padded = parts[1] + "=" * (-len(parts[1]) % 4)
    try:
        claims = json.loads(base64.urlsafe_b64decode(padded))
    except (ValueError, binascii.Error):
        return
    if isinstance(claims, dict) and isinstance(claims.get("sub"), str):
        yield claims["sub"]


def _fields(database: Shop, collection: str, key: object, field: str) -> Iterator[Any]:
    """Yield the value of a field from each document that a key identifies."""
    query = {"$or": [{name: key} for name in LOOKED_UP_BY.get(collection, ("_id",))]}
    for document in database[collection].find(query, {field: 1}):
        yield document[field]
