"""The data that a run exchanges with its generator processes, one JSON object a line."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from gates.evidence.load_record import Measurements
from gates.sources.json_values import Count
from load.plan import Journey, Plan
from load.recorder import Totals


@dataclass(frozen=True, slots=True)
class Account:
    """A shopper's access to the store.

    Args:
        token: the access token, from a log-in before the run.
        source: the address from which the shopper sends; an empty text for the machine's address.
    """

    token: str = field(repr=False)
    source: str


@dataclass(frozen=True, slots=True)
class Assignment:
    """The work of the generator processes.

    Args:
        plan: the users, and when their requests are due.
        workers: the number of generator processes.
        base_url: the address of the target.
        headers: the headers of every request.
        shoppers: the accounts, keyed by the number of the user.
        products: the ids of the products that the shoppers may buy.
        words: words of product names, for which the shoppers search.
        journeys: the journeys, keyed by their names.
        listen: host and port where the run waits for workers of other machines; None to start the
            workers here.
        ca_file: the file of the CA certificate for the target; an empty text for the system's CAs.
        acknowledged_file: the file to which acknowledged orders and payments are written; an empty
            text for no file.
    """

    plan: Plan
    workers: Count
    base_url: str
    headers: Mapping[str, str] = field(repr=False)
    shoppers: Mapping[str, Account] = field(repr=False)
    products: tuple[str, ...]
    words: tuple[str, ...]
    journeys: Mapping[str, Journey]
    listen: tuple[str, int] | None = None
    ca_file: str = ""
    acknowledged_file: str = ""


@dataclass(frozen=True, slots=True)
class LoadProgress:
    """The progress of a run.

    Args:
        at: seconds since the run began; negative before the run.
        totals: the users who are running now, and the requests until now.
    """

    at: float
    totals: Totals


@dataclass(frozen=True, slots=True)
class Report:
    """One line from the generator processes: the progress, or the measurements at the end."""

    progress: LoadProgress | None = None
    measured: Measurements | None = None
