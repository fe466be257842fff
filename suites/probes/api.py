"""What probes work on: operations of any HTTP API, requests, exchanges, and observations."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol
from urllib.parse import quote

from suites.probes.rules import RULES

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"


class NotLookedAtError(Exception):
    """Something could not be read, so nothing can be said of it."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of an operation.

    Args:
        name: its name; in a JSON body dotted, list positions as numbers.
        where: ``path``, ``query`` or ``body``.
        schema: its JSON schema, references resolved.
        required: whether the operation needs it.
    """

    name: str
    where: str
    schema: Mapping[str, Any]
    required: bool


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One operation.

    Args:
        name: its operationId, else method and path.
        method: HTTP method, in capitals.
        path: path template.
        parameters: path and query parameters.
        body: JSON schema of the body, references resolved; None without a body.
        body_type: media type of the body.
        secured: whether it needs a session.
        statuses: the documented statuses.
    """

    name: str
    method: str
    path: str
    parameters: tuple[Parameter, ...]
    body: Mapping[str, Any] | None
    body_type: str
    secured: bool
    statuses: frozenset[int]

    @property
    def query_names(self) -> tuple[str, ...]:
        """The names of its query parameters."""
        return tuple(one.name for one in self.parameters if one.where == "query")


@dataclass(frozen=True, slots=True)
class Call:
    """The values one request is made with.

    Args:
        path: path parameters.
        query: query parameters.
        body: JSON value or form fields; None without a body.
        headers: further headers.
        raw_path: sent instead of the operation's path, as it is.
        raw_body: sent instead of the body, as it is.
    """

    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    raw_path: str = ""
    raw_body: bytes | None = None

    def with_value(self, parameter: Parameter, value: object) -> "Call":
        """The same call with one value changed."""
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
        return [_changed(one, keys[1:], value) if index == position else one
                for index, one in enumerate(body)]  # fmt: skip
    known = dict(body or {})
    known[keys[0]] = _changed(known.get(keys[0]), keys[1:], value)
    return known


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request as sent, and what came back.

    Args:
        method: HTTP method.
        url: the whole address.
        sent: the body sent, as text.
        status: HTTP status.
        headers: header by lower-case name; repeated ones joined by line breaks.
        text: the body received.
        seconds: wall time.
    """

    method: str
    url: str
    sent: str
    status: int
    headers: Mapping[str, str]
    text: str
    seconds: float


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
    """What one probe saw at one place; it says, and does not judge.

    Args:
        rule: the weakness looked for.
        place: operation and parameter.
        found: whether it is there.
        sentence: what was seen.
        exchange: the telling exchange; None where there was none.
    """

    rule: str
    place: str
    found: bool
    sentence: str
    exchange: Exchange | None = None

    def __post_init__(self) -> None:
        if self.rule not in RULES:
            raise ValueError(f"no rule {self.rule!r}")


def filled(path: str, values: Mapping[str, str]) -> str:
    """A path template with its parameters, escaped."""
    for name, value in values.items():
        path = path.replace(f"{{{name}}}", quote(value, safe="", errors="surrogatepass"))
    return path
