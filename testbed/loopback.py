"""HTTP requests to the parts of a world, which all listen on loopback."""

from http.client import HTTPConnection, HTTPException

PROBE_SECONDS = 1.0
RELOAD_SECONDS = 10.0


def get(port: int, path: str) -> tuple[int, bytes]:
    """Status and body of a GET on loopback; status 0 without an answer."""
    return _request("GET", port, path, PROBE_SECONDS)


def post(port: int, path: str) -> tuple[int, bytes]:
    """Status and body of a POST without a body on loopback; status 0 without an answer."""
    return _request("POST", port, path, RELOAD_SECONDS)


def _request(method: str, port: int, path: str, seconds: float) -> tuple[int, bytes]:
    connection = HTTPConnection("127.0.0.1", port, timeout=seconds)
    try:
        connection.request(method, path)
        response = connection.getresponse()
        return response.status, response.read()
    except (OSError, HTTPException):
        return 0, b""
    finally:
        connection.close()
