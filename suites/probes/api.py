"""The values of probes: operations of any HTTP API, calls, exchanges, and observations."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol
from urllib.parse import quote

from suites.probes.rules import RULES

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"


class NotLookedAtError(Exception):
    """A part of the scan could not be read, so this part gave no result."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of an operation.

    Args:
        name: the parameter's name; in a JSON body the dotted path, with positions as numbers.
        where: ``path``, ``query`` or ``body``.
        schema: the JSON schema of the parameter, with references resolved.
        required: whether the operation needs the parameter.
    """

    name: str
    where: str
    schema: Mapping[str, Any]
    required: bool


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One operation.

    Args:
        name: the operationId of the operation, or else method and path.
        method: HTTP method, in capitals.
        path: path template.
        parameters: path and query parameters.
        body: JSON schema of the body, with references resolved; None without a body.
        body_type: media type of the body.
        secured: whether the operation needs a session.
        statuses: the documented statuses.
        description: summary, description and tags.
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
        path: path parameters.
        query: query parameters.
        body: JSON value or form fields; None without a body.
        headers: further headers.
        raw_path: sent as it is, instead of the operation's path.
        raw_body: sent as it is, instead of the body.
    """

    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    raw_path: str = ""
    raw_body: bytes | None = None

    def with_value(self, parameter: Parameter, value: object) -> "Call":
        """The same call with another value of one parameter."""
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
    """A request as sent, and its answer.

    Args:
        method: HTTP method.
        url: the whole address.
        sent: the body sent, as text.
        status: HTTP status.
        headers: header by lower-case name; repeated headers are joined by line breaks.
        text: the body received.
        seconds: wall time.
        sent_headers: the headers sent.
        payload: the body sent, complete; None without a body.
        target: the whole address as it was sent, with its escapes; empty where it is ``url``.
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
        """The media type of the answer; empty without one."""
        return self.headers.get("content-type", "")


class Sender(Protocol):
    """Sends calls to one service."""

    def send(self, endpoint: Endpoint, call: Call) -> Exchange:
        """Send one call.

        Raises:
            UnreachableError: no answer came.
        """
        ...


@dataclass(frozen=True, slots=True)
class Observation:
    """The observation of one probe at one place.

    Args:
        rule: the weakness that the probe looks for.
        place: operation and parameter.
        is_finding: whether the service has the weakness at this place.
        sentence: what the probe observed.
        exchange: the exchange that shows the observation; None without an exchange.
        cause: findings of the same rule and cause are one finding; empty for the place.
        steps: the exchanges that must come before, to see the observation again.
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
            raise ValueError(f"no rule {self.rule!r}")


def filled(path: str, values: Mapping[str, str]) -> str:
    """A path template with the values of its parameters, escaped."""
    for name, value in values.items():
        path = path.replace(f"{{{name}}}", quote(value, safe="", errors="surrogatepass"))
    return path
