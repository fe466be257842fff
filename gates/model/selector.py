"""Parses PromQL vector selectors, and tests which time series a selector matches."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from gates.model.indicators import SLOT

NAME = "__name__"
# The label of a sum of time series; the value is the selector of these series, with ``$slot``.
SUM_OF = "__sum_of__"
LEGACY_METRIC = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*\Z")
LEGACY_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*\Z")
# The tokens of a selector and of an exposed series; a text in quotes may be any UTF-8 text.
TOKEN = re.compile(
    r"""\s*(?:(?P<word>[a-zA-Z_:][a-zA-Z0-9_:]*)|(?P<sign>=~|!~|!=|=)|(?P<mark>[{},])"""
    r"""|(?P<text>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`[^`]*`))"""
)
ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)", re.DOTALL)
ESCAPED = {
    "a": "\a",
    "b": "\b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "v": "\v",
    "\\": "\\",
    '"': '"',
    "'": "'",
}


@dataclass(frozen=True, slots=True)
class Matcher:
    """A condition of a selector on one label.

    Args:
        label: the label; ``__name__`` for the name of the metric.
        sign: ``=``, ``!=``, ``=~`` or ``!~``.
        value: the value or the regular expression, without quotes and escapes.
        span: the start and the end of the matcher in the text of the selector.
    """

    label: str
    sign: str
    value: str
    span: tuple[int, int] = (0, 0)

    @property
    def is_of_colour(self) -> bool:
        """Whether the matcher selects the time series of one colour: the value has ``$slot``."""
        return SLOT in self.value and self.sign in ("=", "=~")

    @property
    def parts(self) -> tuple[str, str, str]:
        """The label, the sign and the value."""
        return self.label, self.sign, self.value

    def test(self) -> Callable[[str], bool]:
        """Return a function that says whether a value of the label satisfies the matcher.

        Source: Prometheus documentation, querying basics: a regular expression matches the whole
        value.
        """
        if self.sign == "=":
            return self.value.__eq__
        if self.sign == "!=":
            return self.value.__ne__
        pattern = re.compile(self.value)
        if self.sign == "=~":
            return lambda text: pattern.fullmatch(text) is not None
        return lambda text: pattern.fullmatch(text) is None


@dataclass(frozen=True, slots=True)
class Selector:
    """A parsed selector; it matches a time series if every matcher of the selector matches.

    A label that a time series does not have counts as empty.

    Args:
        matchers: pairs of a label and a function that tests the value of the label.
        asks_for: the labels whose matchers exclude the empty value, as in ``status="200"`` or
            ``status!~"|2.."``; the metric name is left out.
        label_names: the labels of all matchers, without the metric name.
        excludes_empty: the labels with a negative matcher (``!=`` or ``!~``) that excludes the
            empty value.
        text: the text of the selector; a sum of time series matches if its label ``__sum_of__`` is
            this text.
    """

    matchers: tuple[tuple[str, Callable[[str], bool]], ...]
    asks_for: frozenset[str] = frozenset()
    label_names: frozenset[str] = frozenset()
    text: str = ""
    excludes_empty: frozenset[str] = frozenset()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Return whether the selector matches a time series with these labels and metric name."""
        if self.text and SUM_OF in labels:
            return labels[SUM_OF] == self.text
        return all(holds(labels.get(name, "")) for name, holds in self.matchers)

    def matches_name(self, metric: str) -> bool:
        """Return whether the selector may match a time series of a metric, for any labels."""
        return all(holds(metric) for name, holds in self.matchers if name == NAME)


@lru_cache(maxsize=1000)
def parse(text: str, *, any_colour: bool = False) -> Selector:
    """Parse a selector such as ``name{label="value",other=~"a|b"}``.

    Names in quotes are accepted, too: ``{"http.server.request.duration_count","http.route"="/a"}``.

    Args:
        text: the selector.
        any_colour: whether to leave out the matchers of the colour, such as ``slot="$slot"``.

    Raises:
        ValueError: the text is not a vector selector.
        re.error: a regular expression is invalid.

    Source: Prometheus documentation, querying basics: instant vector selectors.
    """
    matchers = [
        matcher for matcher in matchers_of(text) if not (any_colour and matcher.is_of_colour)
    ]
    tests = [(matcher, matcher.test()) for matcher in matchers]
    return Selector(
        tuple((matcher.label, test) for matcher, test in tests),
        frozenset(
            matcher.label for matcher, test in tests if matcher.label != NAME and not test("")
        ),
        frozenset(matcher.label for matcher in matchers if matcher.label != NAME),
        text,
        frozenset(
            matcher.label for matcher, test in tests if matcher.sign[0] == "!" and not test("")
        ),
    )


@lru_cache(maxsize=1000)
def matchers_of(text: str) -> tuple[Matcher, ...]:
    """Return the matchers of a selector, in the order of the text.

    The metric name is a matcher of the label ``__name__``.

    Raises:
        ValueError: the text is not a vector selector.
    """
    try:
        return tuple(_Reader(text).matchers())
    except (ValueError, IndexError, OverflowError):
        raise ValueError(f"{text!r} is not a vector selector") from None


def colour_label(text: str) -> str:
    """Return the label that tells the colours apart in a selector.

    Args:
        text: the selector.

    Returns:
        The label of the matcher with ``$slot``; an empty text where no matcher has ``$slot``. Of
        several such matchers, the first matcher whose whole value is ``$slot`` counts.

    Raises:
        ValueError: the text is not a vector selector.
    """
    of_colour = [matcher for matcher in matchers_of(text) if matcher.is_of_colour]
    of_colour.sort(key=lambda matcher: matcher.value != SLOT)
    return of_colour[0].label if of_colour else ""


def metric_name(text: str) -> str:
    """Return the metric name in a selector; empty where the selector has no exact name.

    Raises:
        ValueError: the text is not a vector selector.
    """
    names = (matcher for matcher in matchers_of(text) if matcher.label == NAME)
    return next((matcher.value for matcher in names if matcher.sign == "="), "")


def rewritten(text: str, *, metric: str = "", without: str = "") -> str:
    """Return a selector with another metric name, or without the matchers of a label.

    Args:
        text: the selector.
        metric: the new name of the metric; an empty text keeps the name.
        without: the label whose matchers are left out; an empty text keeps every label.

    Raises:
        ValueError: the text is not a vector selector.
    """
    name = metric or metric_name(text)
    inner = [
        f"{label_text(matcher.label)}{matcher.sign}{quoted(matcher.value)}"
        for matcher in matchers_of(text)
        if matcher.label != without and (matcher.label, matcher.sign) != (NAME, "=")
    ]
    if name and not LEGACY_METRIC.match(name):
        name, inner = "", [quoted(name), *inner]
    return f"{name}{{{','.join(inner)}}}"


def of_colour(text: str, slot: str, label: str = "") -> str:
    """Return the selector of one colour: ``$slot`` is replaced by the value of the colour.

    Args:
        text: the selector; a selector without ``$slot`` is returned unchanged.
        slot: the value of the label that tells the colours apart, such as ``green``.
        label: the label that replaces the label of the ``$slot`` matcher; an empty text keeps the
            label of the selector.

    Raises:
        ValueError: the text is not a vector selector.
    """
    if SLOT not in text:
        return text
    parts, at = [], 0
    for matcher in matchers_of(text):
        if not matcher.is_of_colour:
            continue
        begin, end = matcher.span
        if label:
            replaced = f"{label_text(label)}={quoted(slot)}"
        else:
            value = quoted(re.escape(slot) if matcher.sign == "=~" else slot)[1:-1]
            replaced = text[begin:end].replace(SLOT, value)
        parts += [text[at:begin], replaced]
        at = end
    return "".join((*parts, text[at:]))


def is_within(narrow: str, wide: str) -> bool:
    """Return whether a selector has the metric name and all matchers of a wider selector.

    Then the wide selector matches every time series that the narrow selector matches.

    Args:
        narrow: the selector with more matchers.
        wide: the selector with fewer matchers.
    """
    return _parts(wide) <= _parts(narrow)


def extra_matchers(narrow: str, wide: str) -> Selector:
    """Return a selector with the matchers of the narrow selector that the wide selector lacks.

    Matchers of the metric name are left out.

    Args:
        narrow: the selector with more matchers.
        wide: the selector with fewer matchers.
    """
    extra = sorted(_parts(narrow) - _parts(wide))
    labels = frozenset(label for label, _, _ in extra if label != NAME)
    tests = tuple((parts[0], Matcher(*parts).test()) for parts in extra if parts[0] != NAME)
    return Selector(tests, labels, labels)


@lru_cache(maxsize=1000)
def _parts(text: str) -> frozenset[tuple[str, str, str]]:
    return frozenset(matcher.parts for matcher in matchers_of(text))


@lru_cache(maxsize=200_000)
def labels_of(identity: str) -> Mapping[str, str]:
    """Return the labels and the metric name of a time series ``name{label="value",…}``.

    Args:
        identity: the text that ``identity_of`` returned, or the text before the value in a line of
            exported metrics.

    Raises:
        ValueError: the text is not the name of a time series.

    Source: Prometheus exposition formats, text-based format; names in quotes may be UTF-8 texts.
    """
    labels: dict[str, str] = {NAME: ""}
    for matcher in matchers_of(identity):
        if matcher.sign != "=":
            raise ValueError(f"{identity[:200]!r} is not a series")
        labels[matcher.label] = matcher.value
    return labels


def identity_of(labels: Mapping[str, str], without: frozenset[str]) -> str:
    """Return the text ``name{label="value",…}`` of a time series; ``labels_of`` reads this text.

    Args:
        labels: the labels, with the metric name.
        without: the labels that are left out of the text.
    """
    metric = labels.get(NAME, "")
    inner = [
        f"{label_text(name)}={quoted(value)}"
        for name, value in sorted(labels.items())
        if name != NAME and name not in without
    ]
    if metric and not LEGACY_METRIC.match(metric):
        metric, inner = "", [quoted(metric), *inner]
    return f"{metric}{{{','.join(inner)}}}"


def label_text(name: str) -> str:
    """Return a label name in the notation of a selector: in quotes where quotes are needed."""
    return name if LEGACY_LABEL.match(name) else quoted(name)


def quoted(value: str) -> str:
    """Return a text in quotes, with the escape sequences that a selector needs."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


class _Reader:
    """Reads the tokens of a selector; raises ``ValueError`` where the text is no selector."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = list(_tokens(text))
        self._at = 0

    def matchers(self) -> Iterator[Matcher]:
        """The matchers of the whole text."""
        named = self._kind() == "word"
        if named:
            _, value, span = self._take()
            yield Matcher(NAME, "=", value, span)
        if self._at == len(self._tokens):
            if not named:
                raise ValueError
            return
        self._mark("{")
        while self._kind() != "mark":
            matcher = self._matcher()
            if matcher.label == NAME and matcher.sign == "=" and named:
                raise ValueError
            named = named or (matcher.label == NAME and matcher.sign == "=")
            yield matcher
            if self._tokens[self._at][1] != "}":
                self._mark(",")
        self._mark("}")
        if self._at < len(self._tokens):
            raise ValueError

    def _matcher(self) -> Matcher:
        """The next matcher, or the name of the metric in quotes."""
        kind, label, (begin, end) = self._take()
        if kind not in ("word", "text"):
            raise ValueError
        if self._kind() != "sign":
            if kind != "text":
                raise ValueError
            return Matcher(NAME, "=", label, (begin, end))
        if kind == "word" and not LEGACY_LABEL.match(label):
            raise ValueError
        sign = self._take()[1]
        kind, value, (_, end) = self._take()
        if kind != "text":
            raise ValueError
        return Matcher(label, sign, value, (begin, end))

    def _kind(self) -> str:
        return self._tokens[self._at][0]

    def _take(self) -> tuple[str, str, tuple[int, int]]:
        self._at += 1
        return self._tokens[self._at - 1]

    def _mark(self, mark: str) -> None:
        kind, value, _ = self._take()
        if (kind, value) != ("mark", mark):
            raise ValueError


def _tokens(text: str) -> Iterator[tuple[str, str, tuple[int, int]]]:
    """The tokens of a text: the kind, the value and the span of each."""
    at, end = 0, len(text.rstrip())
    while at < end:
        token = TOKEN.match(text, at)
        if token is None:
            raise ValueError
        kind = str(token.lastgroup)
        value = token[kind]
        if kind == "text":
            raw = value[0] == "`"
            value = value[1:-1] if raw else ESCAPE.sub(_unescaped, value[1:-1])
        yield kind, value, token.span(kind)
        at = token.end()


def _unescaped(escape: re.Match[str]) -> str:
    """The character of an escape sequence.

    Raises:
        ValueError: Prometheus has no such escape sequence.
    """
    code = escape[1]
    if len(code) > 1:
        return chr(int(code[1:], 16))
    if code not in ESCAPED:
        raise ValueError
    return ESCAPED[code]
