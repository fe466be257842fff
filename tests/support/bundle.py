"""A passing ramp made by hand: metrics of both colours, weights, builds; to be doctored.

``Metrics`` answers range selectors as Prometheus does, from series it holds in memory, so that
the same bundle feeds the judge directly and a server that the command line asks.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from gates.judging import decide as judge
from gates.judging.answers import key
from gates.judging.conclusions import RampView
from gates.model import Build, Evidence, Measured, Sample, SampleSet, Series, Stage
from gates.statistics import parse_selector

EVERY = 15.0
PAST, STEP = 1800.0, 600.0
# Seconds the ramp's present step has baked, beyond its ten minutes.
BEYOND = 20.0
RATE = 20.0
Labels = dict[str, str]


@dataclass(slots=True)
class Line:
    """One series: labels, and points in order of time."""

    labels: Labels
    points: list[tuple[float, float]]


@dataclass(slots=True)
class Metrics:
    """Series, as Prometheus would hold them.

    Args:
        lines: the series.
        now: the moment they reach, seconds since the epoch.
    """

    lines: list[Line]
    now: float
    steps: int = 3

    def named(self, *names: str, **labels: str) -> Iterator[Line]:
        """The series of these names, with these labels."""
        for line in self.lines:
            if line.labels["__name__"] in names and labels.items() <= line.labels.items():
                yield line

    def change(self, how: Callable[[float, float], float], *names: str, **labels: str) -> None:
        """Give every point of some series another value, from its time and its value."""
        for line in self.named(*names, **labels):
            line.points = [(at, how(at, value)) for at, value in line.points]

    def keep(self, which: Callable[[float], bool], *names: str, **labels: str) -> None:
        """Keep only some points of some series; of all, without names."""
        chosen = (
            list(self.named(*names, **labels))
            if names
            else [line for line in self.lines if labels.items() <= line.labels.items()]
        )
        for line in chosen:
            line.points = [point for point in line.points if which(point[0])]
        self.lines = [line for line in self.lines if line.points]

    def drop(self, *names: str, **labels: str) -> None:
        """Lose whole series."""
        gone = {id(line) for line in self.named(*names, **labels)}
        self.lines = [line for line in self.lines if id(line) not in gone]

    def answer(self, query: str, window: float, at: float) -> list[Line]:
        """The series of a selector, with their points in the window."""
        selector = parse_selector(query)
        matching = []
        for line in self.lines:
            if selector.matches(line.labels):
                points = [point for point in line.points if at - window < point[0] <= at]
                if points:
                    matching.append(Line(line.labels, points))
        return matching

    def samples(self, query: str, window: float, at: float) -> SampleSet:
        """The same as the gate's sources give it."""
        series = tuple(
            Series(line.labels, tuple(Sample(*point) for point in line.points))
            for line in self.answer(query, window, at)
        )
        return SampleSet(
            query=f"{query}[{window:.0f}s]",
            source="http://p",
            window=timedelta(seconds=window),
            evaluated_at=at,
            measured=Measured.OK if series else Measured.NO_DATA,
            problem="" if series else "no series matches",
            series=series,
        )


@dataclass(frozen=True, slots=True)
class Colour:
    """What one colour does.

    Args:
        slot: its name.
        build: what it serves.
        shares: its share of the traffic by moment.
        errors: of a thousand requests, how many fail.
        instances: how many there are.
        started: when its processes started.
        every: seconds between two scrapes.
    """

    slot: str
    build: Build
    shares: Mapping[float, float]
    errors: float = 0.5
    instances: int = 1
    started: float = field(default=1_000_000.0)
    every: float = EVERY


def healthy(
    now: float, build: Build, *, steps: int = 3, instances: int = 1, every: float = EVERY
) -> Metrics:
    """A ramp in its third step, say, all of it well.

    Args:
        now: the moment it is looked at.
        build: green's.
        steps: how many steps of ten minutes it has taken.
        instances: how many each colour has.
        every: seconds between two scrapes.
    """
    begin = now - BEYOND - STEP * steps
    times = [now - 2 - every * n for n in range(int((now - begin + PAST) // every))][::-1]
    green = {at: 0.0 if at < begin else min(steps, (at - begin) // STEP + 1) / 10 for at in times}
    blue = {at: 1 - share for at, share in green.items()}
    other = Build("v4", "4.9.2", "sha256:" + "b" * 32)
    metrics = Metrics([], now, steps)
    for colour in (
        Colour("green", build, green, instances=instances, every=every),
        Colour("blue", other, blue, instances=instances, every=every),
    ):
        for number in range(instances):
            metrics.lines += _instance(colour, number)
        weight = {"__name__": "haproxy_server_weight", "proxy": "store", "server": colour.slot}
        weight |= {"instance": "balancer:1", "job": "balancer"}
        metrics.lines.append(
            Line(weight, [(at, 100 * share) for at, share in colour.shares.items()])
        )
    return metrics


def _instance(colour: Colour, number: int) -> Iterator[Line]:
    """The series of one instance."""
    base = {"slot": colour.slot, "instance": f"{colour.slot}-{number + 1}:5000", "job": "store"}
    total, totals = 0.0, []
    for at, share in colour.shares.items():
        total += RATE * share * colour.every / colour.instances
        totals.append((at, float(round(total))))

    def counter(name: str, ratio: float, **labels: str) -> Line:
        points = [(at, float(round(ratio * value))) for at, value in totals]
        return Line({"__name__": name, **labels, **base}, points)

    def gauge(name: str, value: float, **labels: str) -> Line:
        return Line({"__name__": name, **labels, **base}, [(at, value) for at in colour.shares])

    route = {"route": "/api/products", "method": "GET", "traffic": "customer"}
    bad = colour.errors / 1000
    login = {**route, "route": "/api/auth/login", "method": "POST"}
    yield counter("http_requests_total", 0.95 - bad, status="200", **route)
    yield counter("http_requests_total", 0.02, status="401", **route)
    yield counter("http_requests_total", 0.028, status="200", **login)
    yield counter("http_requests_total", 0.002, status="401", **login)
    yield counter("http_requests_total", bad, status="500", **route)
    for le, ratio in (("0.5", 0.99), ("1.0", 0.995), ("5.0", 0.999), ("+Inf", 1.0)):
        yield counter("http_request_duration_seconds_bucket", ratio, le=le, status="200", **route)
    yield counter("http_request_duration_seconds_count", 1.0, status="200", **route)
    yield counter("orders_total", 0.025, status="placed", traffic="customer")
    for status, ratio in (("captured", 0.02), ("declined", 0.001), ("failed", 0.0)):
        yield counter("payments_total", ratio, status=status, traffic="customer")
    yield counter("db_query_duration_seconds_bucket", 2.0, le="0.2", command="find")
    yield counter("db_query_duration_seconds_count", 2.0, command="find")
    yield counter("cache_hits_total", 0.9)
    yield counter("cache_misses_total", 0.05)
    yield counter("process_cpu_seconds_total", 0.003)
    yield gauge("process_start_time_seconds", colour.started)
    yield gauge("up", 1.0)
    build = colour.build
    labels = {"release": build.release, "version": build.version, "digest": build.digest}
    yield gauge("kirana_build_info", 1.0, deployment=colour.slot, **labels)


def evidence(metrics: Metrics, stage: Stage, facts: Evidence, at: float) -> Evidence:
    """What the gate would gather for a stage from these metrics.

    Args:
        metrics: what Prometheus holds.
        stage: what is asked.
        facts: everything else.
        at: when.
    """
    samples = {
        key(*wanted): metrics.samples(*wanted, at)
        for wanted in judge.needed_selectors(stage, facts.target)
    }
    facts = replace(facts, samples=samples)
    live = RampView.of(stage, facts, at).queries.pairs()
    return replace(
        facts, samples=samples | {key(*query): metrics.samples(*query, at) for query in live}
    )


def as_prometheus(lines: list[Line]) -> dict[str, Any]:
    """The body of an answer."""
    result = [
        {"metric": line.labels, "values": [[at, _text(value)] for at, value in line.points]}
        for line in lines
    ]
    return {"status": "success", "data": {"resultType": "matrix", "result": result}}


def _text(value: float) -> str:
    special = {float("inf"): "+Inf", float("-inf"): "-Inf"}
    return "NaN" if value != value else special.get(value, repr(value))  # noqa: PLR0124 - NaN
