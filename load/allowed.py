"""Decides whether a target may get load."""

import ipaddress
import socket
from urllib.parse import urlsplit

from gates.errors import ConfigurationError
from gates.model import Target


def check(target: Target) -> None:
    """Refuse a target that must not get load.

    Raises:
        ConfigurationError: the target is a production target or does not allow load; its file
            has loopback sources, but the target's address is not a loopback address; or its rate
            limit would refuse most requests.
    """
    if target.production or "load" not in target.suites:
        allowed = ", ".join(sorted(target.suites))
        raise ConfigurationError(
            f"{target.name} does not allow load: expected production = false, and load in [suites] "
            f"allowed; the target file allows {allowed}"
        )
    if target.loopback_sources and not _is_loopback(target.addresses.api):
        raise ConfigurationError(
            f"{target.name} uses loopback sources, but {target.addresses.api} is not on loopback: "
            "correct addresses.api, or source_addresses in [access], in the target file"
        )
    if not target.loopback_sources and "exemption_key" not in target.secrets:
        raise ConfigurationError(
            f"{target.name}: exemption_key is missing, or its environment variable is not set; "
            "the rate limit would refuse most requests from one address: name an environment "
            "variable as exemption_key in [secrets] of the target file, and set this variable"
        )


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        addresses = {entry[4][0] for entry in socket.getaddrinfo(host, None)}
    except OSError as error:
        raise ConfigurationError(f"{host}: {error}") from error
    return bool(addresses) and all(
        ipaddress.ip_address(address).is_loopback for address in addresses
    )
