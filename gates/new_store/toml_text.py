"""Writes the values, keys and tables of TOML that target files and policies need."""

import json
import re
from collections.abc import Mapping

BARE = re.compile(r"[A-Za-z0-9_-]+\Z")


def text_of(value: object) -> str:
    """Write a value as TOML.

    Args:
        value: a text, a number, a Boolean, a list, or a mapping (an inline table).

    Source: TOML 1.0: a basic string has the escapes of JSON.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return f"{value:g}" if isinstance(value, float) else str(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(text_of, value))}]"
    if isinstance(value, Mapping):
        pairs = ", ".join(f"{key_of(str(key))} = {text_of(item)}" for key, item in value.items())
        return f"{{ {pairs} }}"
    text = str(value)
    if '"' in text and "'" not in text and text.isprintable():
        return f"'{text}'"
    return _basic(text)


def key_of(name: str) -> str:
    """Write a key as TOML, in quotes where its characters need quotes."""
    return name if BARE.match(name) else _basic(name)


def _basic(text: str) -> str:
    """Write a basic string of TOML: with the escapes of JSON, and an escape for U+007F."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def table_of(path: str, content: Mapping[str, object]) -> str:
    """Write a table as TOML, with its header.

    Args:
        path: the path of the table, such as ``access.prometheus``.
        content: the keys and values of the table.
    """
    lines = [f"{key_of(key)} = {text_of(value)}" for key, value in content.items()]
    return "\n".join([f"[{path}]", *lines, ""])
