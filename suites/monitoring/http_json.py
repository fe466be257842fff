"""JSON over HTTP from the parts of monitoring; every failed request names its curl line."""

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
    """A part of monitoring gave no documented answer; the message has a curl line."""


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """An answer.

    Args:
        status: the HTTP status.
        text: the body.
        server_time: the answer's Date header, in seconds since the epoch; None without one.
    """

    status: int
    text: str
    server_time: float | None = None


@dataclass(frozen=True, slots=True)
class JsonApi:
    """An HTTP API with JSON bodies.

    Args:
        url: the address, without a trailing slash.
        access: log-in, certificates and the longest time for one request.
    """

    url: str
    access: Access

    def address(self, path: str, parameters: Mapping[str, str] | None = None) -> str:
        """The URL of a path with its query."""
        query = f"?{urlencode(parameters)}" if parameters else ""
        return f"{self.url}{path}{query}"

    def curl(self, path: str, parameters: Mapping[str, str] | None = None) -> str:
        """The command that repeats a GET."""
        return f"curl -s {self.access.curl_options()}{shlex.quote(self.address(path, parameters))}"

    def answer(self, path: str, parameters: Mapping[str, str] | None = None) -> HttpAnswer:
        """The answer to a GET, whatever its status.

        Raises:
            MonitoringError: there is no answer.
        """
        address = self.address(path, parameters)
        received = get(address, self.access, max_bytes=MAX_BYTES)
        if received.problem:
            raise MonitoringError(f"{received.problem}\nagain: {self.curl(path, parameters)}")
        text = received.body.decode(errors="replace")
        return HttpAnswer(received.status, text, received.server_time)

    def value(self, path: str, parameters: Mapping[str, str] | None = None) -> object:
        """The JSON value of the answer to a GET.

        Raises:
            MonitoringError: there is no answer, its status is not 200, or it is not JSON.
        """
        answer = self.answer(path, parameters)
        if answer.status != OK:
            shown = " ".join(answer.text.split())[:MAX_SHOWN]
            again = self.curl(path, parameters)
            raise MonitoringError(f"status {answer.status}: {shown}\nagain: {again}")
        return parsed(answer.text, self.curl(path, parameters))

    def sent(self, path: str, content: object) -> HttpAnswer:
        """The answer to a POST of JSON, whatever its status.

        Raises:
            MonitoringError: there is no answer.
        """
        body = json.dumps(content)
        received = post(self.address(path), body.encode(), self.access, max_bytes=MAX_BYTES)
        if received.problem:
            raise MonitoringError(f"{received.problem}\nagain: {self.curl_post(path, content)}")
        return HttpAnswer(received.status, received.body.decode(errors="replace"))

    def curl_post(self, path: str, content: object) -> str:
        """The command that repeats a POST."""
        options = f"{self.access.curl_options()}-H 'Content-Type: application/json'"
        body = shlex.quote(json.dumps(content))
        return f"curl -s {options} {shlex.quote(self.address(path))} -d {body}"


def parsed(text: str, again: str) -> object:
    """The value of a JSON text.

    Args:
        text: the text.
        again: the command that repeats the request, for the message.

    Raises:
        MonitoringError: the text is not JSON.
    """
    try:
        value: object = json_values.loads(text)
    except (ValueError, RecursionError) as error:
        raise MonitoringError(f"the answer is not JSON: {error}\nagain: {again}") from error
    return value


def other_shape(error: Exception, again: str) -> MonitoringError:
    """The error for an answer whose JSON has another shape than its API documents."""
    return MonitoringError(
        f"the answer does not have the documented format: {error!r}\nagain: {again}"
    )
