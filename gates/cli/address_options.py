"""The argument types of slots and addresses, for ``gates rollback``, ``serve`` and ``init``."""

import argparse
import contextlib
from ipaddress import ip_address

SLOTS = ("green", "blue")
MAX_PORT = 65_535


def slots(text: str) -> tuple[str, str]:
    """Return the names of green's slot and of blue's slot, from a text such as ``green,blue``.

    Raises:
        argparse.ArgumentTypeError: the text does not have two different names.
    """
    names = [name.strip() for name in text.split(",")]
    if len(names) != len(SLOTS) or not all(names) or names[0] == names[1]:
        raise argparse.ArgumentTypeError(
            f"expected two different slots like green,blue, got {text!r}"
        )
    return names[0], names[1]


def url(text: str) -> str:
    """Return the address of an HTTP server, without a trailing slash and without ``/config``.

    Raises:
        argparse.ArgumentTypeError: the text is not the address of an HTTP server.
    """
    from gates.ramp.salvage import url_problem  # not needed by other commands

    value = text.rstrip("/").removesuffix("/config")
    if problem := url_problem(value):
        raise argparse.ArgumentTypeError(f"{problem}, got {text[:200]!r}")
    return value


def address_and_port(text: str) -> tuple[str, int]:
    """Return an IP address and a port, from a text such as ``127.0.0.1:8765`` or ``[::1]:8765``.

    Raises:
        argparse.ArgumentTypeError: the text does not have an IP address and a port.
    """
    host, _, port = text.rpartition(":")
    host = "127.0.0.1" if host == "localhost" else host.removeprefix("[").removesuffix("]")
    address, number = "", -1
    with contextlib.suppress(ValueError):
        address, number = str(ip_address(host)), int(port)
    if not 0 <= number <= MAX_PORT:
        raise argparse.ArgumentTypeError(
            f"expected an IP address and a port like 127.0.0.1:8765, got {text[:200]!r}"
        )
    return address, number
