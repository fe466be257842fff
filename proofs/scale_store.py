"""A store of many pods and routes, as OpenMetrics text, for a Prometheus that is filled with it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

INTERVAL_SECONDS = 15
RAMP_SECONDS = 5400  # before now
SHARE = 0.1
PROXY, LATE_PROXY = "store", "store-late"
BUCKETS = ("0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1.0", "2.5", "5.0", "10.0")
# Of a thousand requests, so many take longer than the boundary of each bucket.
LONGER = (900, 800, 650, 500, 350, 200, 100, 15, 5, 1, 0)
BUILDS = {
    "green": 'release="v5",version="5.0.0",digest="sha256:08ed378cc04fcedf358679a1b519475a"',
    "blue": 'release="v4",version="4.9.2",digest="sha256:784b2af54f49cd2c1ff4d52b3b7fb9a3"',
}
Lines = Iterator[tuple[str, int, list[str]]]


@dataclass(frozen=True, slots=True)
class ScaleStore:
    """A blue-green store in the middle of a ramp step of 10 %.

    Args:
        pods: the pods of each colour.
        routes: the routes of each pod.
        began_at: the first scrape, seconds since the epoch.
        ramp_at: the moment at which green got its share.
        until: the last scrape.
        failing_at: from this moment on a fifth of green's requests fail; 0 for never.
        late_ramp_at: the moment at which the ramp of the second balancer began; 0 for the same.
        requests_per_second: the requests of each route of one pod of blue.
    """

    pods: int
    routes: int
    began_at: int
    ramp_at: int
    until: int
    failing_at: int = 0
    requests_per_second: float = 0.5
    late_ramp_at: int = 0

    def write(self, path: Path) -> int:
        """Write the store's samples.

        Returns:
            The number of time series.
        """
        offsets = range(INTERVAL_SECONDS)
        times = [[str(at) for at in self._times(offset)] for offset in offsets]
        with path.open("w") as file:
            number = 0
            for family, kind, lines in self._families():
                file.write(f"# TYPE {family} {kind}\n")
                for name, offset, values in lines:
                    samples = map(" ".join, zip(values, times[offset], strict=True))
                    file.write(f"{name} " + f"\n{name} ".join(samples) + "\n")
                    number += 1
            file.write("# EOF\n")
        return number

    def _families(self) -> Iterator[tuple[str, str, Lines]]:
        yield "http_requests", "counter", self._requests()
        yield "http_request_duration_seconds", "histogram", self._durations()
        yield "payments", "counter", self._payments()
        yield "process_start_time_seconds", "gauge", self._starts()
        yield "up", "gauge", self._constants("up", "", lambda _: 1)
        yield "kirana_build_info", "gauge", self._builds()
        yield "haproxy_server_weight", "gauge", self._weights()

    def instances(self) -> Iterator[tuple[str, int, str, int]]:
        """Colour, number, labels and the offset of the scrapes of each pod, in seconds."""
        for slot in ("blue", "green"):
            for pod in range(self.pods):
                name = f'instance="{slot}-{pod}:80",job="store",slot="{slot}"'
                yield slot, pod, name, (pod * 7 + (slot == "green")) % INTERVAL_SECONDS

    def restarted_at(self, slot: str, pod: int) -> int:
        """When the process of a pod started: the first pod of each colour starts again."""
        if pod:
            return self.began_at - 600
        return self.ramp_at + (1200 if slot == "green" else 2400)

    def _times(self, offset: int) -> range:
        return range(self.began_at + offset, self.until, INTERVAL_SECONDS)

    def _total(self, slot: str, route: int, at: int) -> float:
        """The requests of one route of one pod up to a moment."""
        rate = self.requests_per_second * (1 + route % 3) / 2
        before = min(at, self.ramp_at) - (self.began_at - 600)
        after = max(0, at - self.ramp_at)
        if slot == "green":
            return rate * SHARE * after
        return rate * (before + (1 - SHARE) * after)

    def _counts(self, slot: str, pod: int, route: int, times: range) -> list[int]:
        """The requests that a counter shows at each scrape; a restart begins it again."""
        restart = self.restarted_at(slot, pod)
        at_restart = self._total(slot, route, restart)
        return [
            int(self._total(slot, route, at) - (at_restart if at >= restart else 0))
            if pod == 0
            else int(self._total(slot, route, at))
            for at in times
        ]

    def _failures(self, slot: str, route: int, times: range, counts: list[int]) -> list[int]:
        """The failed requests at each scrape: from ``failing_at`` on, a fifth of green's.

        Each route has its first failure at another moment, so that the ratio of all routes is even.
        """
        rest = (route % 20) / 20
        failing = self.failing_at if slot == "green" and self.failing_at else self.until
        failed: list[float] = []
        before = 0
        for at, count in zip(times, counts, strict=True):
            rise = count - before if count >= before else count
            earlier = failed[-1] if failed and count >= before else rest
            failed.append(earlier + (rise / 5 if at > failing else rise / 2000))
            before = count
        return [int(value) for value in failed]

    def _requests(self) -> Lines:
        for slot, pod, labels, offset in self.instances():
            times = self._times(offset)
            for route in range(self.routes):
                counts = self._counts(slot, pod, route, times)
                failed = self._failures(slot, route, times, counts)
                missing = [count // 50 for count in counts]
                common = f'{labels},traffic="customer",route="/api/r{route}",method="GET"'
                good = [
                    max(0, count - bad - lost)
                    for count, bad, lost in zip(counts, failed, missing, strict=True)
                ]
                for status, values in (("200", good), ("404", missing), ("500", failed)):
                    name = f'http_requests_total{{{common},status="{status}"}}'
                    yield name, offset, [str(value) for value in values]

    def _durations(self) -> Lines:
        name = "http_request_duration_seconds"
        for slot, pod, labels, offset in self.instances():
            for route in range(self.routes):
                counts = self._counts(slot, pod, route, self._times(offset))
                common = f'{labels},traffic="customer",route="/api/r{route}",method="GET"'
                for bucket, longer in zip(BUCKETS, LONGER, strict=True):
                    values = [str(count - count * longer // 1000) for count in counts]
                    yield f'{name}_bucket{{{common},le="{bucket}"}}', offset, values
                whole = [str(count) for count in counts]
                yield f'{name}_bucket{{{common},le="+Inf"}}', offset, whole
                yield f"{name}_count{{{common}}}", offset, whole
                yield f"{name}_sum{{{common}}}", offset, whole

    def _payments(self) -> Lines:
        for slot, pod, labels, offset in self.instances():
            counts = self._counts(slot, pod, 0, self._times(offset))
            name = f'payments_total{{{labels},traffic="customer"'
            yield f'{name},status="captured"}}', offset, [str(count // 5) for count in counts]
            yield f'{name},status="failed"}}', offset, ["0" for _ in counts]

    def _starts(self) -> Lines:
        for slot, pod, labels, offset in self.instances():
            restart, first = self.restarted_at(slot, pod), self.began_at - 600
            values = [str(restart if at >= restart else first) for at in self._times(offset)]
            yield f"process_start_time_seconds{{{labels}}}", offset, values

    def _constants(self, name: str, extra: str, value: Callable[[int], int]) -> Lines:
        for _, _, labels, offset in self.instances():
            values = [str(value(at)) for at in self._times(offset)]
            yield f"{name}{{{labels}{extra}}}", offset, values

    def _builds(self) -> Lines:
        for slot, _, labels, offset in self.instances():
            values = ["1" for _ in self._times(offset)]
            yield (
                f'kirana_build_info{{{labels},{BUILDS[slot]},deployment="{slot}"}}',
                offset,
                values,
            )

    def _weights(self) -> Lines:
        """The weights of the ramp, and of a second balancer whose ramp began later."""
        ramps = {PROXY: self.ramp_at, LATE_PROXY: self.late_ramp_at or self.ramp_at}
        for proxy, ramp_at in ramps.items():
            common = f'instance="lb:1",job="balancer",proxy="{proxy}"'
            for server, share in (("blue", 1 - SHARE), ("green", SHARE)):
                before = 100 if server == "blue" else 0
                values = [
                    str(round(100 * share) if at >= ramp_at else before) for at in self._times(0)
                ]
                yield f'haproxy_server_weight{{{common},server="{server}"}}', 0, values
