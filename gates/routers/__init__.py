"""Routers move traffic between the colours; each kind of router has a module."""

import time
from collections.abc import Callable, Mapping
from typing import Protocol, TypeVar

from gates.errors import RouterError, UnknownNameError
from gates.model import Access
from gates.routers.config import ConfigRouter

# A balancer that is reloading is called again.
MAX_TRIES = 3
RETRY_SECONDS = 1.0
Result = TypeVar("Result")


class TrafficRouter(Protocol):
    """The interface of a traffic router, which gives each colour its share of the traffic."""

    def shares(self) -> Mapping[str, float]:
        """Return the present share of each slot, from 0 to 1, keyed by the name of the slot.

        Raises:
            RouterError: the response of the router has no shares.
        """

    def move(self, shares: Mapping[str, float]) -> None:
        """Give each slot its share, and then read the shares to verify the move.

        Args:
            shares: the share of each slot, from 0 to 1, keyed by the name of the slot.

        Raises:
            RouterError: the router did not give each slot its share.
        """


ROUTERS: dict[str, Callable[[str, Access], TrafficRouter]] = {
    "config": ConfigRouter,
}


def router_named(name: str, url: str, access: Access) -> TrafficRouter:
    """Return the router of a kind, for a control endpoint.

    Args:
        name: the kind of router, a key of ``ROUTERS``.
        url: the address of the control endpoint, without a trailing slash.
        access: the log-in, the certificates and the time limit of one request.

    Raises:
        UnknownNameError: there is no router of this kind.
    """
    if name not in ROUTERS:
        raise UnknownNameError("router", name, ROUTERS, "gates.routers")
    return ROUTERS[name](url, access)


def with_retries(act: Callable[[], Result], wait: Callable[[float], None] = time.sleep) -> Result:
    """Call an operation of a router, and after a failure call it again; at most three calls.

    Args:
        act: the function that carries out the operation.
        wait: the function that waits for a number of seconds.

    Raises:
        RouterError: the third attempt failed, too.
    """
    for _ in range(MAX_TRIES - 1):
        try:
            return act()
        except RouterError:
            wait(RETRY_SECONDS)
    return act()
