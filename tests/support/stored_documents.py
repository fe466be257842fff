"""Documents with every BSON type, and a database without a server that holds them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import bson
from bson import Binary, Code, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp
from hypothesis import strategies as st

from suites.backup import copier
from suites.backup.manifest import Backup

MILLISECOND = 1000
NAME = "kirana"
# A key of BSON may hold everything but the null byte, which ends it.
WITHOUT_NULL = st.characters(exclude_characters="\0", exclude_categories=["Cs"])
KEYS = st.text(WITHOUT_NULL, min_size=1, max_size=12).filter(lambda key: key != "_id")
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
MOMENTS = st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - with a zone
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**31), 2**31 - 1),
    st.integers(-(2**63), 2**63 - 1).map(Int64),
    st.floats(),
    TEXTS,
    MOMENTS.map(lambda at: at.replace(microsecond=at.microsecond // MILLISECOND * MILLISECOND)),
    st.binary(max_size=30).map(Binary),
    st.builds(Binary, st.binary(min_size=16, max_size=16), st.sampled_from([3, 4, 5, 128, 255])),
    st.binary(min_size=12, max_size=12).map(ObjectId),
    st.decimals(places=3, min_value=-1000, max_value=1000).map(Decimal128),
    st.sampled_from(["NaN", "Infinity", "-0", "1E+6144"]).map(Decimal128),
    st.builds(Regex, st.text(WITHOUT_NULL, max_size=10), st.sampled_from(["", "i", "mx"])),
    st.builds(Timestamp, st.integers(1, 2**32 - 1), st.integers(0, 2**32 - 1)),
    st.just(MinKey()),
    st.just(MaxKey()),
    TEXTS.map(Code),
    st.builds(Code, TEXTS, st.dictionaries(KEYS, st.integers(0, 9), max_size=2)),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)
IDS = st.one_of(st.integers(0, 10**6), TEXTS, st.binary(min_size=12, max_size=12).map(ObjectId))


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """A document with an id and with values of any type."""
    return {"_id": draw(IDS), **draw(st.dictionaries(KEYS, VALUES, max_size=5))}


@dataclass(slots=True)
class MemoryCollection:
    """The part of a collection of pymongo that a backup reads."""

    contents: Sequence[Mapping[str, Any]]
    indexes: Sequence[Mapping[str, Any]] = ()

    def list_indexes(self) -> list[Mapping[str, Any]]:
        return [{"v": 2, "key": {"_id": 1}, "name": "_id_"}, *self.indexes]

    def with_options(self, **_: object) -> "MemoryCollection":
        return self

    def find_raw_batches(self, *_: object, **__: object) -> Iterator[bytes]:
        for start in range(0, len(self.contents), 2):
            yield b"".join(bson.encode(content) for content in self.contents[start : start + 2])

    def find_one(self, *_: object, **__: object) -> Mapping[str, Any] | None:
        return self.contents[-1] if self.contents else None


@dataclass(slots=True)
class MemoryDatabase:
    """The part of a database of pymongo that a backup reads."""

    collections: dict[str, MemoryCollection] = field(default_factory=dict)
    name: str = NAME

    def list_collections(self) -> list[dict[str, Any]]:
        names = [*self.collections, "system.views"]
        return [{"name": name, "type": "collection", "options": {}} for name in names]

    def __getitem__(self, name: str) -> MemoryCollection:
        return self.collections.get(name, MemoryCollection(()))


def small_shop() -> MemoryDatabase:
    """A database with two collections and an index."""
    products = [{"_id": f"prd_{number}", "price_paise": 100 * number} for number in range(5)]
    category: Mapping[str, Any] = {"v": 2, "key": {"category": 1}, "name": "category_1"}
    return MemoryDatabase(
        {
            "products": MemoryCollection(products, [category]),
            "migrations": MemoryCollection([{"_id": "v5", "version": 5}]),
        }
    )


def backup_of(database: MemoryDatabase, folder: Path, *, compress: bool = False) -> Backup:
    """A backup of a database without a server."""
    lines: list[str] = []
    backup = copier.take(database, folder, lines.append, compress=compress)  # type: ignore[arg-type]
    assert len(lines) == len(backup.manifest.collections)
    return backup
