"""What the generator processes are sent, and what they send back: one JSON object a line."""

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
        source: the address to send from; an empty text for the machine's address.
    """

    token: str = field(repr=False)
    source: str


@dataclass(frozen=True, slots=True)
class Assignment:
    """The work of the generator processes.

    Args:
        plan: the users, and when their requests are due.
        workers: the number of generator processes.
        base_url: the target's address.
        headers: the headers of every request.
        shoppers: the accounts, by the user's number.
        products: the ids of products that may be bought.
        words: words of names in the catalogue.
        journeys: the journeys by their names.
        listen: host and port where the run waits for workers of other machines; None to start the
            workers here.
        ca_file: the certificate that signs the target's; an empty text for the system's.
        acknowledged_file: the file of acknowledged orders and payments; an empty text for none.
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
    """How far a run is.

    Args:
        at: seconds since the run began; negative before.
        totals: the users who run now, and the requests so far.
    """

    at: float
    totals: Totals


@dataclass(frozen=True, slots=True)
class Report:
    """One line from the generator processes: the progress, or the measurements at the end."""

    progress: LoadProgress | None = None
    measured: Measurements | None = None
