"""Defects of the balancer's control endpoint, each switched by a variable of the balancer."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from testbed import balancer

Shares = dict[str, float]
SLOW_SECONDS = 6.0
# The shares of the last move that was not carried out.
_pretended: Shares = {}


@dataclass(frozen=True, slots=True)
class Control:
    """How the endpoint moves traffic, and how it reads the shares."""

    move: Callable[[Path, Shares], Shares]
    read: Callable[[Path], Shares]


def of(runtime_socket: Path) -> Control:
    """The behaviour of the endpoint: the first defect that is on, or no defect."""
    for variable, control in DEFECTS.items():
        if balancer.is_on(runtime_socket, variable):
            return control
    _pretended.clear()
    return Control(balancer.set_weights, balancer.weights)


def _ignore(runtime_socket: Path, shares: Shares) -> Shares:
    del runtime_socket
    return shares


def _pretend(runtime_socket: Path, shares: Shares) -> Shares:
    del runtime_socket
    _pretended.update(shares)
    return shares


def _read_pretended(runtime_socket: Path) -> Shares:
    return dict(_pretended) or balancer.weights(runtime_socket)


def _swapped(shares: Shares) -> Shares:
    return {"blue": shares["green"], "green": shares["blue"]}


def _move_swapped(runtime_socket: Path, shares: Shares) -> Shares:
    return _swapped(balancer.set_weights(runtime_socket, _swapped(shares)))


def _read_swapped(runtime_socket: Path) -> Shares:
    return _swapped(balancer.weights(runtime_socket))


def _return_slowly(runtime_socket: Path, shares: Shares) -> Shares:
    if shares["green"] == 0:
        time.sleep(SLOW_SECONDS)
    return balancer.set_weights(runtime_socket, shares)


def _cut(runtime_socket: Path, shares: Shares) -> Shares:
    balancer.write_weights(runtime_socket, shares)
    for colour in balancer.without_traffic(shares):
        balancer.close_sessions(runtime_socket, colour)
    return balancer.weights(runtime_socket)


DEFECTS = {
    "moves_ignored": Control(_ignore, balancer.weights),
    "moves_pretended": Control(_pretend, _read_pretended),
    "colours_swapped": Control(_move_swapped, _read_swapped),
    "return_slow": Control(_return_slowly, balancer.weights),
    "drain_cut": Control(_cut, balancer.weights),
}
