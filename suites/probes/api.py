"""The data types of probes: operations of an HTTP API, requests, exchanges and observations."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol
from urllib.parse import quote

from suites.probes.rules import RULES

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"


class NotLookedAtError(Exception):
    """The scan could not do one of its parts, so this part has no result."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of an operation.

    Args:
        name: the name of the parameter. For a field of a JSON body, the keys and the positions in
            lists from the outside to the field, with dots between them, such as ``items.0.id``.
        where: ``path``, ``query``, ``header`` or ``body``.
        schema: the JSON schema of the parameter, with resolved references.
        required: whether the operation requires the parameter.
    """

    name: str
    where: str
    schema: Mapping[str, Any]
    required: bool


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One operation of an API.

    Args:
        name: the operationId of the operation, or else its method and path.
        method: the HTTP method, in capitals.
        path: the path template, with parameters in braces.
        parameters: the path, query and header parameters.
        body: the JSON schema of the body, with resolved references; None without a body.
        body_type: the media type of the body; empty without a body.
        secured: whether the operation requires a session.
        statuses: the documented HTTP statuses of responses.
        description: the summary, the description and the tags in one text.
    """

    name: str
    method: str
    path: str
    parameters: tuple[Parameter, ...]
    body: Mapping[str, Any] | None
    body_type: str
    secured: bool
    statuses: frozenset[int]
    description: str = ""

    @property
    def query_names(self) -> tuple[str, ...]:
        """The names of the operation's query parameters."""
        return tuple(parameter.name for parameter in self.parameters if parameter.where == "query")


@dataclass(frozen=True, slots=True)
class Call:
    """The values of one request.

    Args:
        path: the values of the path parameters, by name.
        query: the values of the query parameters, by name.
        body: the JSON value or the form fields; None without a body.
        headers: the values of further headers, by name.
        raw_path: a path that is sent unchanged instead of the operation's path; empty for no such
            path.
        raw_body: bytes that are sent unchanged instead of the body; None for no such bytes.
    """

    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    raw_path: str = ""
    raw_body: bytes | None = None

    def with_value(self, parameter: Parameter, value: object) -> "Call":
        """Return this request with another value of one parameter."""
        if parameter.where == "path":
            return replace(self, path={**self.path, parameter.name: str(value)})
        if parameter.where == "query":
            return replace(self, query={**self.query, parameter.name: str(value)})
        return replace(self, body=_changed(self.body, parameter.name.split("."), value))


def _changed(body: Any, keys: list[str], value: object) -> Any:  # noqa: ANN401 - any JSON
    if not keys:
        return value
    if isinstance(body, list):
        position = int(keys[0])
        return [
            _changed(item, keys[1:], value) if index == position else item
            for index, item in enumerate(body)
        ]
    fields = dict(body or {})
    fields[keys[0]] = _changed(fields.get(keys[0]), keys[1:], value)
    return fields


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request that was sent, and its response.

    Args:
        method: the HTTP method of the request.
        url: the whole address of the request.
        sent: the body of the request, as text, which may be cut.
        status: the HTTP status of the response.
        headers: the headers of the response, by lower-case name; the values of repeated headers are
            joined by line breaks.
        text: the body of the response, as text.
        seconds: the wall time from the request to the response, in seconds.
        sent_headers: the headers of the request.
        payload: the complete body of the request; None without a body.
        target: the whole address as it was sent, with its escapes; empty if it is equal to ``url``.
    """

    method: str
    url: str
    sent: str
    status: int
    headers: Mapping[str, str]
    text: str
    seconds: float
    sent_headers: Mapping[str, str] = field(default_factory=dict)
    payload: bytes | None = None
    target: str = ""

    @property
    def content_type(self) -> str:
        """The media type of the response; empty for a response without a media type."""
        return self.headers.get("content-type", "")


class Sender(Protocol):
    """Sends requests to one service."""

    def send(self, endpoint: Endpoint, call: Call) -> Exchange:
        """Send one request, and return the request and its response.

        Args:
            endpoint: the operation.
            call: the values of the request.

        Raises:
            UnreachableError: no response came.
        """
        ...


@dataclass(frozen=True, slots=True)
class Observation:
    """The observation of one probe for one operation, or for one parameter of an operation.

    Args:
        rule: the name of the rule in ``suites/probes/rules.py`` that describes the weakness.
        place: the name of the operation and of the parameter, as text for messages.
        is_finding: whether the probe found the weakness.
        sentence: a sentence that states the observation.
        exchange: the request and the response that prove the observation; None without them.
        cause: the cause of the weakness. Findings with equal rules and causes count as one finding.
            If the cause is empty, ``place`` is the cause.
        steps: to repeat the observation, send these requests first.
    """

    rule: str
    place: str
    is_finding: bool
    sentence: str
    exchange: Exchange | None = None
    cause: str = ""
    steps: tuple[Exchange, ...] = ()

    def __post_init__(self) -> None:
        if self.rule not in RULES:
            raise ValueError(f"no rule has the name {self.rule!r}; see suites/probes/rules.py")


def filled(path: str, values: Mapping[str, str]) -> str:
    """Return a path template with the escaped values instead of its parameters.

    Args:
        path: the path template, with parameters in braces.
        values: the values of the parameters, by name.
    """
    for name, value in values.items():
        path = path.replace(f"{{{name}}}", quote(value, safe="", errors="surrogatepass"))
    return path
