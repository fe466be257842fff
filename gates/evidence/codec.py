"""Values of gates.model as JSON and back, so that evidence can be kept and judged again."""

import dataclasses
import types
import typing
from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import Enum
from functools import lru_cache
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from gates import model
from gates.model import Sample, Series

LEFT_OUT = {"secrets"}


def to_json(value: Any) -> Any:  # noqa: ANN401, PLR0911 - any value; a case each
    """A value as JSON; secrets are left out."""
    match value:
        case Series():
            return {
                "labels": dict(value.labels),
                "at": [one[0] for one in value.samples],
                "values": [repr(one[1]) for one in value.samples],
            }
        case Enum():
            return value.value
        case datetime():
            return value.isoformat()
        case timedelta():
            return value.total_seconds()
        case Path():
            return str(value)
        case Mapping():
            return {str(name): to_json(one) for name, one in value.items()}
        case frozenset():
            return sorted(to_json(one) for one in value)
        case tuple() | list():
            return [to_json(one) for one in value]
        case _ if dataclasses.is_dataclass(value):
            fields = {
                one.name: to_json(getattr(value, one.name))
                for one in dataclasses.fields(value)
                if one.name not in LEFT_OUT
            }
            return {"is": type(value).__name__, **fields}
        case _:
            return value


def from_json(kind: Any, content: Any) -> Any:  # noqa: ANN401, PLR0911 - likewise
    """The value ``to_json`` made.

    Args:
        kind: its type.
        content: untrusted.

    Raises:
        ValueError, TypeError, KeyError: it is not such a value.
    """
    origin, arguments = get_origin(kind), get_args(kind)
    if kind is Series:
        samples = zip(content["at"], content["values"], strict=True)
        return Series(
            {str(k): str(v) for k, v in content["labels"].items()},
            tuple(Sample(float(at), float(value)) for at, value in samples),
        )
    if origin in (types.UnionType, typing.Union):
        return _union(arguments, content)
    if origin is tuple:
        if arguments[-1] is Ellipsis:
            return tuple(from_json(arguments[0], one) for one in content)
        return tuple(from_json(one, part) for one, part in zip(arguments, content, strict=True))
    if origin is frozenset:
        return frozenset(from_json(arguments[0], one) for one in content)
    if origin in (dict, Mapping):
        return {str(name): from_json(arguments[1], one) for name, one in content.items()}
    if dataclasses.is_dataclass(kind):
        return _dataclass(kind, content)
    return _plain(kind, content)


def _plain(kind: Any, content: Any) -> Any:  # noqa: ANN401
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind(content)
    if kind is datetime:
        return datetime.fromisoformat(content)
    if kind is timedelta:
        return timedelta(seconds=content)
    if kind is Path:
        return Path(content)
    if kind is float and isinstance(content, int) and not isinstance(content, bool):
        return float(content)
    if not isinstance(content, kind):
        raise TypeError(f"{content!r} is no {kind.__name__}"[:200])
    return content


def _union(kinds: tuple[Any, ...], content: Any) -> Any:  # noqa: ANN401
    if content is None and type(None) in kinds:
        return None
    kinds = tuple(one for one in kinds if one is not type(None))
    if len(kinds) == 1:
        return from_json(kinds[0], content)
    for one in kinds:
        if isinstance(content, dict) and one.__name__ == content.get("is"):
            return from_json(one, content)
    raise ValueError("a value of none of the expected types")


@lru_cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind, vars(model))


def _dataclass(kind: Any, content: Any) -> Any:  # noqa: ANN401
    hints = _hints(kind)
    if content["is"] != kind.__name__:
        raise ValueError(f"a {content['is']} where a {kind.__name__} was expected"[:200])
    values = {
        name: from_json(hint, content[name]) for name, hint in hints.items() if name not in LEFT_OUT
    }
    return kind(**values, **({"secrets": {}} if "secrets" in hints else {}))
