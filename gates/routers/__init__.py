"""Who moves traffic between the colours: one module a kind of router, each with the same face."""

from collections.abc import Callable, Mapping
from typing import Protocol

from gates.errors import UnknownNameError
from gates.routers.config import ConfigRouter


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
