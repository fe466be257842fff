"""Read JSON over HTTP from monitoring services; each error message has a curl line."""

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from gates.model import Access
from gates.sources import json_values
from gates.sources.http import get, post

MAX_BYTES = 16_000_000
OK = 200
MAX_SHOWN = 200


class MonitoringError(Exception):
    """A monitoring service gave no response, or an undocumented response.

    The message has the curl line that repeats the request.
    """


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """A response over HTTP.

    Args:
        status: the HTTP status.
        text: the body of the response.
        server_time: the time in the header Date, in seconds since the epoch; None without the
            header.
    """

    status: int
    text: str
    server_time: float | None = None


@dataclass(frozen=True, slots=True)
class JsonApi:
    """A client of an HTTP API with JSON bodies.

    Args:
        url: the address of the service, without a trailing slash.
        access: the log-in, the certificates, and the longest time for one request.
    """

    url: str
    access: Access

    def address(self, path: str, parameters: Mapping[str, str] | None = None) -> str:
        """Return the URL of a path, with its query parameters.

        Args:
            path: the path below the address of the service.
            parameters: the query parameters; None without a query.
        """
        query = f"?{urlencode(parameters)}" if parameters else ""
        return f"{self.url}{path}{query}"

    def curl(self, path: str, parameters: Mapping[str, str] | None = None) -> str:
        """Return the curl command that repeats a GET request.

        Args:
            path: the path below the address of the service.
            parameters: the query parameters; None without a query.
        """
        return f"curl -s {self.access.curl_options()}{shlex.quote(self.address(path, parameters))}"

    def answer(self, path: str, parameters: Mapping[str, str] | None = None) -> HttpAnswer:
        """Send a GET request, and return the response, whatever its status is.

        Args:
            path: the path below the address of the service.
            parameters: the query parameters; None without a query.

        Raises:
            MonitoringError: no response came.
        """
        address = self.address(path, parameters)
        received = get(address, self.access, max_bytes=MAX_BYTES)
        if received.problem:
            raise MonitoringError(f"{received.problem}\nagain: {self.curl(path, parameters)}")
        text = received.body.decode(errors="replace")
        return HttpAnswer(received.status, text, received.server_time)

    def value(self, path: str, parameters: Mapping[str, str] | None = None) -> object:
        """Send a GET request, and return the JSON value of the response.

        Args:
            path: the path below the address of the service.
            parameters: the query parameters; None without a query.

        Raises:
            MonitoringError: no response came, its status is not 200, or its body is not JSON.
        """
        answer = self.answer(path, parameters)
        if answer.status != OK:
            shown = " ".join(answer.text.split())[:MAX_SHOWN]
            again = self.curl(path, parameters)
            raise MonitoringError(
                f"expected status {OK}, got status {answer.status}: {shown}\nagain: {again}"
            )
        return parsed(answer.text, self.curl(path, parameters))

    def sent(self, path: str, content: object) -> HttpAnswer:
        """Send JSON with a POST request, and return the response, whatever its status is.

        Args:
            path: the path below the address of the service.
            content: the value to send as JSON.

        Raises:
            MonitoringError: no response came.
        """
        body = json.dumps(content)
        received = post(self.address(path), body.encode(), self.access, max_bytes=MAX_BYTES)
        if received.problem:
            raise MonitoringError(f"{received.problem}\nagain: {self.curl_post(path, content)}")
        return HttpAnswer(received.status, received.body.decode(errors="replace"))

    def curl_post(self, path: str, content: object) -> str:
        """Return the curl command that repeats a POST request.

        Args:
            path: the path below the address of the service.
            content: the value that is sent as JSON.
        """
        options = f"{self.access.curl_options()}-H 'Content-Type: application/json'"
        body = shlex.quote(json.dumps(content))
        return f"curl -s {options} {shlex.quote(self.address(path))} -d {body}"


def parsed(text: str, again: str) -> object:
    """Parse a JSON text, and return its value.

    Args:
        text: the body of a response.
        again: the curl command that repeats the request, for the error message.

    Raises:
        MonitoringError: the text is not JSON.
    """
    try:
        value: object = json_values.loads(text)
    except (ValueError, RecursionError) as error:
        raise MonitoringError(f"the response is not JSON: {error}\nagain: {again}") from error
    return value


def other_shape(error: Exception, again: str) -> MonitoringError:
    """Return the error for a JSON response that does not have the documented format.

    Args:
        error: the error from reading the JSON value.
        again: the curl command that repeats the request, for the error message.
    """
    return MonitoringError(
        f"the response does not have the documented format: {error!r}\nagain: {again}"
    )
