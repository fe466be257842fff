"""The store's surface for probes: its contract's operations, with values of the run's own data."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from gates.model import Target
from suites.client import loopback_source
from suites.contract import document
from suites.probes import api, openapi
from suites.scanner.sending import HttpSender

# What the fixtures ``no_finding`` and ``values`` are.
Judge = Callable[[Iterable[api.Observation]], None]
Values = Mapping[str, object]
SYNTHETIC = "X-Kirana-Synthetic"
# Not HTTP operations.
WEBSOCKETS = ("order_updates", "delivery_updates")
ROLES = ("customer", "staff", "manager", "admin", "owner")


def endpoints() -> tuple[api.Endpoint, ...]:
    """Every HTTP operation of the contract, a new one included."""
    return tuple(one for one in openapi.endpoints(document()) if one.name not in WEBSOCKETS)


def endpoint(name: str) -> api.Endpoint:
    """The operation with this id."""
    return next(one for one in endpoints() if one.name == name)


def declared(name: str, key: str) -> str:
    """What the contract says of an operation beyond OpenAPI: ``x-…``; empty when nothing."""
    operations = [one for path in document()["paths"].values() for one in path.values()]
    found = next(one for one in operations if one["operationId"] == name)
    return str(found.get(key, ""))


def good_call(one: api.Endpoint, values: Mapping[str, object]) -> api.Call:
    """A call the contract allows, about the run's own things.

    Args:
        one: the operation.
        values: value by the last part of a parameter's name, such as ``order_id``.
    """
    call = openapi.benign(one)
    for place in openapi.places(one, call):
        name = place.name.split(".")[-1]
        there = place.required or openapi.value_at(call, place) is not None
        if name in values and (there or name == "q"):
            call = call.with_value(place, values[name])
    return call


@dataclass(frozen=True, slots=True)
class Surface:
    """How probes reach one target.

    Args:
        target: whom to probe.
        run_id: marks the requests.
    """

    target: Target
    run_id: str
    senders: list[HttpSender] = field(default_factory=list)

    def sender(self, token: str = "", source: Callable[[], str] | None = None) -> HttpSender:
        """A sender to the API, logged in with a token; each request from an address of its own."""
        addresses = loopback_source if self.target.loopback_sources else str
        authorised = {"Authorization": f"Bearer {token}"} if token else {}
        made = HttpSender(
            self.target.addresses.api,
            {SYNTHETIC: self.run_id, **authorised},
            source or addresses,
            seconds=self.target.patience_seconds * 2,
        )
        self.senders.append(made)
        return made

    def frontend(self) -> HttpSender:
        """A sender to the frontend."""
        return replace(self.sender(), base=self.target.addresses.frontend)

    def requests(self) -> int:
        """How many requests were sent."""
        return sum(one.sent for one in self.senders)
