"""Read an Alertmanager configuration, and find the routes of an alert as Alertmanager does."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

import yaml

from suites.monitoring.promql.expressions import duration

Labels = Mapping[str, str]
MAX_FILE_BYTES = 4_000_000
MATCHER = re.compile(
    r"\s*([a-zA-Z_][\w]*)\s*(=~|!~|!=|=)\s*(\"(?:[^\"\\]|\\.)*\"|'[^']*'|[^,{}]*?)\s*(?:,|\Z)"
)
# Alertmanager's own values, for times that the root route does not state.
DEFAULT_TIMES = {"group_wait": "30s", "group_interval": "5m", "repeat_interval": "4h"}
WEBHOOK, MAIL = "webhook_configs", "email_configs"
# Whether an integration notifies when an alert ends, if the configuration does not state it.
SENDS_RESOLVED = {WEBHOOK: True, MAIL: False}


class RoutingError(Exception):
    """A text is not a valid Alertmanager configuration; the message names the invalid part."""


@dataclass(frozen=True, slots=True)
class Matcher:
    """A condition on the value of one label; a label that an alert lacks has an empty value.

    Args:
        label: the name of the label.
        symbol: the operator: ``=``, ``!=``, ``=~`` or ``!~``.
        value: the value or the regular expression.
    """

    label: str
    symbol: str
    value: str

    def holds(self, labels: Labels) -> bool:
        """Return whether an alert with these labels satisfies the condition."""
        content = labels.get(self.label, "")
        if self.symbol in ("=", "!="):
            return (content == self.value) == (self.symbol == "=")
        # For label values, regular expressions of Go and of Python have the same meaning.
        return (re.fullmatch(self.value, content) is not None) == (self.symbol == "=~")

    def __str__(self) -> str:
        return f'{self.label}{self.symbol}"{self.value}"'


@dataclass(frozen=True, slots=True)
class Route:
    """A route of Alertmanager, with the settings that it inherits from the route above.

    Args:
        place: the position in the configuration, such as ``route.routes[0]``.
        receiver: the receiver of the route, or else the receiver of the route above.
        matchers: the conditions; an alert must satisfy all of them to take the route.
        goes_on: whether an alert that takes this route also tries the next routes.
        muted_by: the names of the time intervals in which the route sends no notification.
        times: ``group_wait``, ``group_interval`` and ``repeat_interval``, keyed by name.
        routes: the routes below this route.
    """

    place: str
    receiver: str
    matchers: tuple[Matcher, ...]
    goes_on: bool
    muted_by: tuple[str, ...]
    times: Mapping[str, timedelta]
    routes: tuple["Route", ...]

    def selected(self, labels: Labels) -> list["Route"]:
        """Return the routes that an alert takes, from this route down; empty if it takes none."""
        if not all(matcher.holds(labels) for matcher in self.matchers):
            return []
        routes: list[Route] = []
        for route in self.routes:
            below = route.selected(labels)
            routes += below
            if below and not route.goes_on:
                break
        return routes or [self]

    def walk(self) -> Iterator["Route"]:
        """Yield this route and every route below this route."""
        yield self
        for route in self.routes:
            yield from route.walk()


@dataclass(frozen=True, slots=True)
class Inhibition:
    """A rule by which an active alert mutes other alerts.

    Args:
        place: the position in the configuration, such as ``inhibit_rules[0]``.
        source: the conditions for the active alert.
        target: the conditions for the muted alert.
        equal: labels whose values must be equal in both alerts; a label that both alerts lack
            counts as equal.
    """

    place: str
    source: tuple[Matcher, ...]
    target: tuple[Matcher, ...]
    equal: tuple[str, ...]

    def mutes(self, source: Labels, target: Labels) -> bool:
        """Return whether an active alert mutes another alert.

        Args:
            source: the labels of the active alert.
            target: the labels of the other alert.

        Source: Alertmanager, ``inhibit.go``: if two alerts both satisfy the source conditions and
        the target conditions, neither alert mutes the other.
        """
        if not _all_hold(self.source, source) or not _all_hold(self.target, target):
            return False
        if any(source.get(label, "") != target.get(label, "") for label in self.equal):
            return False
        return not (_all_hold(self.source, target) and _all_hold(self.target, source))


@dataclass(frozen=True, slots=True)
class Integration:
    """One integration of a receiver, such as a webhook or mail.

    Args:
        kind: the key in the configuration: ``webhook_configs``, ``email_configs``, …
        address: the recipients of the mails; empty for another kind.
        sends_resolved: whether the integration also sends a notification when an alert ends.
    """

    kind: str
    address: str
    sends_resolved: bool


@dataclass(frozen=True, slots=True)
class Routing:
    """The routing part of an Alertmanager configuration.

    Args:
        root: the root route.
        receivers: the integrations of each receiver, keyed by the receiver's name.
        inhibitions: the inhibition rules.
    """

    root: Route
    receivers: Mapping[str, tuple[Integration, ...]]
    inhibitions: tuple[Inhibition, ...]


def routing_of(text: str) -> Routing:
    """Parse an Alertmanager configuration.

    Args:
        text: the configuration as YAML, from a file or from ``/api/v2/status``.

    Raises:
        RoutingError: the text is not a valid configuration; the message names the invalid part.

    Source: Alertmanager documentation, configuration.
    """
    if len(text) > MAX_FILE_BYTES:
        raise RoutingError(f"the file is larger than the limit of {MAX_FILE_BYTES} bytes")
    try:
        content = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise RoutingError(f"the file is not YAML: {' '.join(str(error).split())}") from error
    top = _object(content, "the file")
    root = _route(_object(top.get("route"), "route"), "route", "", DEFAULT_TIMES)
    if not root.receiver:
        raise RoutingError("route: the root route has no receiver")
    receivers = [
        _object(entry, f"receivers[{number}]")
        for number, entry in enumerate(_list(top.get("receivers"), "receivers"))
    ]
    rules = _list(top.get("inhibit_rules"), "inhibit_rules")
    return Routing(
        root=root,
        receivers={str(entry.get("name", "")): tuple(_integrations(entry)) for entry in receivers},
        inhibitions=tuple(
            _inhibition(_object(entry, f"inhibit_rules[{number}]"), f"inhibit_rules[{number}]")
            for number, entry in enumerate(rules)
        ),
    )


def _route(
    content: Mapping[str, object], place: str, receiver: str, above: Mapping[str, str]
) -> Route:
    receiver = str(content.get("receiver") or receiver)
    texts = {name: str(content.get(name) or above[name]) for name in DEFAULT_TIMES}
    muted = [*_list(content.get("mute_time_intervals"), f"{place}.mute_time_intervals")]
    active = _list(content.get("active_time_intervals"), f"{place}.active_time_intervals")
    muted += [f"outside {name}" for name in active]
    below = _list(content.get("routes"), f"{place}.routes")
    return Route(
        place=place,
        receiver=receiver,
        matchers=_matchers(content, "matchers", "match", place),
        goes_on=content.get("continue") is True,
        muted_by=tuple(map(str, muted)),
        times={name: _duration(text, f"{place}.{name}") for name, text in texts.items()},
        routes=tuple(
            _route(
                _object(entry, f"{place}.routes[{number}]"),
                f"{place}.routes[{number}]",
                receiver,
                texts,
            )
            for number, entry in enumerate(below)
        ),
    )


def _matchers(
    content: Mapping[str, object], listed: str, named: str, place: str
) -> tuple[Matcher, ...]:
    """Return the matchers of a route or of one side of an inhibition rule.

    Alertmanager reads three keys, for example ``matchers``, ``match`` and ``match_re``.
    """
    matchers = [
        matcher
        for entry in _list(content.get(listed), f"{place}.{listed}")
        for matcher in _parsed(str(entry), f"{place}.{listed}")
    ]
    for key, symbol in ((named, "="), (f"{named}_re", "=~")):
        pairs = _object(content.get(key) or {}, f"{place}.{key}")
        matchers += [Matcher(str(label), symbol, str(value)) for label, value in pairs.items()]
    for matcher in matchers:
        _check_pattern(matcher, place)
    return tuple(matchers)


def _parsed(text: str, place: str) -> list[Matcher]:
    inside = text.strip()
    if inside.startswith("{") and inside.endswith("}"):
        inside = inside[1:-1]
    matchers, position = [], 0
    while position < len(inside):
        match = MATCHER.match(inside, position)
        if match is None or match.end() == position:
            raise RoutingError(
                f'{place}: {text!r} is not a matcher; expected a text such as severity="critical"'
            )
        value = match[3]
        if value[:1] == value[-1:] and value[:1] in ('"', "'") and len(value) > 1:
            value = re.sub(r"\\(.)", r"\1", value[1:-1]) if value[0] == '"' else value[1:-1]
        matchers.append(Matcher(match[1], match[2], value))
        position = match.end()
    return matchers


def _check_pattern(matcher: Matcher, place: str) -> None:
    if matcher.symbol in ("=~", "!~"):
        try:
            re.compile(matcher.value)
        except re.error as error:
            raise RoutingError(
                f"{place}: the regular expression in {matcher} is not valid"
            ) from error


def _inhibition(content: Mapping[str, object], place: str) -> Inhibition:
    equal = _list(content.get("equal"), f"{place}.equal")
    return Inhibition(
        place=place,
        source=_matchers(content, "source_matchers", "source_match", place),
        target=_matchers(content, "target_matchers", "target_match", place),
        equal=tuple(map(str, equal)),
    )


def _integrations(receiver: Mapping[str, object]) -> Iterator[Integration]:
    name = str(receiver.get("name", ""))
    for kind, entries in receiver.items():
        if not kind.endswith("_configs"):
            continue
        for number, entry in enumerate(_list(entries, f"receiver {name}: {kind}")):
            content = _object(entry, f"receiver {name}: {kind}[{number}]")
            sends = content.get("send_resolved", SENDS_RESOLVED.get(kind, True))
            yield Integration(kind, str(content.get("to", "")), sends is True)


def _duration(text: str, place: str) -> timedelta:
    try:
        return duration(text)
    except ValueError as error:
        raise RoutingError(f"{place}: {text!r} is not a duration such as 5m") from error


def _object(content: object, place: str) -> Mapping[str, object]:
    if not isinstance(content, dict):
        raise RoutingError(f"{place}: expected a mapping of names to values")
    return content


def _list(content: object, place: str) -> list[object]:
    if content is None:
        return []
    if not isinstance(content, list):
        raise RoutingError(f"{place}: expected a list")
    return content


def _all_hold(matchers: tuple[Matcher, ...], labels: Labels) -> bool:
    return all(matcher.holds(labels) for matcher in matchers)
