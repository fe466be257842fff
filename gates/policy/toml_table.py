"""Reads TOML tables key by key, with a type for each value.

Every error names the file and the key. A key that the code does not read is an error.
"""

import re
import tomllib
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from gates.errors import ConfigurationError

MAX_BYTES = 1_000_000
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,79}\Z")
STORE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/+@ -]{0,99}\Z")


class Table:
    """A table of a TOML file. To take a key means to read its value, and to mark the key as read.

    A key that is never taken is an error, and so is a second take of the same key.

    Args:
        where: the path of the TOML file, for error messages.
        path: the dotted name of the table in the file, for error messages; empty for the top table.
        content: the content of the table.
    """

    def __init__(self, where: str, path: str, content: Mapping[str, object]) -> None:
        self._where = where
        self._path = path
        self._left: dict[str, Any] = dict(content)

    def error(self, key: str, problem: str) -> ConfigurationError:
        """Return an error about one key of this table; the caller raises the error."""
        name = f"{self._path}.{key}" if self._path else key
        return ConfigurationError(f"{self._where}: {name}: {problem}")

    def left(self) -> list[str]:
        """Return the keys that are not yet taken, in the order of the file."""
        return list(self._left)

    def peek(self, key: str) -> object:
        """Return the value of a key without taking the key; None where the key is missing."""
        return self._left.get(key)

    def take(self, key: str, kind: type | tuple[type, ...], expected: str) -> Any:  # noqa: ANN401 - TOML
        """Take a key, and return its value; the value must have the type ``kind``.

        Args:
            key: the key.
            kind: the type, or the types, that the value may have.
            expected: the words that describe the expected value, for messages.
        """
        if key not in self._left:
            raise self.error(key, f"missing; add the key; expected {expected}")
        value = self._left.pop(key)
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise self.error(key, f"expected {expected}, got {value!r}"[:300])
        return value

    def text(self, key: str) -> str:
        """Take a key, and return its value: a text that is not empty."""
        value: str = self.take(key, str, "a text")
        if not value.strip():
            raise self.error(key, "expected a text, got an empty text")
        return value

    def name(self, key: str) -> str:
        """Take a key, and return a name: lower-case letters, digits, dots, dashes, underscores."""
        value = self.text(key)
        if not NAME.match(value):
            raise self.error(key, f"expected a name like v5 or ramp-10, got {value!r}"[:200])
        return value

    def store_name(self, key: str) -> str:
        """Take a key, and return a name that may have capitals, such as the version of a store."""
        value = self.text(key)
        if not STORE_NAME.match(value):
            raise self.error(key, f"expected a name like v5 or 1.2.0-RC1, got {value!r}"[:200])
        return value

    def flag(self, key: str) -> bool:
        """Take a key, and return its value: true or false."""
        return bool(self.take(key, bool, "true or false"))

    def number(self, key: str, least: float, most: float) -> float:
        """Take a key, and return its value: a finite number from ``least`` to ``most``."""
        expected = f"a number from {least:g} to {most:g}"
        value = float(self.take(key, (int, float), expected))
        if not least <= value <= most:
            hint = (
                f"; the number is a ratio, so {value:g} % is {value / 100:g}"
                if most <= 1 < value
                else ""
            )
            raise self.error(key, f"expected {expected}, got {value:g}{hint}")
        return value

    def whole(self, key: str, least: int, most: int) -> int:
        """Take a key, and return its value: a whole number from ``least`` to ``most``."""
        expected = f"a whole number from {least} to {most}"
        value: int = self.take(key, int, expected)
        if not least <= value <= most:
            raise self.error(key, f"expected {expected}, got {value}")
        return value

    def seconds(self, key: str) -> timedelta:
        """Take a key, and return its value: a duration from 1 second to 30 days."""
        return timedelta(seconds=self.number(key, 1, 30 * 86400))

    def day(self, key: str) -> date:
        """Take a key, and return its value: a date without a time."""
        expected = "a date such as 2026-12-04"
        value: date = self.take(key, date, expected)
        if isinstance(value, datetime):
            raise self.error(key, f"expected {expected}, got {value!r}"[:300])
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """Take a key, and return its list of texts: at least one text, and each text only once."""
        values: list[object] = self.take(key, list, "a list of texts")
        texts = [value for value in values if isinstance(value, str) and value.strip()]
        if not texts or len(texts) != len(values):
            raise self.error(key, "expected a list of at least one text")
        if twice := sorted({text for text in texts if texts.count(text) > 1}):
            raise self.error(key, f"{twice[0]!r} is in the list twice; list it once")
        return tuple(texts)

    def numbers(self, key: str, least: float, most: float) -> tuple[float, ...]:
        """Take a key, and return its list of at least one number from ``least`` to ``most``."""
        expected = f"a list of numbers from {least:g} to {most:g}"
        values: list[object] = self.take(key, list, expected)
        numbers = [
            float(value)
            for value in values
            if isinstance(value, int | float)
            and not isinstance(value, bool)
            and least <= value <= most
        ]
        if not numbers or len(numbers) != len(values):
            raise self.error(key, f"expected {expected}, got {values!r}"[:300])
        return tuple(numbers)

    def table(self, key: str) -> "Table":
        """Take a key whose value is a table, and return the table."""
        content = self.take(key, dict, "a table")
        path = f"{self._path}.{key}" if self._path else key
        return Table(self._where, path, content)

    def end(self) -> None:
        """Refuse keys that are not taken, so that a mistyped key is not ignored."""
        if self._left:
            raise self.error(
                next(iter(self._left)),
                "unknown key; correct the name of the key, or delete the key",
            )

    def end_of(self, *tables: "Table") -> None:
        """Refuse each key that is not taken, in this table and in ``tables``."""
        for table in (*tables, self):
            table.end()


def read_bytes(path: Path, max_bytes: int = MAX_BYTES) -> bytes:
    """Return the content of a file.

    Args:
        path: the file.
        max_bytes: the largest accepted size of the file, in bytes.

    Raises:
        ConfigurationError: the file cannot be read, or is too large.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(max_bytes + 1)
    except OSError as error:
        raise ConfigurationError(f"{path}: the file cannot be read: {error.strerror}") from error
    if len(raw) > max_bytes:
        raise ConfigurationError(f"{path}: the file is larger than {max_bytes} bytes")
    return raw


def read(path: Path) -> tuple[Table, bytes]:
    """Read a TOML file, and return its top table and its bytes.

    Raises:
        ConfigurationError: the file cannot be read, is too large, or is not TOML.
    """
    raw = read_bytes(path)
    try:
        return Table(str(path), "", tomllib.loads(raw.decode())), raw
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigurationError(f"{path}: the file is not TOML: {error}") from error


def one_of(table: Table, key: str, choices: Iterable[str]) -> str:
    """Take a key, and return its value: a text that must be in ``choices``."""
    value = table.text(key)
    known = sorted(choices)
    if value not in known:
        raise table.error(key, f"expected one of {', '.join(known)}, got {value!r}"[:300])
    return value
