"""Finds the suites that fit a store: the store's OpenAPI file has all operations of the suite."""

import re
from dataclasses import dataclass
from pathlib import Path

from gates import places
from gates.errors import ConfigurationError
from gates.policy.toml_table import read_bytes

MAX_BYTES = 5_000_000
# Both YAML and JSON name an operation in this way.
OPERATION = re.compile(r"""["']?operationId["']?\s*:\s*["']?([A-Za-z0-9_.-]+)""")
CALLED = re.compile(r"""\b(?:call|ask|other_method)\(\s*(?:"[A-Z]+",\s*)?"(\w+)\"""")
SECRETS = re.compile(r"""secrets(?:\.get\(|\[)"(\w+)\"""")
SUITES = ("smoke", "integration", "security", "performance")
MAX_SHOWN = 5


@dataclass(frozen=True, slots=True)
class SuiteFit:
    """Whether a suite can run against a store.

    Args:
        suite: the suite's name.
        missing: the operations that the suite calls and that the OpenAPI file does not have.
        secrets: the secrets that the suite uses, by their names in target files.
    """

    suite: str
    missing: tuple[str, ...]
    secrets: tuple[str, ...]

    @property
    def applies(self) -> bool:
        """Whether the OpenAPI file has every operation that the suite calls."""
        return not self.missing

    @property
    def sentence(self) -> str:
        """A sentence about whether the suite applies, with the missing operations."""
        if self.applies:
            return f"suite {self.suite}: applies; the OpenAPI file has all operations of the suite"
        shown = ", ".join(self.missing[:MAX_SHOWN])
        more = f" and {len(self.missing) - MAX_SHOWN} more" if len(self.missing) > MAX_SHOWN else ""
        return (
            f"suite {self.suite}: does not apply; the OpenAPI file has no operation {shown}{more}"
        )


def operations_of(path: Path) -> frozenset[str]:
    """Read the ids of the operations from an OpenAPI file.

    Args:
        path: the OpenAPI file, YAML or JSON.

    Raises:
        ConfigurationError: the file cannot be read, or the file names no operation.
    """
    raw = read_bytes(path, MAX_BYTES)
    operations = frozenset(OPERATION.findall(raw.decode(errors="replace")))
    if not operations:
        raise ConfigurationError(
            f"{path}: expected an OpenAPI file whose operations have operationId"
        )
    return operations


def suite_fits(operations: frozenset[str]) -> tuple[SuiteFit, ...]:
    """Compare the operations that each suite calls with the operations of a store.

    Args:
        operations: the ids of the store's operations.

    Returns:
        One fit for each suite; empty where the suites are not installed.
    """
    folder = places.suites_installed()
    if folder is None:
        return ()
    return tuple(_fit(folder / suite, operations) for suite in SUITES)


def _fit(folder: Path, operations: frozenset[str]) -> SuiteFit:
    text = "\n".join(path.read_text() for path in sorted(folder.rglob("*.py")))
    missing = tuple(sorted(set(CALLED.findall(text)) - operations))
    return SuiteFit(folder.name, missing, tuple(sorted(set(SECRETS.findall(text)))))
