"""Opens connections to the store: each from its own source address, and none that was idle."""

import secrets
import time
from typing import TYPE_CHECKING, Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.poolmanager import PoolManager

# A server may close an idle connection at any moment (RFC 9112, section 9.5); many servers do so
# after 5 seconds. A request that is sent at that moment gets no answer from a correct store.
MAX_IDLE_SECONDS = 1.0


def loopback_source() -> str:
    """Return a random loopback address outside 127.0.0.0/16, the block where servers listen."""
    return f"127.{1 + secrets.randbelow(254)}.{secrets.randbelow(256)}.{1 + secrets.randbelow(254)}"


if TYPE_CHECKING:
    _Base = HTTPConnection
else:
    _Base = object


class _NeverIdle(_Base):
    """A connection that is opened again if it was idle before a request."""

    _answered_at: float | None = None

    def request(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - as in the base class
        answered_at, self._answered_at = self._answered_at, None
        if answered_at is not None and time.perf_counter() - answered_at > MAX_IDLE_SECONDS:
            self.close()  # the base class opens the connection again
        super().request(*args, **kwargs)

    def getresponse(self) -> Any:  # noqa: ANN401 - as in the base class
        response = super().getresponse()
        self._answered_at = time.perf_counter()
        return response


class _Connection(_NeverIdle, HTTPConnection):
    pass


class _TlsConnection(_NeverIdle, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


class ConnectionAdapter(HTTPAdapter):
    """Opens the connections of a session of ``requests``.

    Several threads may use the session: each connection remembers its own idle time.

    Args:
        source: the source address of the connections; empty for the address that the system
            chooses.
    """

    def __init__(self, source: str) -> None:
        self._source = source
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - as in the base class
        """Make the pools of connections to servers."""
        if self._source:
            kwargs["source_address"] = (self._source, 0)
        super().init_poolmanager(*args, **kwargs)
        _use_own_pools(self.poolmanager)

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - as in the base class
        """Return the pools of connections to a proxy."""
        manager = super().proxy_manager_for(*args, **kwargs)
        _use_own_pools(manager)
        return manager


def _use_own_pools(manager: PoolManager) -> None:
    manager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}
