"""The operations of the store that probes attack, with values of the run's own data."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from gates.model import Target
from suites.client import loopback_source
from suites.contract import document
from suites.probes import api, openapi
from suites.scanner.sending import HttpSender

# The types of the fixtures ``no_finding`` and ``values``.
NoFindingAssertion = Callable[[Iterable[api.Observation]], None]
Values = Mapping[str, object]
SYNTHETIC = "X-Kirana-Synthetic"
# The contract has these operations, but they are no HTTP operations.
WEBSOCKETS = ("order_updates", "delivery_updates")
ROLES = ("customer", "staff", "manager", "admin", "owner")
# Typed on purpose: no user has this password.
WRONG_TEXT = "not the password"


def endpoints() -> tuple[api.Endpoint, ...]:
    """Every HTTP operation of the contract, so that a new operation is attacked as well."""
    return tuple(
        endpoint for endpoint in openapi.endpoints(document()) if endpoint.name not in WEBSOCKETS
    )


def endpoint_named(name: str) -> api.Endpoint:
    """The operation with this id."""
    return next(endpoint for endpoint in endpoints() if endpoint.name == name)


def declared_value(name: str, key: str) -> str:
    """The value of an extension ``x-…`` of an operation in the contract; empty without one."""
    operations = [operation for path in document()["paths"].values() for operation in path.values()]
    matching = next(operation for operation in operations if operation["operationId"] == name)
    return str(matching.get(key, ""))


def good_call(endpoint: api.Endpoint, values: Mapping[str, object]) -> api.Call:
    """A call that the contract allows, with the run's own data.

    Args:
        endpoint: the operation.
        values: value by the last part of a parameter's name, such as ``order_id``.
    """
    call = openapi.benign(endpoint)
    for place in openapi.places(endpoint, call):
        name = place.name.split(".")[-1]
        is_sent = place.required or openapi.value_at(call, place) is not None
        if name in values and (is_sent or name == "q"):
            call = call.with_value(place, values[name])
    return call


@dataclass(frozen=True, slots=True)
class Surface:
    """The ways in which probes reach a target.

    Args:
        target: the target that is probed.
        run_id: marks the requests.
        senders: the senders that exist already.
    """

    target: Target
    run_id: str
    senders: list[HttpSender] = field(default_factory=list)

    def sender(self, token: str = "", source: Callable[[], str] | None = None) -> HttpSender:
        """A sender to the API, logged in with a token.

        Args:
            token: the access token; empty to send without one.
            source: gives the source address; by default, each request has its own address.
        """
        addresses = loopback_source if self.target.loopback_sources else str
        authorisation = {"Authorization": f"Bearer {token}"} if token else {}
        access = self.target.access.api
        sender = HttpSender(
            self.target.addresses.api,
            {**access.request_headers, SYNTHETIC: self.run_id, **authorisation},
            source or addresses,
            seconds=self.target.patience_seconds * 2,
            ca_file=access.ca_file,
        )
        self.senders.append(sender)
        return sender

    def frontend(self) -> HttpSender:
        """A sender to the frontend, which does not get the log-in of the API."""
        headers = {SYNTHETIC: self.run_id}
        return replace(self.sender(), base=self.target.addresses.frontend, headers=headers)

    def requests(self) -> int:
        """The number of requests that were sent."""
        return sum(sender.sent for sender in self.senders)
