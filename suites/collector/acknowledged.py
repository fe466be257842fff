"""Compare the orders and payments that the store acknowledged with the database.

The simulated shoppers of a rehearsal write the acknowledged ids to ``orders.jsonl``. Elsewhere, the
store's counters state how many orders and payments the store acknowledged since a moment.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

from gates.errors import ConfigurationError
from gates.model import Measured, Series, Target
from gates.policy.toml_table import read_bytes
from gates.sources import json_values
from gates.sources.prometheus import Prometheus
from suites.database.view import Shop, View

CHECK = "platform.integrity.orders_acknowledged"
MAX_BYTES = 64_000_000
MAX_NAMED = 5
MAX_ID = 200
# A document may be this much older or younger than the scrape that counts it.
TOLERANCE = timedelta(seconds=60)
# Only customers are counted, because the data of test runs is deleted.
COUNTERS = {
    "orders": 'orders_total{status="placed",traffic="customer"}',
    "payments": 'payments_total{status="captured",traffic="customer"}',
}


@dataclass(frozen=True, slots=True)
class AcknowledgedIds:
    """The orders and payments that the store acknowledged.

    Args:
        times: the time of each acknowledgement, keyed by collection and then by document id.
    """

    times: Mapping[str, Mapping[str, datetime]] = field(default_factory=dict)


class UnmeasuredError(Exception):
    """The acknowledged orders could not be compared with the database; the message says why."""


def read(path: Path) -> AcknowledgedIds:
    """Read the orders and payments that the store acknowledged to shoppers.

    Args:
        path: a file of JSON lines, each with ``at`` (seconds since the epoch) and ``order`` or
            ``payment`` (an id). A last line without a line end is ignored.

    Raises:
        ConfigurationError: the file cannot be read, or a complete line is malformed.
    """
    raw = read_bytes(path, MAX_BYTES)
    times: dict[str, dict[str, datetime]] = {"orders": {}, "payments": {}}
    # The last line may be incomplete, because the shoppers are still writing it.
    for number, line in enumerate(raw.split(b"\n")[:-1], start=1):
        try:
            content = json_values.object_of(json_values.loads(line))
            kind = "order" if "order" in content else "payment"
            document = json_values.name(content[kind], MAX_ID)
            at = json_values.number(content["at"])
            times[f"{kind}s"][document] = datetime.fromtimestamp(at, UTC)
        except json_values.MALFORMED as error:
            raise ConfigurationError(f"{path}: line {number} is malformed: {error}") from error
    return AcknowledgedIds(times)


def missing_documents(view: View, acknowledged: AcknowledgedIds) -> list[str]:
    """Find the acknowledged orders and payments that are missing in the database.

    Args:
        view: a view of the database that was opened after the acknowledgements.
        acknowledged: the ids of the acknowledged orders and payments.

    Returns:
        A message for each collection with missing documents.
    """
    messages = []
    for collection, times in acknowledged.times.items():
        present = view.by_id(collection, times)
        if missing := [document for document in times if document not in present]:
            messages.append(_message(collection, missing, times))
    return messages


def _message(collection: str, missing: Sequence[str], times: Mapping[str, datetime]) -> str:
    named = ", ".join(
        f"{document} of {times[document]:%H:%M:%SZ}" for document in missing[:MAX_NAMED]
    )
    more = f" and {len(missing) - MAX_NAMED:,} more" if len(missing) > MAX_NAMED else ""
    ids = ", ".join(f'"{document}"' for document in missing[:MAX_NAMED])
    return (
        f"{len(missing):,} of {len(times):,} acknowledged {collection} are not in the database: "
        f"{named}{more}\n  again: db.{collection}.find({{_id: {{$in: [{ids}]}}}})"
    )


def too_few_documents(database: Shop, target: Target, since: datetime) -> list[str]:
    """Find collections with fewer new documents than the store's counters have counted.

    Args:
        database: the database of the store.
        target: the target with the address of the Prometheus that scrapes both colours.
        since: the moment from which documents and counters are compared, in UTC.

    Returns:
        A message for each collection with missing documents.

    Raises:
        UnmeasuredError: Prometheus did not return the counters.
    """
    now = time.time()
    prometheus = Prometheus(target.addresses.prometheus, target.access.prometheus)
    window = timedelta(seconds=now - since.timestamp())
    messages = []
    for collection, selector in COUNTERS.items():
        answer = prometheus.samples(selector, window, now)
        if answer.measured is not Measured.OK:
            raise UnmeasuredError(f"Prometheus did not return {selector}: {answer.problem}")
        counted = sum(increase(series) for series in answer.series)
        query = _query(collection, since)
        present = database[collection].count_documents(query)
        if present < counted:
            messages.append(
                f"{collection}: the store acknowledged {counted:,.0f} documents since "
                f"{since:%H:%M:%SZ} ({selector}), but the database has only {present:,}"
            )
    return messages


def _query(collection: str, since: datetime) -> dict[str, object]:
    query: dict[str, object] = {"traffic": "customer", "created_at": {"$gte": since - TOLERANCE}}
    return {**query, "status": "captured"} if collection == "payments" else query


def increase(series: Series) -> float:
    """Return the increase of a counter; a sample below the sample before means a restart at 0."""
    values = [sample.value for sample in series.samples]
    return sum(
        later - earlier if later >= earlier else later for earlier, later in pairwise(values)
    )


def of_ids(orders: Iterable[str], payments: Iterable[str]) -> AcknowledgedIds:
    """Return the given ids, with the present time as the time of each acknowledgement.

    Args:
        orders: the ids of the acknowledged orders.
        payments: the ids of the acknowledged payments.
    """
    now = datetime.now(UTC)
    return AcknowledgedIds(
        {"orders": dict.fromkeys(orders, now), "payments": dict.fromkeys(payments, now)}
    )
