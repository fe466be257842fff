"""Walks through JSON along a path of names."""

from collections.abc import Iterator, Sequence
from typing import Any


def values_at(content: object, path: Sequence[str]) -> Iterator[Any]:
    """The values at a path; a list on the way stands for each of its entries.

    Args:
        content: parsed JSON.
        path: the names of the fields, from the outermost.
    """
    if isinstance(content, list):
        for entry in content:
            yield from values_at(entry, path)
    elif not path:
        yield content
    elif isinstance(content, dict) and path[0] in content:
        yield from values_at(content[path[0]], path[1:])
