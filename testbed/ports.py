"""The ports of a world: the guide's, or free ones."""

import random
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

GUIDE: dict[str, int] = {
    "mail": 2525,
    "blue_web": 3000,
    "green_web": 3001,
    "grafana": 3030,
    "blue_api": 5000,
    "green_api": 5001,
    "control": 8080,
    "edge_http": 8088,
    "balancer_metrics": 8405,
    "edge_tls": 8443,
    "prometheus": 9090,
    "alertmanager": 9093,
    "notifications": 9095,
    "node_exporter": 9100,
    "database": 27017,
}


# Free ports are below those that Linux gives to outgoing connections (32768 and up): such a
# connection could take a port between its choice and the start of the part that listens on it.
FIRST_FREE, LAST_FREE = 20_000, 32_767
# Each world has a block: a port that marks the block as chosen, and a port for each name.
BLOCK = 24


def free() -> dict[str, int]:
    """A free port for each name, all different."""
    with reserved() as chosen:
        return chosen


@contextmanager
def reserved() -> Iterator[dict[str, int]]:
    """A free port for each name, which no other world chooses until the block ends.

    Raises:
        OSError: there is no block of free ports.
    """
    blocks = range(FIRST_FREE, LAST_FREE - BLOCK, BLOCK)
    for first in random.sample(blocks, len(blocks)):
        chosen = {name: first + number for number, name in enumerate(GUIDE, start=1)}
        with ExitStack() as held:
            try:
                held.enter_context(_bound(first))
            except OSError:
                continue
            if taken(chosen):
                continue
            yield chosen
            return
    raise OSError(f"no {len(GUIDE)} free ports from {FIRST_FREE} to {LAST_FREE}")


def taken(ports: dict[str, int]) -> list[str]:
    """``name port`` of every port somebody else listens on."""
    return [f"{name} {port}" for name, port in ports.items() if is_taken(port)]


def is_taken(port: int) -> bool:
    try:
        _bound(port).close()
    except OSError:
        return True
    return False


def _bound(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
        listener.listen()
    except OSError:
        listener.close()
        raise
    return listener
