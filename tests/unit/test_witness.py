"""The second witness on samples made by hand: when it agrees, contradicts, or has seen nothing."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from worlds import ROOT

from gates.model import Measured, Sample, SampleSet, Series
from gates.policy import policy_file as policy
from gates.policy import target_file as target
from gates.ramp.request_counts import ConfirmedMove
from gates.ramp.witness import Opinion, Witness, WitnessReport

MOVED = 1000.0
Points = dict[float, float]


def answer(*series: Series, measured: Measured = Measured.OK) -> SampleSet:
    return SampleSet(
        query="q",
        source="http://p",
        window=timedelta(seconds=300),
        evaluated_at=MOVED + 60,
        measured=measured if series or measured is not Measured.OK else Measured.NO_DATA,
        problem="" if series else "no series matches",
        series=series,
    )


NOTHING_SERVED = (answer(), answer())


def weight(server: str, points: Points) -> Series:
    labels = {"server": server, "proxy": "store", "instance": "balancer:1"}
    return Series(labels, tuple(Sample(*point) for point in points.items()))


def counter(points: Points) -> Series:
    return Series({"instance": "i:1"}, tuple(Sample(*point) for point in points.items()))


def weights_of(green: Points, *names: str) -> SampleSet:
    """Green's share in percent; the rest is blue's."""
    blue = {at: 100 - share for at, share in green.items()}
    servers = names or ("green",)
    each = {at: share / len(servers) for at, share in green.items()}
    return answer(*(weight(name, each) for name in servers), weight("blue", blue))


RELEASE = policy.load(ROOT / "policies" / "release.toml")
WITNESS = Witness("http://p", "green", "blue").with_policy(RELEASE)


def look(
    monkeypatch: pytest.MonkeyPatch, share: float, weights: SampleSet, **settings: Any
) -> WitnessReport:
    """What the witness says of a move at ``MOVED``.

    ``served`` is green's and blue's counters, ``before`` green's share before the move, and
    ``witness`` a witness with other settings.
    """
    witness: Witness = settings.get("witness", WITNESS)
    green, blue = settings.get("served", NOTHING_SERVED)
    answers = {
        witness.weights: weights,
        witness.requests.replace("$slot", "green"): green,
        witness.requests.replace("$slot", "blue"): blue,
    }
    monkeypatch.setattr(Witness, "_samples", lambda _, selector, __: answers[selector])
    return witness.look(ConfirmedMove(share, MOVED, settings.get("before")))


def rising(each: float, times: int = 8, since: float = MOVED - 60) -> SampleSet:
    """A counter that rises by so many every 15 s."""
    return answer(counter({since + 15 * n: each * n for n in range(times)}))


WEIGHTS = {
    "the share": ({1010.0: 10.0}, 0.1, Opinion.AGREES),
    "only before the move": ({990.0: 10.0}, 0.1, Opinion.NOT_YET),
    "other weights once": ({990.0: 0.0, 1010.0: 90.0}, 0.1, Opinion.NOT_YET),
    "other weights twice": ({1010.0: 90.0, 1025.0: 90.0}, 0.1, Opinion.CONTRADICTS),
    "late, then the share": ({1010.0: 0.0, 1025.0: 10.0}, 0.1, Opinion.AGREES),
    "one percent left": ({1010.0: 1.0, 1025.0: 1.0}, 0.0, Opinion.CONTRADICTS),
    "nothing": ({1010.0: 0.0}, 0.0, Opinion.AGREES),
}


@pytest.mark.parametrize("name", WEIGHTS)
def test_weights(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    points, share, opinion = WEIGHTS[name]
    report = look(monkeypatch, share, weights_of(points))
    assert (report.opinion, report.weights_scraped) == (opinion, True)


def test_several_servers_of_a_colour_count_together(monkeypatch: pytest.MonkeyPatch) -> None:
    weights = weights_of({1010.0: 20.0}, "green-1", "green2")
    assert look(monkeypatch, 0.2, weights).opinion is Opinion.AGREES


SERVERS = {
    "named otherwise than the slot": (("canary-a", "canary-b"), ("canary-a", "canary-b"), True),
    "like the slot, and not in the file": (("canary-a",), ("canary-a", "green-2"), False),
    "missing at the balancer": (("canary-a", "canary-b"), ("canary-a",), False),
    "no file is known": ((), ("green", "green-2"), True),
}


@pytest.mark.parametrize("name", SERVERS)
def test_the_servers_of_green_are_those_of_the_target_file(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    servers, present, agrees = SERVERS[name]
    weights = weights_of({1010.0: 20.0, 1025.0: 20.0}, *present)
    witness = replace(WITNESS, servers=servers)
    report = look(monkeypatch, 0.2, weights, witness=witness)
    assert (report.opinion is Opinion.AGREES) is agrees


def test_the_witness_of_a_target_reads_its_servers_and_its_addresses() -> None:
    green = target.load("green", ROOT / "targets")
    loaded = policy.load(ROOT / "policies" / "release.toml")
    witness = Witness.of_target(loaded, replace(green, servers=("canary-a",)))
    assert (witness.prometheus, witness.green, witness.blue, witness.servers) == (
        "http://127.0.0.1:9090",
        "green",
        "blue",
        ("canary-a",),
    )


def test_a_second_balancer_that_has_not_moved_is_no_agreement(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = weights_of({1010.0: 0.0, 1025.0: 0.0})
    second = weights_of({1010.0: 50.0, 1025.0: 50.0})
    other = tuple(
        Series({**line.labels, "instance": "balancer:2"}, line.samples) for line in second.series
    )
    report = look(monkeypatch, 0.0, answer(*first.series, *other))
    assert report.opinion is Opinion.CONTRADICTS


def test_weights_that_are_no_numbers_are_not_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    weights = weights_of({1010.0: float("nan"), 1025.0: float("nan")})
    assert look(monkeypatch, 0.0, weights).opinion is Opinion.NOT_YET


def test_a_query_that_fails_is_not_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    report = look(monkeypatch, 0.0, answer(measured=Measured.ERROR))
    assert (report.opinion, report.weights_scraped) == (Opinion.NOT_SEEN, True)


REQUESTS = {
    "the share": (0.1, 10, 90, Opinion.AGREES),
    "far over": (0.1, 90, 10, Opinion.CONTRADICTS),
    "a little over": (0.1, 20, 80, Opinion.NOT_YET),
    "under": (0.9, 10, 90, Opinion.NOT_YET),
    "too few": (0.1, 3, 1, Opinion.NOT_YET),
    "green stopped": (0.0, 0, 90, Opinion.AGREES),
    "green goes on": (0.0, 5, 90, Opinion.CONTRADICTS),
    "nobody shops": (0.0, 0, 0, Opinion.NOT_SEEN),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_requests_tell_where_no_weights_are_scraped(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    share, green, blue, opinion = REQUESTS[name]
    served = (rising(green, 12, MOVED + 1), rising(blue, 12, MOVED + 1))
    report = look(monkeypatch, share, answer(), served=served)
    assert (report.opinion, report.weights_scraped) == (opinion, False)


def test_requests_contradict_although_the_weights_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    weights = weights_of({1010.0: 10.0, 1025.0: 10.0})
    report = look(monkeypatch, 0.1, weights, served=(rising(90, 12), rising(10, 12)))
    assert report.weights.opinion is Opinion.AGREES
    assert report.opinion is Opinion.CONTRADICTS


MIRRORED = {
    "turned": ({980.0: 0.0, 1010.0: 90.0, 1025.0: 90.0}, 0.0, True),
    "labels the wrong way round": ({980.0: 100.0, 1010.0: 90.0, 1025.0: 90.0}, 0.0, False),
    "nothing moved": ({980.0: 90.0, 1010.0: 90.0, 1025.0: 90.0}, 0.9, False),
    "neither": ({980.0: 0.0, 1010.0: 50.0, 1025.0: 50.0}, 0.0, False),
    "once": ({980.0: 0.0, 1010.0: 90.0}, 0.0, False),
    "before is unknown": ({980.0: 0.0, 1010.0: 90.0, 1025.0: 90.0}, None, True),
}


@pytest.mark.parametrize("name", MIRRORED)
def test_an_endpoint_that_swaps_the_colours_is_known(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    points, before, mirrored = MIRRORED[name]
    assert look(monkeypatch, 0.1, weights_of(points), before=before).mirrored is mirrored


def test_requests_that_say_the_opposite_outweigh_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    weights = weights_of({980.0: 50.0, 1010.0: 100.0, 1025.0: 100.0})
    report = look(monkeypatch, 0.0, weights, served=(rising(0), rising(90)))
    assert report.mirrored is False
    assert report.opinion is Opinion.CONTRADICTS


def test_the_policy_names_the_series() -> None:
    witness = Witness("http://p", "green", "blue").with_policy(RELEASE)
    assert witness.weights == 'haproxy_server_weight{proxy="store"}'
    assert "$slot" in witness.requests


def test_without_a_policy_the_witness_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    witness = Witness("http://p", "green", "blue")
    report = look(monkeypatch, 0.1, weights_of({1010.0: 10.0}), witness=witness)
    assert report.opinion is Opinion.NOT_SEEN
    assert report.sentence == "no policy names the time series of weights and requests"


def test_the_target_names_the_label_of_the_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    selectors: list[str] = []

    def samples(_: Witness, selector: str, __: float) -> SampleSet:
        selectors.append(selector)
        return answer()

    monkeypatch.setattr(Witness, "_samples", samples)
    green = replace(target.load("green", ROOT / "targets"), colour_label="track")
    Witness.of_target(RELEASE, green).look(ConfirmedMove(0.1, MOVED))
    assert [selector.partition(",")[0] for selector in selectors[1:]] == [
        'http_requests_total{track="green"',
        'http_requests_total{track="blue"',
    ]


def test_a_scrape_of_one_colour_alone_is_no_contradiction(monkeypatch: pytest.MonkeyPatch) -> None:
    """Prometheus scrapes the colours at different moments of its interval."""
    green = answer(counter({MOVED - 1: 0.0, MOVED + 4: 1000.0, MOVED + 5: 1210.0}))
    blue = answer(counter({MOVED - 1: 0.0, MOVED + 2: 800.0, MOVED + 4.9: 1300.0}))
    report = look(monkeypatch, 0.5, answer(), served=(green, blue))
    assert report.requests.opinion is Opinion.NOT_YET
    assert (
        report.requests.sentence
        == "so far, Prometheus has scraped only one colour often enough after the move"
    )


def test_one_scraped_instance_of_several_is_no_contradiction(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each instance is scraped at a moment of its own; here one of ten of blue is ahead."""
    green = answer(counter({MOVED - 10: 0.0, MOVED + 4: 100.0, MOVED + 19: 550.0}))
    ahead = counter({MOVED - 11: 0.0, MOVED + 4: 50.0, MOVED + 19: 150.0})
    others = [counter({MOVED - 12: 0.0, MOVED + 2: 40.0, MOVED + 17: 150.0}) for _ in range(9)]
    report = look(monkeypatch, 0.3, answer(), served=(green, answer(ahead, *others)))
    assert report.requests.opinion is Opinion.NOT_YET
    gone = [counter({MOVED - 27: 0.0, MOVED - 12: 140.0}) for _ in range(4)]
    report = look(monkeypatch, 0.3, answer(), served=(green, answer(ahead, *gone)))
    assert report.requests.opinion is Opinion.NOT_YET
