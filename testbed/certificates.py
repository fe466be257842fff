"""The edge's TLS certificate, signed at start by an authority that only this world uses."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme

HOSTS = ("localhost", "blue.localhost", "green.localhost", "127.0.0.1")


VALIDITY = timedelta(days=365)


def write(folder: Path) -> datetime:
    """Write the balancer's ``edge.pem`` and ``expiring.pem``, and ``ca.pem`` for clients.

    Returns:
        The expiry of ``edge.pem``.
    """
    expiry = datetime.now(UTC) + VALIDITY
    authority = trustme.CA(organization_name="Kirana testbed")
    leaf = authority.issue_cert(*HOSTS, not_after=expiry)
    leaf.private_key_and_cert_chain_pem.write_to_path(str(folder / "edge.pem"))
    (folder / "edge.pem").chmod(0o600)
    soon = authority.issue_cert(*HOSTS, not_after=datetime.now(UTC) + timedelta(days=7))
    soon.private_key_and_cert_chain_pem.write_to_path(str(folder / "expiring.pem"))
    (folder / "expiring.pem").chmod(0o600)
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    return expiry
