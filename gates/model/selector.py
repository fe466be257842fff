"""Parses vector selectors, and matches time series with them."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

MATCHER = re.compile(r'\s*([a-zA-Z_]\w*)\s*(=~|!~|!=|=)\s*"((?:[^"\\]|\\.)*)"\s*(?:,|$)')
LABEL = re.compile(r'([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"')
ESCAPE = re.compile(r"\\(.)")
NAME = "__name__"


@dataclass(frozen=True, slots=True)
class Selector:
    """A parsed selector; a series matches when every matcher matches.

    A label that a series does not have counts as empty.

    Args:
        matchers: a label, and the test of its value.
        asks_for: the labels that must have a value; the metric name is not among them.
    """

    matchers: tuple[tuple[str, Callable[[str], bool]], ...]
    asks_for: frozenset[str] = frozenset()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether the selector matches a series with these labels, the metric name among them."""
        return all(holds(labels.get(name, "")) for name, holds in self.matchers)


@lru_cache(maxsize=1000)
def parse(text: str, without: str = "") -> Selector:
    """Parse a selector such as ``name{label="value",other=~"a|b"}``.

    Args:
        text: the selector.
        without: a label whose matchers are left out; an empty text for none.

    Raises:
        ValueError: the text is not a vector selector.

    Source: Prometheus documentation, querying basics: instant vector selectors; regular
    expressions match as a whole.
    """
    name, brace, rest = text.partition("{")
    if brace and not rest.endswith("}"):
        raise ValueError(f"{text!r} is not a vector selector")
    matchers = [(NAME, "=", name.strip())] if name.strip() else []
    inner, at = rest.removesuffix("}"), 0
    while at < len(inner.rstrip()):
        matcher = MATCHER.match(inner, at)
        if matcher is None:
            raise ValueError(f"{text!r} is not a vector selector")
        matchers.append((matcher[1], matcher[2], ESCAPE.sub(r"\1", matcher[3])))
        at = matcher.end()
    kept = [parts for parts in matchers if parts[0] != without]
    return Selector(
        tuple((label, _test(sign, value)) for label, sign, value in kept),
        frozenset(label for label, sign, _ in kept if sign in ("=", "=~") and label != NAME),
    )


def is_within(narrow: str, wide: str) -> bool:
    """Whether one selector has the name and all matchers of another.

    Then every series that the narrow selector matches is matched by the wide one, too.

    Args:
        narrow: the selector with more matchers.
        wide: the selector with fewer matchers.
    """
    parts = [_parts(text) for text in (narrow, wide)]
    return parts[0][0] == parts[1][0] and parts[1][1] <= parts[0][1]


def extra_matchers(narrow: str, wide: str) -> Selector:
    """A selector with the matchers that one selector has and another does not have.

    Args:
        narrow: the selector with more matchers.
        wide: the selector with fewer matchers.
    """
    (_, narrow_matchers), (_, wide_matchers) = _parts(narrow), _parts(wide)
    extra = sorted(narrow_matchers - wide_matchers)
    return Selector(
        tuple((label, _test(sign, ESCAPE.sub(r"\1", value))) for label, sign, value in extra),
        frozenset(label for label, _, _ in extra),
    )


@lru_cache(maxsize=1000)
def _parts(text: str) -> tuple[str, frozenset[tuple[str, ...]]]:
    name, _, rest = text.partition("{")
    return name.strip(), frozenset(MATCHER.findall(rest.rstrip().removesuffix("}")))


def _test(sign: str, value: str) -> Callable[[str], bool]:
    if sign == "=":
        return value.__eq__
    if sign == "!=":
        return value.__ne__
    pattern = re.compile(value)
    if sign == "=~":
        return lambda text: pattern.fullmatch(text) is not None
    return lambda text: pattern.fullmatch(text) is None


@lru_cache(maxsize=200_000)
def labels_of(identity: str) -> Mapping[str, str]:
    """The labels of an identity ``name{label="value",…}``, with the metric name."""
    name, _, rest = identity.partition("{")
    labels = {label: ESCAPE.sub(r"\1", value) for label, value in LABEL.findall(rest)}
    return {NAME: name, **labels}


def identity_of(labels: Mapping[str, str], without: frozenset[str]) -> str:
    """The identity of a series, as ``labels_of`` reads it.

    Args:
        labels: the labels, with the metric name.
        without: labels that are left out.
    """
    inner = ",".join(
        f'{name}="{_escaped(value)}"'
        for name, value in sorted(labels.items())
        if name != NAME and name not in without
    )
    return f"{labels.get(NAME, '')}{{{inner}}}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"')
