"""Has the table of all integrity invariants, and confirms their violations.

The store writes while the database is read. So a violation counts only if the same document still
contradicts the invariant when it is read again a moment later.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from bson.errors import BSONError

from suites.database import owners, purchases, totals
from suites.database.view import MALFORMED, Shop, View, Violation

# The pauses before the readings that confirm a violation.
FIRST_PAUSE_SECONDS, PAUSE_SECONDS = 0.5, 2.0
# While the violations become fewer, as when a run's data is being deleted, reading goes on.
MIN_READINGS, MAX_READINGS = 2, 5
MAX_NAMED = 5
PREFIX = "platform.integrity."
# Stands for the collection in a violation that names no document.
MALFORMED_DATA = "documents"


@dataclass(frozen=True, slots=True)
class Invariant:
    """A statement that must be true for the documents of a database.

    Args:
        name: the last part of the id of the check.
        sentence: the statement in words.
        find: a function that yields the documents that contradict the statement.
    """

    name: str
    sentence: str
    find: Callable[[View], Iterator[Violation]]

    @property
    def check(self) -> str:
        """The id of the check that requires the invariant."""
        return PREFIX + self.name


def _invariant(find: Callable[[View], Iterator[Violation]]) -> Invariant:
    return Invariant(find.__name__, str(find.__doc__).splitlines()[0], find)


INVARIANTS: Mapping[str, Invariant] = {
    find.__name__: _invariant(find)
    for find in (
        purchases.order_items,
        purchases.order_lines,
        purchases.order_totals,
        purchases.order_users,
        purchases.order_products,
        purchases.order_once,
        purchases.order_payments,
        purchases.payment_orders,
        purchases.payment_amounts,
        purchases.payment_once,
        purchases.payment_effects,
        totals.points_orders,
        totals.points_amounts,
        totals.points_balances,
        totals.points_lifetime,
        totals.points_not_negative,
        totals.achievements,
        totals.stock_balance,
        totals.stock_taken,
        totals.stock_not_negative,
        owners.carts,
        owners.sessions,
        purchases.event_orders,
        purchases.event_numbers,
        purchases.event_status,
        owners.saved_methods,
        owners.permissions,
        owners.second_factors,
    )
}

Violations = dict[str, dict[tuple[str, str], Violation]]
# By how much sums are wrong, by document.
Differences = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class ConfirmedViolations:
    """The confirmed violations of one invariant: every reading of the database found them.

    Args:
        violations: the violations that the last reading found.
        steady: the keys of the violations with the same difference in the first and the last
            reading.
    """

    violations: tuple[Violation, ...]
    steady: frozenset[tuple[str, str]]

    def since(
        self, moment: datetime | None, earlier: Differences | None = None
    ) -> tuple[list[Violation], list[Violation]]:
        """Separate the violations since a moment from the older violations.

        A wrong sum counts as older if its difference stays the same during this run, and is the
        same as in the earlier run. A document without a time counts as new.

        Args:
            moment: the moment, UTC; None if every violation counts as new.
            earlier: the differences of wrong sums that an earlier run since the moment found,
                keyed by document; None without an earlier run.

        Returns:
            The new violations, and the older violations.
        """
        if moment is None:
            return list(self.violations), []
        older = [
            violation for violation in self.violations if self._is_older(violation, moment, earlier)
        ]
        return [violation for violation in self.violations if violation not in older], older

    def _is_older(
        self, violation: Violation, moment: datetime, earlier: Differences | None
    ) -> bool:
        if violation.difference is None:
            return violation.at is not None and violation.at < moment
        is_known = earlier is None or earlier.get(violation.document) == violation.difference
        return is_known and violation.key in self.steady


def check(
    database: Shop,
    limit: int,
    pause: Callable[[float], None],
    names: Iterable[str] = tuple(INVARIANTS),
) -> dict[str, ConfirmedViolations]:
    """Find the violations of invariants, and confirm each violation by reading the documents again.

    Args:
        database: the store's database; its client must read times with a time zone.
        limit: the maximum number of documents that are read from each collection.
        pause: a function that waits; its argument is a number of seconds.
        names: the names of the invariants.

    Returns:
        The confirmed violations, keyed by the name of the invariant.

    Raises:
        PyMongoError: the database does not answer.
    """
    remaining = _read(database, limit, names)
    first = {
        name: {key: violation.difference for key, violation in violations.items()}
        for name, violations in remaining.items()
    }
    seconds, readings = FIRST_PAUSE_SECONDS, 1
    while any(remaining.values()) and readings < MAX_READINGS:
        pause(seconds)
        count = _count(remaining)
        reading = _read(database, limit, [name for name in remaining if remaining[name]])
        remaining = {
            name: {key: reading[name][key] for key in violations if key in reading[name]}
            for name, violations in remaining.items()
        }
        readings += 1
        if readings > MIN_READINGS and _count(remaining) == count:
            break
        seconds = PAUSE_SECONDS
    return {
        name: ConfirmedViolations(
            tuple(violations.values()),
            frozenset(key for key in violations if violations[key].difference == first[name][key]),
        )
        for name, violations in remaining.items()
    }


def _read(database: Shop, limit: int, names: Iterable[str]) -> Violations:
    view = View(database, limit)
    return {
        name: {violation.key: violation for violation in _violations_of(INVARIANTS[name], view)}
        for name in names
    }


def _violations_of(invariant: Invariant, view: View) -> Iterator[Violation]:
    """Yield an invariant's violations, and one more if a malformed document ends the search."""
    try:
        yield from invariant.find(view)
    except (*MALFORMED, BSONError) as error:
        text = f"a document is malformed, so not every document was judged ({_line_of(error)})"
        yield Violation(MALFORMED_DATA, invariant.name, None, text)


def _line_of(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:120]


def _count(remaining: Violations) -> int:
    return sum(len(violations) for violations in remaining.values())


def text_of(invariant: Invariant, violations: list[Violation]) -> str:
    """Return the message about violations: the documents, a query that finds them, the next step.

    Args:
        invariant: the invariant.
        violations: the violations of the invariant; at least one.
    """
    count = len(violations)
    documents = "1 document contradicts" if count == 1 else f"{count:,} documents contradict"
    collection = violations[0].collection
    listed = ", ".join(
        f'"{violation.document}"'
        for violation in violations[:MAX_NAMED]
        if violation.collection == collection
    )
    return "\n".join(
        [
            f"{documents} the invariant: {invariant.sentence}",
            *(_line(violation) for violation in violations[:MAX_NAMED]),
            *([f"  … {count - MAX_NAMED:,} more"] if count > MAX_NAMED else []),
            *(
                [f"  again: db.{collection}.find({{_id: {{$in: [{listed}]}}}})"]
                if collection != MALFORMED_DATA
                else []
            ),
            "  next step: stop the release that wrote these documents, then correct the documents",
        ]
    )


def _line(violation: Violation) -> str:
    written = f" of {violation.at:%Y-%m-%dT%H:%M:%SZ}" if violation.at else ""
    return f"  {violation.collection} {violation.document}{written}: {violation.observed}"[:240]
