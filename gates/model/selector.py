"""Which series a plain vector selector means."""

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
    """A parsed selector: every matcher must hold; a missing label is an empty one.

    Args:
        matchers: label and test.
        asks_for: the labels that must have some value, the name apart.
    """

    matchers: tuple[tuple[str, Callable[[str], bool]], ...]
    asks_for: frozenset[str] = frozenset()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether it means the series with these labels, its name among them."""
        return all(holds(labels.get(name, "")) for name, holds in self.matchers)


@lru_cache(maxsize=1000)
def parse(text: str, without: str = "") -> Selector:
    """Read a selector such as ``name{label="value",other=~"a|b"}``.

    Args:
        text: the selector.
        without: a label whose matcher is left out.

    Raises:
        ValueError: it is not one.

    Source: Prometheus documentation, querying basics: instant vector selectors; regular
    expressions match as a whole.
    """
    name, brace, rest = text.partition("{")
    if brace and not rest.endswith("}"):
        raise ValueError(f"{text!r} is not a vector selector")
    matchers = [(NAME, "=", name.strip())] if name.strip() else []
    inner, at = rest.removesuffix("}"), 0
    while at < len(inner.rstrip()):
        found = MATCHER.match(inner, at)
        if found is None:
            raise ValueError(f"{text!r} is not a vector selector")
        matchers.append((found[1], found[2], ESCAPE.sub(r"\1", found[3])))
        at = found.end()
    kept = [one for one in matchers if one[0] != without]
    return Selector(
        tuple((label, _test(sign, value)) for label, sign, value in kept),
        frozenset(label for label, sign, _ in kept if sign in ("=", "=~") and label != NAME),
    )


def is_within(narrow: str, wide: str) -> bool:
    """Whether every series of one selector is a series of another, as far as the text shows it.

    Args:
        narrow: a selector with the wide one's name and every one of its matchers.
        wide: the other one.
    """
    parts = [_parts(text) for text in (narrow, wide)]
    return parts[0][0] == parts[1][0] and parts[1][1] <= parts[0][1]


def extra_matchers(narrow: str, wide: str) -> Selector:
    """The matchers that one selector has and another has not.

    Args:
        narrow: the selector with more of them.
        wide: the other one.
    """
    (_, ours), (_, others) = _parts(narrow), _parts(wide)
    extra = sorted(ours - others)
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
    """The labels of ``name{label="value",…}``, its name among them."""
    name, _, rest = identity.partition("{")
    found = {label: ESCAPE.sub(r"\1", value) for label, value in LABEL.findall(rest)}
    return {NAME: name, **found}


def identity_of(labels: Mapping[str, str], without: frozenset[str]) -> str:
    """What ``labels_of`` reads, from labels with the name among them."""
    inner = ",".join(
        f'{name}="{_escaped(value)}"'
        for name, value in sorted(labels.items())
        if name != NAME and name not in without
    )
    return f"{labels.get(NAME, '')}{{{inner}}}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"')
