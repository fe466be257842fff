"""Routers move traffic between the colours: one module a kind of router, one interface."""

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
    """Gives each colour its share of the traffic."""

    def shares(self) -> Mapping[str, float]:
        """Each slot's share now, 0 to 1.

        Raises:
            RouterError: the router does not answer with shares.
        """

    def move(self, shares: Mapping[str, float]) -> None:
        """Give each slot its share, and read the shares back.

        Args:
            shares: each slot's share, 0 to 1.

        Raises:
            RouterError: the router did not give each slot its share.
        """


ROUTERS: dict[str, Callable[[str, Access], TrafficRouter]] = {
    "config": ConfigRouter,
}


def router_named(name: str, url: str, access: Access) -> TrafficRouter:
    """The router of this kind at an address.

    Args:
        name: the kind, a key of ``ROUTERS``.
        url: the address of the control endpoint, without a trailing slash.
        access: log-in, certificates and the time limit of one request.

    Raises:
        UnknownNameError: there is no such kind of router.
    """
    if name not in ROUTERS:
        raise UnknownNameError("router", name, ROUTERS, "gates.routers")
    return ROUTERS[name](url, access)


def with_retries(act: Callable[[], Result], wait: Callable[[float], None] = time.sleep) -> Result:
    """Call a router, and repeat the call after a failure: at most three calls in all.

    Args:
        act: the call.
        wait: the function that waits for a number of seconds.

    Raises:
        RouterError: the last call failed as well.
    """
    for _ in range(MAX_TRIES - 1):
        try:
            return act()
        except RouterError:
            wait(RETRY_SECONDS)
    return act()
