"""JSON from outside: an object whose key is given twice is refused."""

import json
from typing import Any


def loads(text: str | bytes) -> Any:  # noqa: ANN401 - any JSON; the caller parses it
    """Read JSON.

    Args:
        text: untrusted.

    Raises:
        ValueError: it is no JSON (NaN and infinities are none), or an object has a key twice, so
            that two readers could read two different things.
        RecursionError: it is nested too deeply.

    Source: RFC 8259, section 4: names within an object should be unique.
    """
    return json.loads(text, object_pairs_hook=_unique, parse_constant=_refused)


def _refused(name: str) -> float:
    raise ValueError(f"{name} is no JSON")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice[:80]!r} is given twice")
    return content
