"""Selectors with any name, the label of the colours, and the identities of series."""

import pytest

from gates.model.selector import (
    colour_label,
    extra_matchers,
    identity_of,
    is_within,
    labels_of,
    of_colour,
    parse,
)

DOTTED = '{"http.server.request.duration_count","http.route"!~"/metrics",track="$slot"}'


@pytest.mark.parametrize(
    ("selector", "labels", "matches"),
    [
        (DOTTED, {"__name__": "http.server.request.duration_count", "track": "$slot"}, True),
        (DOTTED, {"__name__": "http_server_request_duration_count", "track": "$slot"}, False),
        ('{"a.b", "c.d"="e", }', {"__name__": "a.b", "c.d": "e"}, True),
        ('{"c.d"="e","a.b"}', {"__name__": "a.b", "c.d": "e"}, True),
        ('a{"b"="c"}', {"__name__": "a", "b": "c"}, True),
        ("a{b='c'}", {"__name__": "a", "b": "c"}, True),
        (r"a{b=~`x\.y`}", {"__name__": "a", "b": "x.y"}, True),
        (r'a{b=~"x\\.y"}', {"__name__": "a", "b": "xzy"}, False),
        (r'a{b="x\ny"}', {"__name__": "a", "b": "x\ny"}, True),
        (r'a{b="\u00e9"}', {"__name__": "a", "b": "é"}, True),
        ('a{b="{c},d"}', {"__name__": "a", "b": "{c},d"}, True),
        ('a:b{c="d"} ', {"__name__": "a:b", "c": "d"}, True),
    ],
)
def test_a_selector_matches_as_in_prometheus(
    selector: str, labels: dict[str, str], *, matches: bool
) -> None:
    assert parse(selector).matches(labels) is matches


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "a}",
        'a{"b"}',
        '{"a","b"}',
        'a{b="c",,d="e"}',
        'a{b="c"}[5m]',
        'rate(a{b="c"})',
        'a{b="c"} offset 5m',
        r'a{b="\q"}',
        'a{b:c="d"}',
        'a{b="c"}x',
        'a{"b"="c"',
        "a b",
        r'a{b="\UFFFFFFFF"}',
        "a{b}",
        "{}x",
    ],
)
def test_a_text_that_is_no_selector_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a vector selector"):
        parse(text)


@pytest.mark.parametrize(
    ("selector", "label"),
    [
        ('a{slot="$slot"}', "slot"),
        ('a{b="c",track="$slot"}', "track"),
        ('a{track=~"$slot"}', "track"),
        ('a{pod=~"store-$slot-.+"}', "pod"),
        ('a{namespace="shop-$slot",track="$slot"}', "track"),
        ('{"a.b","deployment.environment"="$slot"}', "deployment.environment"),
        ('a{track!="$slot"}', ""),
        ('a{track="green"}', ""),
    ],
)
def test_the_label_of_the_colours_is_that_of_the_slot_matcher(selector: str, label: str) -> None:
    assert colour_label(selector) == label


@pytest.mark.parametrize(
    ("selector", "label", "expected"),
    [
        ('a{slot="$slot",b="c"}', "", 'a{slot="v1.2",b="c"}'),
        ('a{slot="$slot",b="c"}', "track", 'a{track="v1.2",b="c"}'),
        ('a{"x.y"="$slot"}', "track", 'a{track="v1.2"}'),
        ('a{slot="$slot"}', "x.y", 'a{"x.y"="v1.2"}'),
        ('a{pod=~"store-$slot-.+"}', "", r'a{pod=~"store-v1\\.2-.+"}'),
        ('a{pod=~"store-$slot-.+"}', "track", 'a{track="v1.2"}'),
        ('a{namespace="shop-$slot",track="$slot"}', "", 'a{namespace="shop-v1.2",track="v1.2"}'),
        ('a{b="c"}', "track", 'a{b="c"}'),
    ],
)
def test_a_selector_of_a_colour(selector: str, label: str, expected: str) -> None:
    assert of_colour(selector, "v1.2", label) == expected
    parse(expected)


def test_without_the_matchers_of_the_colour_a_selector_matches_every_colour() -> None:
    selector = parse(DOTTED, any_colour=True)
    labels = {"__name__": "http.server.request.duration_count", "track": "green"}
    assert selector.matches(labels)
    assert selector.matches({**labels, "track": "blue"})
    assert selector.label_names == {"http.route"}
    assert selector.matches_name("http.server.request.duration_count")
    assert not selector.matches_name("up")


def test_a_matcher_that_accepts_no_value_does_not_ask_for_its_label() -> None:
    assert parse('a{b="c",d=~".*",e="",f!="g"}').asks_for == {"b"}


def test_matchers_are_compared_without_their_spelling() -> None:
    narrow, wide = 'a{ "b"="c", d=~"e,f" }', "a{b='c'}"
    assert is_within(narrow, wide)
    assert not is_within(wide, narrow)
    (extra,) = extra_matchers(narrow, wide).matchers
    assert extra[0] == "d"
    assert extra[1]("e,f")


@pytest.mark.parametrize(
    "labels",
    [
        {"__name__": "a", "b": "c"},
        {"__name__": "a.b", "c.d": 'e"\\\n,}{'},
        {"__name__": "", "b": "c"},
        {"__name__": "a"},
    ],
)
def test_an_identity_has_the_labels_of_its_series(labels: dict[str, str]) -> None:
    assert labels_of(identity_of(labels, frozenset())) == labels


def test_an_identity_is_an_exposed_series() -> None:
    assert labels_of('a_total{b="c",}') == {"__name__": "a_total", "b": "c"}
    assert labels_of("a_total") == {"__name__": "a_total"}
    assert labels_of('{"a.b_total","c.d"="e"}') == {"__name__": "a.b_total", "c.d": "e"}
    with pytest.raises(ValueError, match="is not a series"):
        labels_of('a{b!="c"}')
