"""An Alertmanager configuration: its routes, receivers and inhibitions, walked as it walks them."""

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
    """A text is not a configuration of Alertmanager; the message names the place."""


@dataclass(frozen=True, slots=True)
class Matcher:
    """A condition on one label; the label's value is empty where an alert does not have it."""

    label: str
    symbol: str
    value: str

    def holds(self, labels: Labels) -> bool:
        """Whether the condition holds for an alert with these labels."""
        content = labels.get(self.label, "")
        if self.symbol in ("=", "!="):
            return (content == self.value) == (self.symbol == "=")
        # For label values, regular expressions of Go and of Python have the same meaning.
        return (re.fullmatch(self.value, content) is not None) == (self.symbol == "=~")

    def __str__(self) -> str:
        return f'{self.label}{self.symbol}"{self.value}"'


@dataclass(frozen=True, slots=True)
class Route:
    """A route, with the settings that it inherits.

    Args:
        place: the position of the route, such as ``route.routes[0]``.
        receiver: the receiver of the route, or else the receiver of the route above.
        matchers: the conditions, all of which must hold.
        goes_on: whether the next routes are tried after it.
        muted_by: the names of times at which it notifies nobody.
        times: ``group_wait``, ``group_interval`` and ``repeat_interval``.
        routes: the routes below.
    """

    place: str
    receiver: str
    matchers: tuple[Matcher, ...]
    goes_on: bool
    muted_by: tuple[str, ...]
    times: Mapping[str, timedelta]
    routes: tuple["Route", ...]

    def selected(self, labels: Labels) -> list["Route"]:
        """The routes that an alert with these labels takes, as Alertmanager finds them."""
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
        """The route and every route below it."""
        yield self
        for route in self.routes:
            yield from route.walk()


@dataclass(frozen=True, slots=True)
class Inhibition:
    """A rule by which an active alert mutes other alerts.

    Args:
        place: the position of the rule, such as ``inhibit_rules[0]``.
        source: what the active alert must fit.
        target: what the muted alert must fit.
        equal: labels that must be equal in both; a label that both lack is equal.
    """

    place: str
    source: tuple[Matcher, ...]
    target: tuple[Matcher, ...]
    equal: tuple[str, ...]

    def mutes(self, source: Labels, target: Labels) -> bool:
        """Whether an active alert mutes another alert.

        Source: Alertmanager, ``inhibit.go``: an alert that fits both sides is not muted by another
        alert that fits both sides.
        """
        if not _all_hold(self.source, source) or not _all_hold(self.target, target):
            return False
        if any(source.get(label, "") != target.get(label, "") for label in self.equal):
            return False
        return not (_all_hold(self.source, target) and _all_hold(self.target, source))


@dataclass(frozen=True, slots=True)
class Integration:
    """One way in which a receiver notifies.

    Args:
        kind: the key of the configuration: ``webhook_configs``, ``email_configs``, …
        address: the mail's recipients; empty for another kind.
        sends_resolved: whether it notifies when an alert ends.
    """

    kind: str
    address: str
    sends_resolved: bool


@dataclass(frozen=True, slots=True)
class Routing:
    """A configuration.

    Args:
        root: the root route.
        receivers: the integrations of each receiver, by its name.
        inhibitions: the inhibition rules.
    """

    root: Route
    receivers: Mapping[str, tuple[Integration, ...]]
    inhibitions: tuple[Inhibition, ...]


def routing_of(text: str) -> Routing:
    """Read a configuration.

    Args:
        text: YAML, as in a file or as ``/api/v2/status`` returns it.

    Raises:
        RoutingError: the text is not a configuration; the message names the place.

    Source: Alertmanager documentation, configuration.
    """
    if len(text) > MAX_FILE_BYTES:
        raise RoutingError(f"the file has more than {MAX_FILE_BYTES} bytes")
    try:
        content = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise RoutingError(f"the file is not YAML: {' '.join(str(error).split())}") from error
    top = _object(content, "the file")
    root = _route(_object(top.get("route"), "route"), "route", "", DEFAULT_TIMES)
    if not root.receiver:
        raise RoutingError("route: no receiver")
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
            _route(_object(entry, f"{place}.routes[{number}]"), f"{place}.routes[{number}]",
                   receiver, texts)
            for number, entry in enumerate(below)
        ),
    )  # fmt: skip


def _matchers(
    content: Mapping[str, object], listed: str, named: str, place: str
) -> tuple[Matcher, ...]:
    """The matchers of a route or of a side of an inhibition, in each of their three forms."""
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
            raise RoutingError(f"{place}: {text!r} is not a matcher")
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
            raise RoutingError(f"{place}: {matcher} is not a regular expression") from error


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
        raise RoutingError(f"{place}: {text!r} is not a duration") from error


def _object(content: object, place: str) -> Mapping[str, object]:
    if not isinstance(content, dict):
        raise RoutingError(f"{place}: expected names and values")
    return content


def _list(content: object, place: str) -> list[object]:
    if content is None:
        return []
    if not isinstance(content, list):
        raise RoutingError(f"{place}: expected a list")
    return content


def _all_hold(matchers: tuple[Matcher, ...], labels: Labels) -> bool:
    return all(matcher.holds(labels) for matcher in matchers)
