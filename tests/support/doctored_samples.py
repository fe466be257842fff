"""What can be wrong with the metrics of a passing ramp: changes of a place that says GO."""

import math
from collections.abc import Callable
from typing import Any

from bundle import Line
from proving import Place

Change = Callable[[Place], object]
REQUESTS = "http_requests_total"
BUCKETS = "http_request_duration_seconds_bucket"
COUNT = "http_request_duration_seconds_count"
STARTS = "process_start_time_seconds"
BUILD = "kirana_build_info"
WEIGHT = "haproxy_server_weight"
PAYMENTS = "payments_total"
LIVE = (REQUESTS, BUCKETS, COUNT)
GREEN: dict[str, str] = {"slot": "green"}


def all_of(*changes: Change) -> Change:
    """One after the other."""

    def change(place: Place) -> None:
        for one_of_them in changes:
            one_of_them(place)

    return change


def having(**values: Any) -> Change:
    """The place has other values."""

    def change(place: Place) -> None:
        for name, value_of in values.items():
            setattr(place, name, value_of)

    return change


def points(
    how: Callable[[float, float], tuple[float, float]], *names: str, **labels: str
) -> Change:
    """Every point of some series is another one; of all, without names."""

    def change(place: Place) -> None:
        chosen = place.metrics.named(*names, **labels) if names else place.metrics.lines
        for line in chosen:
            line.points = [how(at, v) for at, v in line.points]

    return change


def value(new: float, *names: str, **labels: str) -> Change:
    """The newest point of each series is another one."""

    def change(place: Place) -> None:
        for line in place.metrics.named(*names, **labels):
            line.points[-1] = (line.points[-1][0], new)

    return change


def lost(since: float, until: float, *names: str, **labels: str) -> Change:
    """No points from so many seconds ago until so many seconds ago."""
    return lambda place: place.metrics.keep(
        lambda at: not place.metrics.now - since <= at <= place.metrics.now - until,
        *names,
        **labels,
    )


def failing(share: float, since: float, **labels: str) -> Change:
    """From so many seconds ago on, such a share of green's requests fails."""

    def change(place: Place) -> None:
        begin = place.metrics.now - since
        goods = list(place.metrics.named(REQUESTS, slot="green", status="200", **labels))
        for good in goods:
            before = max((v for at, v in good.points if at <= begin), default=0.0)
            moved = {at: round((v - before) * share) for at, v in good.points if at > begin}
            good.points = [(at, v - moved.get(at, 0)) for at, v in good.points]
            for bad in place.metrics.named(REQUESTS, slot="green", status="500"):
                if bad.labels["instance"] == good.labels["instance"]:
                    bad.points = [(at, v + moved.get(at, 0)) for at, v in bad.points]

    return change


def slow(share: float, since: float, *edges: str) -> Change:
    """From so many seconds ago on, such a share of requests is in none of these buckets."""

    def change(place: Place) -> None:
        begin = place.metrics.now - since
        for edge in edges:
            for line in place.metrics.named(BUCKETS, slot="green", le=edge):
                before = max((v for at, v in line.points if at <= begin), default=0.0)
                line.points = [
                    (at, v if at <= begin else before + round((v - before) * (1 - share)))
                    for at, v in line.points
                ]

    return change


def relabel(name: str, new: str, *names: str, **labels: str) -> Change:
    def change(place: Place) -> None:
        for line in place.metrics.named(*names, **labels):
            line.labels[name] = new

    return change


def swapped(place: Place) -> None:
    other = {"green": "blue", "blue": "green"}
    for line in place.metrics.lines:
        if "slot" in line.labels and line.labels["__name__"] != BUILD:
            line.labels["slot"] = other[line.labels["slot"]]


def twice(place: Place) -> None:
    place.metrics.lines += [
        Line({**line.labels, "job": "again"}, list(line.points))
        for line in place.metrics.named(*LIVE, slot="green")
    ]


def spelled(place: Place) -> None:
    """A bucket changes its name in the middle."""
    half = place.metrics.now - 300
    for line in list(place.metrics.named(BUCKETS, slot="green", le="1.0")):
        place.metrics.lines.append(
            Line({**line.labels, "le": "1"}, [p for p in line.points if p[0] > half])
        )
        line.points = [p for p in line.points if p[0] <= half]


def falling(place: Place) -> None:
    """Counters run backwards, and no process started anew: every sample counts as a restart."""
    for line in place.metrics.named(*LIVE, slot="green"):
        top = line.points[-1][1]
        line.points = [(at, top - v) for at, v in line.points]


def moved(share: float, since: float) -> Change:
    """The balancer's weights were another share from then on."""

    def change(place: Place) -> None:
        for line in place.metrics.named(WEIGHT):
            own = share if line.labels["server"] == "green" else 1 - share
            begin = place.metrics.now - since
            line.points = [(at, 100 * own if at > begin else v) for at, v in line.points]

    return change


def crashing(place: Place) -> None:
    """Green starts anew every minute."""
    for line in place.metrics.named(STARTS, slot="green"):
        line.points = [(at, at - at % 60) for at, _ in line.points]


def two_processes(place: Place) -> None:
    """Two processes answer by turns at one address."""
    for line in place.metrics.named(STARTS, slot="green"):
        line.points = [(at, 1e6 if n % 2 else 2e6) for n, (at, _) in enumerate(line.points)]


def failing_with(status: str) -> Change:
    """Half of green's requests fail, and green gives the failures another status."""

    def change(place: Place) -> None:
        failing(0.5, 300)(place)
        relabel("status", status, REQUESTS, slot="green", status="500")(place)

    return change


SAMPLES: dict[str, Change] = {
    "failures with a text": failing_with("500 Internal Server Error"),
    "failures with a word": failing_with("error"),
    "failures of a class": failing_with("5xx"),
    "failures without a status": failing_with(""),
    "NaN for green's requests": value(math.nan, REQUESTS, **GREEN),
    "NaN for green's errors": value(math.nan, REQUESTS, slot="green", status="500"),
    "infinite requests": value(math.inf, REQUESTS, slot="green", status="200"),
    "infinite errors": value(math.inf, REQUESTS, slot="green", status="500"),
    "minus infinity": value(-math.inf, REQUESTS, **GREEN),
    "a negative count": value(-5.0, REQUESTS, **GREEN),
    "NaN for a bucket": value(math.nan, BUCKETS, slot="green", le="1.0"),
    "NaN for a weight": value(math.nan, WEIGHT),
    "an infinite weight": value(math.inf, WEIGHT, server="green"),
    "NaN for a start": value(math.nan, STARTS, **GREEN),
    "NaN for payments": value(math.nan, PAYMENTS, **GREEN),
    "NaN for blue's requests": value(math.nan, REQUESTS, slot="blue"),
    "negative increments": falling,
    "a bucket larger than all": lambda p: p.metrics.change(
        lambda _, v: 3 * v + 9, BUCKETS, slot="green", le="1.0"
    ),
    "more errors than requests": lambda p: p.metrics.change(
        lambda _, v: 0 * v, REQUESTS, slot="green", status="200"
    ),
    "green's requests gone": lambda p: p.metrics.drop(REQUESTS, **GREEN),
    "green's error series gone since a minute": lost(62, -9, REQUESTS, slot="green", status="500"),
    "green's good series gone": lambda p: p.metrics.drop(REQUESTS, slot="green", status="200"),
    "green's buckets gone": lambda p: p.metrics.drop(BUCKETS, **GREEN),
    "green's latency counts gone": lambda p: p.metrics.drop(COUNT, **GREEN),
    "green's payments gone": lambda p: p.metrics.drop(PAYMENTS, **GREEN),
    "green's starts gone": lambda p: p.metrics.drop(STARTS, **GREEN),
    "green's build gone": lambda p: p.metrics.drop(BUILD, **GREEN),
    "blue's requests gone": lambda p: p.metrics.drop(REQUESTS, slot="blue"),
    "blue's buckets gone": lambda p: p.metrics.drop(BUCKETS, slot="blue"),
    "the weights gone": lambda p: p.metrics.drop(WEIGHT),
    "green's weight gone": lambda p: p.metrics.drop(WEIGHT, server="green"),
    "blue's weight gone": lambda p: p.metrics.drop(WEIGHT, server="blue"),
    "no series at all": lambda p: p.metrics.lines.clear(),
    "green not seen for two minutes": lost(120, -9, slot="green"),
    "green's errors not seen for two minutes": lost(120, -9, REQUESTS, slot="green", status="500"),
    "blue not seen for two minutes": lost(120, -9, slot="blue"),
    "weights not seen for two minutes": lost(120, -9, WEIGHT),
    "the build not seen for two minutes": lost(120, -9, BUILD, **GREEN),
    "nothing seen for an hour": lost(3600, -9),
    "half of the step not seen": lost(500, 180, slot="green"),
    "nine minutes not seen, then one point": lost(590, 20, slot="green"),
    "one point in the window": lambda p: p.metrics.keep(
        lambda at: at > p.metrics.now - 15, slot="green"
    ),
    "green known since a minute": lambda p: p.metrics.keep(
        lambda at: at > p.metrics.now - 60, slot="green"
    ),
    "every second half of the time an outage": lambda p: [
        failing(1.0, since)(p) for since in (60,)
    ],
    "5 % errors all through": failing(0.05, 1820),
    "5 % errors in this step": failing(0.05, 600),
    "half a percent and more in this step": failing(0.008, 620),
    "all fail since a minute": failing(1.0, 62),
    "all fail since half a minute": failing(1.0, 32),
    "20 % errors for two minutes": failing(0.2, 122),
    "slow since the step began": slow(0.2, 620, "1.0", "0.5"),
    "all slow for a minute": slow(1.0, 62, "1.0", "0.5"),
    "over 5 s for a minute": slow(0.5, 62, "5.0", "1.0", "0.5"),
    "payments fail": lambda p: p.metrics.change(
        lambda at, v: v + (at > p.metrics.now - 300) * round((at - p.metrics.now + 300) / 10),
        PAYMENTS,
        slot="green",
        status="failed",
    ),
    "swapped colours": swapped,
    "green's series under blue's name": relabel("slot", "blue", *LIVE, **GREEN),
    "the target's slot renamed": relabel("slot", "verde", *LIVE, **GREEN),
    "another version's samples": relabel("version", "5.0.1", BUILD, **GREEN),
    "another digest's samples": relabel("digest", "sha256:" + "0" * 32, BUILD, **GREEN),
    "blue's build under green's slot": relabel("deployment", "blue", BUILD, **GREEN),
    "a second build in the window": lambda p: p.metrics.lines.extend(
        [
            Line({**line.labels, "version": "5.0.9"}, line.points[-3:])
            for line in list(p.metrics.named(BUILD, **GREEN))
        ]
    ),
    "everything is synthetic": relabel("traffic", "synthetic", *LIVE, **GREEN),
    "everything is a health check": relabel("route", "/api/health", *LIVE, **GREEN),
    "scraped by two jobs": twice,
    "a bucket spelled anew": spelled,
    "series without an instance": lambda p: [
        line.labels.pop("instance") for line in p.metrics.named(REQUESTS, **GREEN)
    ],
    "requests of another instance": relabel("instance", "other:1", REQUESTS, **GREEN),
    "too few requests": lambda p: p.metrics.change(lambda _, v: round(v / 50), *LIVE),
    "no requests on green": lambda p: p.metrics.change(lambda *_: 7.0, *LIVE, **GREEN),
    "somebody else answers for green": lambda p: p.metrics.change(
        lambda _, v: round(v / 3), REQUESTS, COUNT, BUCKETS, **GREEN
    ),
    "green has 20 % since five minutes": moved(0.2, 300),
    "green has had 30 % for five minutes only": all_of(moved(0.2, 660), moved(0.3, 300)),
    "green has no traffic": moved(0.0, 45),
    "green has all traffic": moved(1.0, 45),
    "the balancer gives green nothing": points(lambda at, _: (at, 0.0), WEIGHT, server="green"),
    "green crashes every minute": crashing,
    "two processes at one address": two_processes,
    "samples of the future": points(lambda at, v: (at + 900, v)),
    "samples of an hour ago": points(lambda at, v: (at - 3600, v)),
}

DATABASE = "db_query_duration_seconds_bucket"
HITS, MISSES = "cache_hits_total", "cache_misses_total"
HOUR: dict[str, Change] = {
    "a NaN for a database bucket": value(math.nan, DATABASE, **GREEN),
    "the database's times gone": lambda p: p.metrics.drop(DATABASE),
    "the database is slow": lambda p: p.metrics.change(
        lambda _, v: round(v / 2), DATABASE, **GREEN
    ),
    "the cache misses": lambda p: p.metrics.change(lambda _, v: v * 9, MISSES, **GREEN),
    "no misses are exported": all_of(
        lambda p: p.metrics.drop(MISSES, **GREEN), lambda p: p.metrics.drop(HITS, **GREEN)
    ),
    "hits not seen for two minutes": lost(120, -9, HITS, **GREEN),
    "two in a thousand fail": failing(0.002, 620),
    "hardly any requests in the hour": lambda p: p.metrics.change(
        lambda _, v: round(v / 20), REQUESTS, COUNT, BUCKETS
    ),
}
