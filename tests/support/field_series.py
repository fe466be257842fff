"""The series of a ramp at 10 % as Prometheus has them on other people's stacks, without processes.

A ``Store`` is a healthy ramp; its fields make it unusual. ``evidence_of`` answers the queries of a
stage from its series, as Prometheus would, so that the judge decides about them in milliseconds.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial

from judging import AT, GREEN, SERVED, stage_of

from gates.judging import decide as judging
from gates.judging.answers import key
from gates.judging.conclusions import RampView
from gates.model import Evidence, Measured, Sample, SampleSet, Series, Stage, Target
from gates.model.selector import NAME
from gates.model.selector import parse as parse_selector

EVERY, BEGAN, START = 15.0, 700.0, 7200.0
LIVE = stage_of(
    "live-build",
    "traffic-share",
    "traffic-seen",
    "errors-against-blue",
    "latency-against-blue",
    "payments-against-blue",
    "browsing-refused",
    "payments-captured",
    "green-up",
    "errors-trigger",
    "latency-trigger",
    "restarts",
    share=0.1,
)
# The shares of requests in the buckets of a healthy release.
BUCKETS = {"0.5": 0.9, "1.0": 0.98, "5.0": 0.999, "+Inf": 1.0}
Count = Callable[[float], float]
Change = Callable[[Series], Iterator[Series]]


@dataclass(frozen=True, slots=True)
class Pod:
    """An instance of a colour.

    Args:
        name: the address.
        born: seconds before now at which its process started.
        died: seconds before now of its end; None where it lives.
        part: its part of the colour's traffic.
    """

    name: str
    born: float = START
    died: float | None = None
    part: float = 1.0


@dataclass(frozen=True)
class Store:
    """A ramp that began 700 s ago.

    Args:
        errors: green's ratio of errors; blue's is 0.05 %.
        scale: a factor of the traffic of 100 requests a second.
        green: green's instances.
        blue: blue's instances.
        with_zero: whether a status that never occurred has a series.
        earlier: requests that green answered before the ramp; a fifth of them failed.
        change: what becomes of each series.
    """

    errors: float = 0.0005
    scale: float = 1.0
    green: tuple[Pod, ...] = (Pod("green-0:8000"),)
    blue: tuple[Pod, ...] = (Pod("blue-0:8000"),)
    with_zero: bool = True
    earlier: float = 0.0
    change: Change = field(default=lambda series: iter([series]))

    def series(self) -> list[Series]:
        """Every series, in the order of the fake of the field cases."""
        known = [*self._weights()]
        for slot, pods in (("green", self.green), ("blue", self.blue)):
            for pod in pods:
                known.extend(self._of_pod(slot, pod))
        return [changed for series in known for changed in self.change(series)]

    def _of_pod(self, slot: str, pod: Pod) -> Iterator[Series]:
        ratio = self.errors if slot == "green" else 0.0005
        before = self.earlier if slot == "green" else 0.0

        def total(at: float) -> float:
            rate, since = (10.0, -BEGAN) if slot == "green" else (90.0, -START)
            return before + pod.part * self.scale * rate * max(0.0, at - max(since, -pod.born))

        def failed(at: float) -> float:
            return float(int(before * 0.2 + ratio * (total(at) - before)))

        def answered(at: float) -> float:
            return int(total(at)) - failed(at)

        def captured(at: float) -> float:
            return int(total(at) / 20)

        def declined(_: float) -> float:
            return 3.0 if pod.born >= START else 0.0

        def within(at: float, part: float) -> float:
            return float(int(part * int(total(at))))

        request = {"method": "GET", "route": "/api/products", "traffic": "customer"}
        payment = {"traffic": "customer"}
        histogram = "http_request_duration_seconds"
        counters: list[tuple[str, dict[str, str], Count]] = [
            ("http_requests_total", {**request, "status": "200"}, answered),
            (f"{histogram}_count", request, lambda at: int(total(at))),
            ("payments_total", {**payment, "status": "captured"}, captured),
            ("payments_total", {**payment, "status": "failed"}, declined),
            *(
                (f"{histogram}_bucket", {**request, "le": le}, partial(within, part=part))
                for le, part in BUCKETS.items()
            ),
        ]
        if self.with_zero or ratio:
            counters.append(("http_requests_total", {**request, "status": "500"}, failed))
        build = GREEN.expected
        info = {"release": build.release, "version": build.version, "digest": build.digest}
        gauges: list[tuple[str, dict[str, str], Count]] = [
            ("process_start_time_seconds", {}, lambda _: AT - pod.born),
            ("up", {}, lambda _: 1.0),
            ("kirana_build_info", {**info, "deployment": slot}, lambda _: 1.0),
        ]
        base = {"instance": pod.name, "job": "store", "slot": slot}
        for name, labels, count in (*counters, *gauges):
            yield Series({NAME: name, **base, **labels}, _samples(count, pod))

    def _weights(self) -> Iterator[Series]:
        for server, share in (("green", 10.0), ("blue", 90.0)):
            idle = 0.0 if server == "green" else 100.0
            samples = _samples(partial(_weight, share=share, idle=idle), Pod("lb"))
            labels = {"instance": "lb:8404", "job": "balancer", "proxy": "store", "server": server}
            yield Series({NAME: "haproxy_server_weight", **labels}, samples)


def _weight(at: float, share: float, idle: float) -> float:
    """The weight of a server before and after the ramp began."""
    return share if at >= -BEGAN else idle


def _samples(count: Count, pod: Pod, phase: float = 0.0) -> tuple[Sample, ...]:
    """The samples of the last 50 minutes, every 15 s."""
    moments = (-3000.0 + phase + EVERY * number for number in range(201))
    ends = 0.0 if pod.died is None else -pod.died
    return tuple(
        Sample(AT + at, float(count(at))) for at in moments if -pod.born <= at <= min(0.0, ends)
    )


def is_counter(series: Series) -> bool:
    """Whether a series is a counter of events."""
    return series.labels[NAME].startswith(("http_", "payments"))


def is_of(series: Series, slot: str) -> bool:
    """Whether a series is of a colour."""
    return series.labels.get("slot") == slot


def labelled(series: Series, **labels: str) -> Series:
    """The series with more labels."""
    return replace(series, labels={**series.labels, **labels})


def shifted(series: Series, seconds: float) -> Series:
    """The series as a replica has it that scrapes some seconds later: counters are as far on."""
    rises = is_counter(series)
    points = [
        Sample(
            now.at + seconds,
            now.value + (later.value - now.value) * seconds / EVERY if rises else later.value,
        )
        for now, later in zip(series.samples, series.samples[1:], strict=False)
    ]
    counts = (
        Sample(point.at, float(int(point.value)) if rises else point.value) for point in points
    )
    return replace(series, samples=tuple(counts))


def with_values(series: Series, value: Callable[[int, Sample], float]) -> Series:
    """The series with other values; the number 0 is the newest sample, 1 the one before."""
    newest = len(series.samples) - 1
    return replace(
        series,
        samples=tuple(
            Sample(sample.at, value(newest - number, sample))
            for number, sample in enumerate(series.samples)
        ),
    )


def evidence_of(store: Store, stage: Stage = LIVE, target: Target = GREEN) -> Evidence:
    """The evidence that Prometheus gives about a stage."""
    known = store.series()

    def fetched(wanted: list[tuple[str, float]]) -> dict[str, SampleSet]:
        return {key(*pair): _answer(known, *pair) for pair in wanted}

    samples = fetched(judging.needed_selectors(stage, target))
    evidence = Evidence(target=target, served=SERVED, runs=(), samples=samples)
    view = RampView.of(stage, evidence, AT)
    return replace(evidence, samples={**samples, **fetched(view.queries.pairs())})


def _answer(known: list[Series], selector: str, seconds: float) -> SampleSet:
    parsed = parse_selector(selector)
    matching = []
    for series in known:
        if parsed.matches(series.labels):
            kept = tuple(sample for sample in series.samples if sample.at > AT - seconds)
            matching.extend([replace(series, samples=kept)] if kept else [])
    measured = Measured.OK if matching else Measured.NO_DATA
    problem = "" if matching else "no series matches"
    query = key(selector, seconds)
    return SampleSet(
        query, "http://p", timedelta(seconds=seconds), AT, measured, problem, tuple(matching)
    )
