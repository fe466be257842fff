"""Reads the values that a rollback needs from a target file, also where the file has mistakes."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from gates.errors import ConfigurationError
from gates.model import NO_LOGIN, TargetAccess
from gates.policy.target_tables.access_tables import PARTS, AccessReader
from gates.policy.target_tables.secret_values import SecretValues, secret_values
from gates.policy.toml_table import Table

MAX_BYTES = 1_000_000
MIN_SIMILARITY = 0.75
LINE = re.compile(r"""\s*([\w-]+)\s*=\s*["']([^"']*)["']?""")


@dataclass(slots=True)
class Salvage:
    """The texts that could be read from a target file, and the problems of the file.

    Args:
        path: the target file.
        texts: the texts from all tables of the file, by key.
        servers: the texts of ``servers`` in ``[metrics]``; empty where the key is missing.
        access: the log-in, headers and time limits of requests to each part of the target.
        problems: one sentence for each part of the file that could not be read.
        access_problems: the problems that are about log-ins, headers and time limits.
    """

    path: Path
    texts: Mapping[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    servers: tuple[str, ...] = ()
    access: TargetAccess = NO_LOGIN
    access_problems: tuple[str, ...] = ()

    def text(self, key: str) -> str:
        """Return the text of a key, or of a key of similar spelling; empty without such a key."""
        if key in self.texts:
            return self.texts[key]
        near = get_close_matches(key, list(self.texts), 1, cutoff=MIN_SIMILARITY)
        if not near:
            self.problems.append(f"{self.path}: the key {key} is missing")
            return ""
        self.problems.append(
            f"{self.path}: the key {key} is missing; the rollback read {near[0]} instead"
        )
        return self.texts[near[0]]

    def url(self, key: str) -> str:
        """Return the URL in a key's value, without a trailing slash; empty if it is not valid."""
        value = self.text(key).strip().rstrip("/")
        if not value:
            return ""
        if problem := url_problem(value):
            self.problems.append(f"{self.path}: {key}: {problem}, got {value[:200]!r}")
            return ""
        return value


def read(path: Path) -> Salvage:
    """Read a target file; read a file that is not TOML line by line.

    Args:
        path: the target file.

    Returns:
        The texts of the file, and its problems. A file that cannot be read has no texts.
    """
    try:
        with path.open("rb") as file:
            text = file.read(MAX_BYTES).decode(errors="replace")
    except OSError as error:
        return Salvage(path, {}, [f"{path}: cannot be read: {error.strerror}"])
    servers: tuple[str, ...] = ()
    access, problems, access_problems = TargetAccess(), list[str](), list[str]()
    try:
        content = tomllib.loads(text)
        pairs = list(_leaves(content))
        servers = _servers(content.get("metrics"))
        access = _access(path, content, access_problems)
    except (ValueError, RecursionError) as error:
        pairs = [(match[1], match[2]) for line in text.split("\n") if (match := LINE.match(line))]
        problems = [f"{path}: not TOML: {error}; the rollback read the file line by line"]
    all_problems = [*problems, *access_problems]
    texts = dict(reversed(pairs))
    return Salvage(path, texts, all_problems, servers, access, tuple(access_problems))


def _access(path: Path, content: Mapping[str, Any], problems: list[str]) -> TargetAccess:
    """Read the log-in of each part; a part gets no log-in if its table has a mistake."""
    tables, addresses = (
        value if isinstance(value := content.get(key), dict) else {}
        for key in ("access", "addresses")
    )
    schemes = {part: str(addresses.get(part)).partition(":")[0] for part in PARTS}
    access, table = TargetAccess(), Table(str(path), "access", tables)
    try:
        production = bool(content.get("production"))
        values = secret_values(table, path.parent, production=production)
    except ConfigurationError as error:
        problems.append(str(error))
        values = SecretValues({})
    reader = AccessReader(table, path, values, schemes, {}, [])
    for part in PARTS:
        try:
            access = replace(access, **{part: reader.part(part, getattr(access, part))})
        except ConfigurationError as error:
            problems.append(str(error))
    return access


def _servers(metrics: object) -> tuple[str, ...]:
    names = metrics.get("servers") if isinstance(metrics, dict) else None
    return tuple(str(name) for name in names) if isinstance(names, list) else ()


def url_problem(value: str) -> str:
    """Return the problem of an HTTP address, in words; empty for a valid address."""
    try:
        parts = urlsplit(value)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    return "" if valid else "expected http:// or https://, then a host, and a valid port"


def _leaves(content: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield each key whose value is a text, from all tables, in the order of the file."""
    for key, value in content.items():
        if isinstance(value, str):
            yield key, value
        elif isinstance(value, dict):
            yield from _leaves(value)
