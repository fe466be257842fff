"""Lists the operations of the store that probes attack, and makes requests and senders."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from gates.model import Target
from suites.client import loopback_source
from suites.contract import document
from suites.probes import api, openapi
from suites.scanner.sending import HttpSender

# The types of the fixtures ``no_finding`` and ``values``.
NoFindingAssertion = Callable[[Iterable[api.Observation]], None]
Values = Mapping[str, object]
SYNTHETIC = "X-Kirana-Synthetic"
# The contract has these operations, but clients use them over WebSockets.
WEBSOCKETS = ("order_updates", "delivery_updates")
ROLES = ("customer", "staff", "manager", "admin", "owner")
# A wrong password: no user has this password.
WRONG_TEXT = "not the password"


def endpoints() -> tuple[api.Endpoint, ...]:
    """Return every HTTP operation of the contract, so that probes attack new operations too."""
    return tuple(
        endpoint for endpoint in openapi.endpoints(document()) if endpoint.name not in WEBSOCKETS
    )


def endpoint_named(name: str) -> api.Endpoint:
    """Return the HTTP operation with an id."""
    return next(endpoint for endpoint in endpoints() if endpoint.name == name)


def declared_value(name: str, key: str) -> str:
    """Return the value of an extension ``x-…`` of an operation in the contract.

    Args:
        name: the id of the operation.
        key: the name of the extension.

    Returns:
        The value as text; empty if the operation does not have the extension.
    """
    return str(_operation_named(name).get(key, ""))


def takes_token(name: str) -> bool:
    """Return whether an operation of the contract reads an access token, if the client sends one.

    Some operations, such as a search, work with and without a token.
    """
    operation = _operation_named(name)
    requirements = operation["security"] if "security" in operation else document()["security"]
    return any(requirements)


def _operation_named(name: str) -> dict[str, Any]:
    operations = [operation for path in document()["paths"].values() for operation in path.values()]
    matching: dict[str, Any] = next(each for each in operations if each["operationId"] == name)
    return matching


def good_call(endpoint: api.Endpoint, values: Mapping[str, object]) -> api.Call:
    """Return a request that the contract allows, with data of the run.

    Args:
        endpoint: the operation.
        values: the value of each parameter, keyed by the last part of the parameter's name, such as
            ``order_id``.
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
    """Makes senders, with which probes send requests to a target.

    Args:
        target: the target that is probed.
        run_id: the id of the run, which marks the requests as traffic of tests.
        senders: the senders that were made already.
    """

    target: Target
    run_id: str
    senders: list[HttpSender] = field(default_factory=list)

    def sender(self, token: str = "", source: Callable[[], str] | None = None) -> HttpSender:
        """Return a sender of requests to the API.

        Args:
            token: the access token of each request; empty to send requests without a token.
            source: a function that returns the source address of a request; None for the default:
                each request has another loopback address, if the target allows such addresses.
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
        """Return a sender of requests to the frontend; it sends no access token."""
        headers = {SYNTHETIC: self.run_id}
        return replace(self.sender(), base=self.target.addresses.frontend, headers=headers)

    def requests(self) -> int:
        """Return the number of requests that all senders to the API sent."""
        return sum(sender.sent for sender in self.senders)
