"""The nights' figures, in one SQLite file; keyed by machine and target."""

import hashlib
import platform
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

FILE = "nightly.sqlite"
TABLES = """
CREATE TABLE IF NOT EXISTS figures (
    machine TEXT NOT NULL, target TEXT NOT NULL, night TEXT NOT NULL, operation TEXT NOT NULL,
    quantile TEXT NOT NULL, version TEXT NOT NULL, seconds REAL NOT NULL, ratio REAL,
    at_least REAL, at_most REAL, noise REAL, run TEXT NOT NULL,
    stretch REAL, surely_more REAL,
    PRIMARY KEY (machine, target, night, operation, quantile, run)
);
CREATE TABLE IF NOT EXISTS acknowledged (
    target TEXT NOT NULL, operation TEXT NOT NULL, quantile TEXT NOT NULL, until TEXT NOT NULL,
    why TEXT NOT NULL, who TEXT NOT NULL, PRIMARY KEY (target, operation, quantile)
);
"""


# Columns that an older history does not have.
ADDED = ("stretch", "surely_more")


@dataclass(frozen=True, slots=True)
class Figure:
    """One quantile of one operation in one night.

    Args:
        night: the day it was measured on.
        operation: of the contract.
        quantile: ``p50`` or ``p95``.
        version: of the target.
        seconds: what was measured.
        ratio: the same as a multiple of the baseline's; None where there was none.
        at_least: its lower 95 % bound.
        at_most: its upper one.
        noise: how far the baseline was from itself.
        run: which run measured it.
        stretch: how much slower than usual the machine made everything; None in an older history.
        surely_more: the lower 95 % bound of the difference, seconds; None in an older history.
    """

    night: date
    operation: str
    quantile: str
    version: str
    seconds: float
    ratio: float | None
    at_least: float | None
    at_most: float | None
    noise: float | None
    run: str
    stretch: float | None = None
    surely_more: float | None = None


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """Somebody knows that an operation got slower, and has time until a day to mend it."""

    operation: str
    quantile: str
    until: date
    why: str
    who: str


def machine() -> str:
    """Names this kind of machine: figures of another are another history."""
    facts = [platform.machine(), platform.python_version(), *_processors()]
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:12]


def _processors() -> list[str]:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return [platform.processor()]
    return [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]


class History:
    """The file, open.

    Args:
        folder: its folder; made if missing.
        machine: whose figures.
        target: of which target.
    """

    def __init__(self, folder: Path, machine: str, target: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / FILE
        self._key = (machine, target)
        with self._open() as database:
            database.executescript(TABLES)
            columns = {row[1] for row in database.execute("PRAGMA table_info(figures)")}
            for column in (name for name in ADDED if name not in columns):
                database.execute(f"ALTER TABLE figures ADD COLUMN {column} REAL")

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        database = sqlite3.connect(self._path, timeout=10)
        try:
            with database:
                yield database
        finally:
            database.close()

    def add(self, figures: list[Figure]) -> None:
        """Keep a run's figures."""
        rows = [
            (*self._key, one.night.isoformat(), one.operation, one.quantile, one.version,
             one.seconds, one.ratio, one.at_least, one.at_most, one.noise, one.run,
             one.stretch, one.surely_more)
            for one in figures
        ]  # fmt: skip
        with self._open() as database:
            database.executemany(
                "INSERT OR REPLACE INTO figures VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)", rows
            )

    def figures(self) -> list[Figure]:
        """Those of this machine and target, by night; of a night with several runs, the last's."""
        asked = (
            "SELECT night, operation, quantile, version, seconds, ratio, at_least, at_most, noise,"
            " run, stretch, surely_more FROM figures WHERE machine = ? AND target = ?"
            " ORDER BY night, run"
        )
        with self._open() as database:
            rows = database.execute(asked, self._key).fetchall()
        newest = {row[:3]: Figure(date.fromisoformat(row[0]), *row[1:]) for row in rows}
        return list(newest.values())

    def acknowledge(self, known: Acknowledged) -> None:
        """Note that somebody knows."""
        row = (self._key[1], known.operation, known.quantile, known.until.isoformat(), known.why,
               known.who)  # fmt: skip
        with self._open() as database:
            database.execute("INSERT OR REPLACE INTO acknowledged VALUES (?,?,?,?,?,?)", row)

    def acknowledged(self, today: date) -> list[Acknowledged]:
        """What is known and not expired."""
        asked = "SELECT operation, quantile, until, why, who FROM acknowledged WHERE target = ?"
        with self._open() as database:
            rows = database.execute(asked, self._key[1:]).fetchall()
        known = [
            Acknowledged(operation, quantile, date.fromisoformat(until), why, who)
            for operation, quantile, until, why, who in rows
        ]
        return [one for one in known if one.until >= today]
