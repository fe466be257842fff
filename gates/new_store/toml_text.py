"""Writes tables of TOML, as far as target files and policies need them."""

import json
import re
from collections.abc import Mapping

BARE = re.compile(r"[A-Za-z0-9_-]+\Z")


def text_of(value: object) -> str:
    """A value of TOML: a text, a number, a truth value, a list or an inline table.

    Args:
        value: the value; nothing else can be written.

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
    """A key of TOML, in quotes where its characters need them."""
    return name if BARE.match(name) else _basic(name)


def _basic(text: str) -> str:
    """A basic string: the escapes are those of JSON, and U+007F is escaped, too."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def table_of(path: str, content: Mapping[str, object]) -> str:
    """A table with its head.

    Args:
        path: the path of the table, such as ``access.prometheus``.
        content: the keys and values.
    """
    lines = [f"{key_of(key)} = {text_of(value)}" for key, value in content.items()]
    return "\n".join([f"[{path}]", *lines, ""])
