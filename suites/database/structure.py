"""Compares the structure of a database with the declared structure, and lists the problems."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from pymongo.errors import OperationFailure

from suites.database.declared import (
    FIELD_TYPES,
    FIELD_VALUES,
    INDEXES,
    REQUIRED_IDS,
    Index,
    Query,
    indexes_of,
    queries_of,
)
from suites.database.view import MAX_CLOCK_DIFFERENCE, TIMES, Document, Shop

MAX_NAMED = 3
# Options by which an index does not serve all documents, or deletes documents.
RESTRICTIONS = ("expireAfterSeconds", "partialFilterExpression", "sparse", "hidden", "collation")
EXPIRES = "expireAfterSeconds"
NOT_FOUND = 26  # the error code of a collection that does not exist


def migration_problems(records: Sequence[Document], schema_version: int) -> list[str]:
    """Compare the records of migrations with the migrations of a schema version.

    Args:
        records: the documents of the collection ``migrations``.
        schema_version: the schema version that the target file states.

    Returns:
        One sentence for each record that is missing, repeated, unexpected or in the wrong order.
    """
    versions = [record.get("version") for record in records]
    expected = list(range(1, schema_version + 1))
    problems = [
        f"the migration of version {version} is not recorded"
        for version in expected
        if version not in versions
    ]
    problems += [
        f"version {version} is recorded {versions.count(version)} times"
        for version in expected
        if versions.count(version) > 1
    ]
    problems += [
        f"version {version!r} is recorded; the target file states version {schema_version}"
        for version in versions
        if version not in expected
    ]
    if problems:
        return problems
    by_version = sorted(records, key=lambda record: int(record["version"]))
    times = [record["at"] for record in by_version]
    late = [
        str(by_version[number]["version"])
        for number in range(1, len(times))
        if times[number] < times[number - 1]
    ]
    return [
        f"the migration of version {version} was applied before the next lower version"
        for version in late
    ]


def indexes(database: Shop) -> dict[str, Any]:
    """Read all indexes of a database.

    Returns:
        For each index, keyed by ``COLLECTION.NAME``: its fields with their directions, whether it
        is unique, and the names of options that restrict it.
    """
    return {
        f"{collection}.{name}": (
            tuple(index["key"]),
            bool(index.get("unique")),
            tuple(option for option in RESTRICTIONS if index.get(option) not in (None, False)),
        )
        for collection in sorted(database.list_collection_names())
        for name, index in database[collection].index_information().items()
    }


def index_problems(present: Mapping[str, Any], schema_version: int) -> list[str]:
    """Compare the indexes of a database with the declared indexes.

    Args:
        present: the indexes of the database, as ``indexes`` returns them.
        schema_version: the schema version that the target file states.

    Returns:
        One sentence for each declared index that is missing, does not serve all documents or admits
        duplicates, and one for each undeclared index that deletes or refuses documents.
    """
    problems = [
        problem for index in indexes_of(schema_version) if (problem := _problem(index, present))
    ]
    return [*problems, *_undeclared(present)]


def _undeclared(present: Mapping[str, Any]) -> Iterator[str]:
    """Yield a sentence for each index that deletes documents, or is unique but not declared."""
    declared = {(index.collection, _keys(index)) for index in INDEXES if index.unique}
    for name, (fields, unique, options) in present.items():
        collection = name.partition(".")[0]
        if EXPIRES in options:
            yield f"the index {name} deletes documents (expireAfterSeconds)"
        elif unique and (collection, fields) not in declared:
            yield f"the index {name} is unique, but not declared: it may refuse correct documents"


def _keys(index: Index) -> tuple[tuple[str, int], ...]:
    return tuple((key.removeprefix("-"), -1 if key.startswith("-") else 1) for key in index.keys)


def _problem(index: Index, present: Mapping[str, Any]) -> str:
    keys = _keys(index)
    same_keys = [
        (unique, options)
        for name, (fields, unique, options) in present.items()
        if name.startswith(f"{index.collection}.") and fields == keys
    ]
    if not same_keys:
        return f"the index {index} is missing"
    if index.unique and not any(unique for unique, _ in same_keys):
        return f"the index {index} is not unique"
    whole = [
        options
        for unique, options in same_keys
        if not set(options) - {EXPIRES} and (unique or not index.unique)
    ]
    options = same_keys[0][1]
    return "" if whole else f"the index {index} does not serve all documents ({', '.join(options)})"


def plan_problems(database: Shop, schema_version: int, max_scanned: int) -> list[str]:
    """Find the declared queries that read a whole large collection, because no index serves them.

    Args:
        database: the store's database.
        schema_version: the schema version that the target file states.
        max_scanned: the number of documents up to which a query may read a whole collection.

    Returns:
        One sentence for each such query, with the command that shows its plan.
    """
    problems = []
    for query in queries_of(schema_version):
        count = database[query.collection].estimated_document_count()
        if count <= max_scanned:
            continue
        if not any(_uses_index(database, query, part) for part in (query.filter, query.indexed)):
            problems.append(
                f"the query {query.operation!r} reads all {count:,} documents of "
                f"{query.collection}, because no index serves the query; see "
                f"db.{query.collection}.find({_shown(query)}).explain()"
            )
    return problems


def _uses_index(database: Shop, query: Query, part: Document) -> bool:
    command: dict[str, Any] = {"find": query.collection, "filter": dict(part)}
    if query.sort:
        command["sort"] = dict(query.sort)
    answer = database.command("explain", command, verbosity="queryPlanner")
    return "COLLSCAN" not in set(_stages(answer["queryPlanner"]["winningPlan"]))


def _stages(plan: object) -> Iterator[str]:
    """Yield the names of all stages of a query plan, at any depth."""
    if isinstance(plan, Mapping):
        if isinstance(plan.get("stage"), str):
            yield plan["stage"]
        for value in plan.values():
            yield from _stages(value)
    if isinstance(plan, list):
        for value in plan:
            yield from _stages(value)


def _shown(query: Query) -> str:
    return str(dict(query.filter))[:120]


def validation_problems(database: Shop, limit: int) -> list[str]:
    """Validate each collection, and compare fields with their declared types and values.

    Args:
        database: the store's database.
        limit: the maximum number of documents of a collection whose field types are compared.

    Returns:
        One sentence for each problem.
    """
    problems = []
    for collection in sorted(database.list_collection_names()):
        try:
            report = database.command("validate", collection)
        except OperationFailure as error:
            if error.code != NOT_FOUND:
                problems.append(f"{collection}: validate failed with code {error.code}")
            continue
        if not report.get("valid") or report.get("errors") or report.get("corruptRecords"):
            errors = str(report.get("errors"))[:100]
            problems.append(f"{collection}: validate reports an invalid collection: {errors}")
    for collection, types in FIELD_TYPES.items():
        problems += list(_field_problems(database, collection, types, limit))
    for collection, values in FIELD_VALUES.items():
        problems += list(_value_problems(database, collection, values))
    return [*problems, *_future_problems(database), *_absent_problems(database)]


def _value_problems(
    database: Shop, collection: str, values: Mapping[str, Sequence[str]]
) -> Iterator[str]:
    """Yield a sentence for each document with a value that the release does not know."""
    for name, known in values.items():
        query = {name: {"$nin": list(known)}}
        for document in database[collection].find(query, {name: 1}).limit(MAX_NAMED):
            value = str(document.get(name))[:40]
            yield f"{collection} {document['_id']}: {name} is {value!r}, expected {_either(known)}"


def _either(values: Sequence[str]) -> str:
    return " or ".join(values)


def _future_problems(database: Shop) -> Iterator[str]:
    """Yield a sentence for each document with a time in the future, so with a wrong time."""
    latest = datetime.now(UTC) + MAX_CLOCK_DIFFERENCE
    for collection, name in TIMES.items():
        query = {name: {"$gt": latest}}
        for document in database[collection].find(query, {name: 1}).limit(MAX_NAMED):
            yield f"{collection} {document['_id']}: {name} is in the future: {document[name]}"


def _absent_problems(database: Shop) -> Iterator[str]:
    """Yield a sentence for each document that a migration writes, and that is missing."""
    present = set(database.list_collection_names())
    for collection in sorted(present.intersection(REQUIRED_IDS)):
        ids = {document["_id"] for document in database[collection].find({}, {"_id": 1})}
        for missing in sorted(set(REQUIRED_IDS[collection]) - ids):
            yield f"the document {missing} of {collection}, which a migration writes, is missing"


def _field_problems(
    database: Shop, collection: str, types: Mapping[str, type], limit: int
) -> Iterator[str]:
    fields = dict.fromkeys(types, 1)
    wrong = [
        f"{collection} {document['_id']}: {name} is {_type_of(document, name)}, "
        f"expected {expected.__name__}"
        for document in database[collection].find({}, fields).sort("_id", -1).limit(limit)
        for name, expected in types.items()
        if not isinstance(document.get(name), expected)
    ]
    yield from wrong[:MAX_NAMED]
    if len(wrong) > MAX_NAMED:
        yield f"{collection}: {len(wrong) - MAX_NAMED} more fields have a wrong type"


def _type_of(document: Document, name: str) -> str:
    return type(document[name]).__name__ if name in document else "missing"
