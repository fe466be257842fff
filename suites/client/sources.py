"""Makes source addresses: on loopback, each client sends from its own address."""

import secrets


def loopback_source() -> str:
    """Return a random loopback address outside 127.0.0.0/16, the block where servers listen."""
    return f"127.{1 + secrets.randbelow(254)}.{secrets.randbelow(256)}.{1 + secrets.randbelow(254)}"
