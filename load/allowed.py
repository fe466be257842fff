"""Where load may go."""

import ipaddress
import socket
from urllib.parse import urlsplit

from gates.errors import ConfigurationError
from gates.model import Target


def check(target: Target) -> None:
    """Nothing goes where it is not allowed to, nor where customers shop.

    Raises:
        ConfigurationError: the target does not allow load, is not where its file says, or would
            only meet its rate limit.
    """
    if target.production or "load" not in target.suites:
        allowed = ", ".join(sorted(target.suites))
        raise ConfigurationError(f"{target.name} does not allow load; it allows {allowed}")
    if target.loopback_sources and not _is_loopback(target.addresses.api):
        raise ConfigurationError(
            f"{target.name} takes loopback sources, but {target.addresses.api} is not on loopback"
        )
    if not target.loopback_sources and "exemption_key" not in target.secrets:
        raise ConfigurationError(
            f"no exemption_key for {target.name}: from one address the load would only meet the "
            "rate limit; set the variable its target file names"
        )


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        found = {entry[4][0] for entry in socket.getaddrinfo(host, None)}
    except OSError as error:
        raise ConfigurationError(f"{host}: {error}") from error
    return bool(found) and all(ipaddress.ip_address(one).is_loopback for one in found)
