"""Who moves traffic between the colours: one module a kind of router, each with the same face."""

import time
from collections.abc import Callable, Mapping
from typing import Protocol, TypeVar

from gates.errors import RouterError, UnknownNameError
from gates.routers.config import ConfigRouter

# A balancer that is reloading is asked again.
TRIES = 3
BETWEEN_TRIES_SECONDS = 1.0
Result = TypeVar("Result")


class TrafficRouter(Protocol):
    """Gives each colour its share of the traffic."""

    def shares(self) -> Mapping[str, float]:
        """Each slot's share as it is now, 0 to 1.

        Raises:
            RouterError: it does not say.
        """

    def move(self, shares: Mapping[str, float]) -> None:
        """Give each slot its share, and read it back.

        Raises:
            RouterError: it did not do so.
        """


ROUTERS: dict[str, Callable[[str], TrafficRouter]] = {
    "config": ConfigRouter,
}


def router_named(name: str, url: str) -> TrafficRouter:
    """The router of this kind at an address.

    Raises:
        UnknownNameError: no such kind of router.
    """
    if name not in ROUTERS:
        raise UnknownNameError("router", name, ROUTERS, "gates.routers")
    return ROUTERS[name](url)


def with_retries(act: Callable[[], Result], wait: Callable[[float], None] = time.sleep) -> Result:
    """Call a router; a balancer that does not answer as expected is called again, a few times.

    Args:
        act: the call.
        wait: lets so many seconds pass.

    Raises:
        RouterError: the last call failed as well.
    """
    for _ in range(TRIES - 1):
        try:
            return act()
        except RouterError:
            wait(BETWEEN_TRIES_SECONDS)
    return act()
