"""Stores the response times of all nights in one SQLite file, by machine and target."""

import hashlib
import platform
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass
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


# Columns that an older file does not have.
ADDED_COLUMNS = ("stretch", "surely_more")


@dataclass(frozen=True, slots=True)
class Figure:
    """The response time of one operation at one quantile in one night.

    Args:
        night: the day of the measurement.
        operation: the operation of the contract.
        quantile: ``p50`` or ``p95``.
        version: the version of the target.
        seconds: the measured response time.
        ratio: the response time divided by the baseline's; None without a baseline.
        at_least: the lower 95 % confidence bound of the ratio; None without a baseline.
        at_most: the upper 95 % confidence bound of the ratio; None without a baseline.
        noise: the 95 % confidence bound of the difference between two measurements of the baseline,
            as a share; None without a baseline.
        run: the id of the run.
        stretch: the factor by which a busy machine made all requests longer; None in an older file.
        surely_more: the lower 95 % confidence bound of the difference from the baseline, in
            seconds; None in an older file.
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
class Acknowledgement:
    """The statement of a person that a slowdown is known and accepted until a day.

    Args:
        operation: the operation that got slower.
        quantile: ``p50`` or ``p95``.
        until: the last day on which the acknowledgement counts.
        why: what is being done about the slowdown.
        who: the person who acknowledged the slowdown.
    """

    operation: str
    quantile: str
    until: date
    why: str
    who: str


def machine() -> str:
    """Return the id of this kind of machine; times of different machines are never compared."""
    facts = [platform.machine(), platform.python_version(), *_processors()]
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:12]


def _processors() -> list[str]:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return [platform.processor()]
    return [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]


class History:
    """The SQLite file with the figures of all nights.

    Args:
        folder: the folder of the file; the folder is created where it is missing.
        machine: the id of the machine that measures.
        target: the name of the target that is measured.
    """

    def __init__(self, folder: Path, machine: str, target: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / FILE
        self._key = (machine, target)
        with self._open() as database:
            database.executescript(TABLES)
            columns = {row[1] for row in database.execute("PRAGMA table_info(figures)")}
            for column in (name for name in ADDED_COLUMNS if name not in columns):
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
        """Add the figures of a run to the file."""
        rows = [(*self._key, figure.night.isoformat(), *astuple(figure)[1:]) for figure in figures]
        with self._open() as database:
            database.executemany(
                "INSERT OR REPLACE INTO figures VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)", rows
            )

    def figures(self) -> list[Figure]:
        """Read the figures of this machine and target, oldest first; a night's last run counts."""
        query = (
            "SELECT night, operation, quantile, version, seconds, ratio, at_least, at_most, noise,"
            " run, stretch, surely_more FROM figures WHERE machine = ? AND target = ?"
            " ORDER BY night, run"
        )
        with self._open() as database:
            rows = database.execute(query, self._key).fetchall()
        newest = {row[:3]: Figure(date.fromisoformat(row[0]), *row[1:]) for row in rows}
        return list(newest.values())

    def acknowledge(self, known: Acknowledgement) -> None:
        """Add an acknowledgement; it replaces an earlier one of this operation and quantile."""
        until = known.until.isoformat()
        row = (self._key[1], known.operation, known.quantile, until, known.why, known.who)
        with self._open() as database:
            database.execute("INSERT OR REPLACE INTO acknowledged VALUES (?,?,?,?,?,?)", row)

    def acknowledged(self, today: date) -> list[Acknowledgement]:
        """Read the acknowledgements of the target that have not expired today."""
        query = "SELECT operation, quantile, until, why, who FROM acknowledged WHERE target = ?"
        with self._open() as database:
            rows = database.execute(query, self._key[1:]).fetchall()
        known = [
            Acknowledgement(operation, quantile, date.fromisoformat(until), why, who)
            for operation, quantile, until, why, who in rows
        ]
        return [acknowledgement for acknowledgement in known if acknowledgement.until >= today]
