"""The ports of a world: the guide's, or free ones."""

import socket

GUIDE: dict[str, int] = {
    "blue_web": 3000,
    "green_web": 3001,
    "blue_api": 5000,
    "green_api": 5001,
    "control": 8080,
    "edge_http": 8088,
    "balancer_metrics": 8405,
    "edge_tls": 8443,
    "prometheus": 9090,
    "database": 27017,
}


def free() -> dict[str, int]:
    """A free port for each name, all different."""
    held = {name: _bound(0) for name in GUIDE}
    chosen = {name: listener.getsockname()[1] for name, listener in held.items()}
    for listener in held.values():
        listener.close()
    return chosen


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
