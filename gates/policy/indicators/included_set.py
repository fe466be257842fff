"""Finds and reads the set of indicators that a policy includes."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from gates import places
from gates.policy.toml_table import Table, read

KEY = "include"
SCHEMA = 2
# A set is in a folder of this name, beside the policy or among the installed policies.
FOLDER = "indicators"
INCLUDED = re.compile(FOLDER + r"/[a-z0-9][a-z0-9_-]{0,63}\.toml\Z")


@dataclass(frozen=True, slots=True)
class IndicatorTables:
    """The tables of indicators of a policy, and the digest of the files of these tables.

    Args:
        tables: the tables. Where two tables have an indicator of the same name, the gate uses the
            indicator of the later table.
        digest: the SHA-256 of the policy file, or of both files where the policy includes a set.
    """

    tables: tuple[Table, ...]
    digest: str


def tables_of(top: Table, path: Path, raw: bytes) -> IndicatorTables:
    """Return the table of indicators of the included set, and after it the table of the policy.

    Args:
        top: the policy's top table.
        path: the policy file.
        raw: the bytes of the policy file.

    Raises:
        ConfigurationError: the key ``include`` names no set of indicators, or the set is wrong.
    """
    digest = hashlib.sha256(raw).hexdigest()
    if KEY not in top.left():
        return IndicatorTables((top.table("indicators"),), digest)
    own = (top.table("indicators"),) if "indicators" in top.left() else ()
    included, content = read(_file(top, path.parent))
    if included.whole("schema", 1, SCHEMA) != SCHEMA:
        raise included.error("schema", f"expected {SCHEMA}")
    tables = (included.table("indicators"), *own)
    included.end()
    both = f"{digest}\n{hashlib.sha256(content).hexdigest()}\n"
    return IndicatorTables(tables, hashlib.sha256(both.encode()).hexdigest())


def every_set(folder: Path) -> list[Path]:
    """Return the files of all sets of indicators that a policy may include.

    Args:
        folder: the folder of the policy.
    """
    return [file for place in _places(folder) for file in sorted(place.glob(f"{FOLDER}/*.toml"))]


def _places(folder: Path) -> tuple[Path, Path]:
    """Return the folders with sets: the policy's folder, and the folder of installed policies."""
    return folder, places.policy_installed().parent


def _file(top: Table, folder: Path) -> Path:
    """Return the file of the set: beside the policy, or else among the installed policies."""
    name = top.text(KEY)
    if not INCLUDED.match(name):
        problem = f"expected a set of indicators such as indicators/istio.toml, got {name!r}"
        raise top.error(KEY, problem[:300])
    beside, installed = (place / name for place in _places(folder))
    if beside.is_file():
        return beside
    if installed.is_file():
        return installed
    known = ", ".join(sorted(f"indicators/{file.name}" for file in installed.parent.glob("*.toml")))
    raise top.error(
        KEY, f"there is no file {name} beside the policy; the installed sets are {known}"
    )
