"""Finds values in JSON by a path of field names."""

from collections.abc import Iterator, Sequence
from typing import Any


def values_at(content: object, path: Sequence[str]) -> Iterator[Any]:
    """Yield all values at a path; in a list, the rest of the path applies to each entry.

    Args:
        content: parsed JSON.
        path: the names of the fields, from the outermost field on.
    """
    if isinstance(content, list):
        for entry in content:
            yield from values_at(entry, path)
    elif not path:
        yield content
    elif isinstance(content, dict) and path[0] in content:
        yield from values_at(content[path[0]], path[1:])
