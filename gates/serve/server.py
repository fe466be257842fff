"""Runs the process of the server: its socket, its TLS files, and the limits of a connection."""

import asyncio
import gc
import logging
import socket
import ssl
import sys
from collections.abc import Callable
from ipaddress import ip_address

import uvicorn
from starlette.applications import Starlette
from uvicorn.protocols.http.h11_impl import H11Protocol

from gates.errors import ConfigurationError
from gates.serve.settings import TOKEN_VARIABLE, ServeSettings

# The head of a request must arrive within this time, seconds. So must the rest of a refused body: a
# connection that is closed at once could lose the answer.
MAX_HEAD_SECONDS = 10.0
MAX_HEAD_BYTES = 32_768
MAX_CONNECTIONS = 500
MAX_SHUTDOWN_SECONDS = 10
BACKLOG = 512
# The thread that answers requests waits no longer than this for a thread that decides, seconds.
SWITCH_SECONDS = 0.0005


class LimitedProtocol(H11Protocol):
    """A connection that the server closes if a request does not arrive within the time limit."""

    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn
        """Start the timer for the first request of the connection."""
        super().connection_made(transport)
        self._limit()

    def data_received(self, data: bytes) -> None:
        """Read a part of a request, and start or stop the timer."""
        super().data_received(data)
        self._limit()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the timer at the end of the connection."""
        super().connection_lost(exc)
        self._stop_timer()

    def _limit(self) -> None:
        """Begin or end the wait for a request."""
        if not self._is_waiting():
            self._stop_timer()
        elif self._timer is None:
            self._timer = self.loop.call_later(MAX_HEAD_SECONDS, self._close_late)

    def _is_waiting(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _close_late(self) -> None:
        self._timer = None
        if self._is_waiting() and not self.transport.is_closing():
            self.transport.abort()


def run(
    app: Starlette, settings: ServeSettings, listen: tuple[str, int], say: Callable[[str], None]
) -> None:
    """Serve until a signal ends the process.

    Args:
        app: the web application.
        settings: the settings of the server.
        listen: the IP address and the port of the server; port 0 means a free port.
        say: a function that prints a line for the person at the terminal.

    Raises:
        ConfigurationError: the address cannot be used, or a TLS file is wrong.
    """
    server = server_of(app, settings)
    with _socket_of(listen) as listening:
        host, port = listening.getsockname()[:2]
        scheme = "https" if settings.tls else "http"
        shown = f"[{host}]" if ":" in host else host
        for warning in warnings_of(settings, host):
            sys.stderr.write(f"serve: {warning}\n")
        say(f"listening on {scheme}://{shown}:{port}")
        sys.setswitchinterval(SWITCH_SECONDS)
        gc.freeze()  # the modules and the policy stay: no collection has to look at them
        try:
            server.run(sockets=[listening])
        except KeyboardInterrupt:  # uvicorn raises the signal again after its orderly end
            return


class _Uvicorn(uvicorn.Server):
    """A server that tells the application when it shuts down, so that event streams end."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the event streams, and then the connections."""
        self.config.app.state.server.live.is_closing = True  # type: ignore[union-attr]  # ours
        await super().shutdown(sockets)


def server_of(app: Starlette, settings: ServeSettings) -> uvicorn.Server:
    """Return a uvicorn server; it never reads the client's address from a request header.

    Args:
        app: the web application.
        settings: the settings of the server.

    Raises:
        ConfigurationError: a TLS file is wrong.
    """
    tls = settings.tls
    config = uvicorn.Config(
        app,
        http=LimitedProtocol,
        ws="none",
        loop="asyncio",
        lifespan="on",
        log_config=None,
        log_level=logging.WARNING,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        limit_concurrency=MAX_CONNECTIONS,
        timeout_keep_alive=int(MAX_HEAD_SECONDS),
        timeout_graceful_shutdown=MAX_SHUTDOWN_SECONDS,
        h11_max_incomplete_event_size=MAX_HEAD_BYTES,
        ssl_certfile=tls.certificate if tls else None,
        ssl_keyfile=tls.key if tls else None,
        ssl_ca_certs=tls.client_authority or None if tls else None,
        ssl_cert_reqs=ssl.CERT_REQUIRED if settings.needs_client_certificate else ssl.CERT_NONE,
    )
    try:
        config.load()
    except (ssl.SSLError, OSError) as error:
        raise ConfigurationError(
            f"cannot use the TLS files of --certificate, --key or --client-ca: {error}"
        ) from error
    return _Uvicorn(config)


def _socket_of(listen: tuple[str, int]) -> socket.socket:
    """A socket that listens.

    Raises:
        ConfigurationError: the address cannot be used.
    """
    host, port = listen
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server(listen, family=family, backlog=BACKLOG)
    except OSError as error:
        raise ConfigurationError(
            f"--listen: cannot listen on {host}, port {port}: {error.strerror}"
        ) from error


def warnings_of(settings: ServeSettings, host: str) -> list[str]:
    """Return warnings about the access to the server, for the person who starts the server.

    Args:
        settings: the settings of the server.
        host: the IP address on which the server listens.
    """
    warnings = []
    is_loopback = ip_address(host).is_loopback
    if not settings.token and not settings.needs_client_certificate:
        if not settings.loopback_exception:
            warnings.append(f"no client has access: set {TOKEN_VARIABLE}, or use --client-ca")
        elif not is_loopback:
            warnings.append(
                f"other machines have no access: set {TOKEN_VARIABLE}, or use --client-ca"
            )
    if settings.token and not settings.tls and not is_loopback:
        warnings.append("the token is sent without encryption: use --certificate and --key")
    return warnings
