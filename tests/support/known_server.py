"""A server whose response times are known: what a load generator reports can be held against it.

``python tests/support/known_server.py PORT [STALL_SECONDS EVERY_SECONDS]``. Service times are
lognormal, drawn without repetition from equal strata, so that their quantiles are those of the
distribution.
"""

import asyncio
import math
import random
import sys
import time
from statistics import NormalDist

import uvloop

MEDIAN_SECONDS = 0.08
SIGMA = 0.6
STRATA = 1000
BODY = b'{"items": [{"price_paise": 100, "name": "rice"}]}'
ANSWER = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: "
    + str(len(BODY)).encode()
    + b"\r\n\r\n"
    + BODY
)


def service_times() -> list[float]:
    """One from the middle of each of a thousand equal strata."""
    normal = NormalDist(math.log(MEDIAN_SECONDS), SIGMA)
    return [math.exp(normal.inv_cdf((stratum + 0.5) / STRATA)) for stratum in range(STRATA)]


def quantile(share: float, stall: float = 0.0, every: float = 1.0) -> float:
    """The true quantile of the time from asking to the answer, for one who asks at any moment.

    Args:
        share: such as 0.95.
        stall: for how many seconds nothing is sent.
        every: how often that happens, in seconds.
    """
    times = []
    for service in service_times():
        if not stall:
            times.append(service)
            continue
        for moment in range(500):
            due = every * (moment + 0.5) / 500
            ready = (due + service) % every
            times.append(service + (stall - ready if ready < stall else 0.0))
    times.sort()
    return times[min(len(times) - 1, math.ceil(share * len(times)) - 1)]


class Server(asyncio.Protocol):
    """Answers each request after a service time, but never during a stall."""

    strata: list[float]
    began_at = time.monotonic()
    stall = 0.0
    every = 1.0
    dice = random.Random(7)
    left: list[float] = []  # noqa: RUF012 - shared by all connections on purpose

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.received = b""

    def data_received(self, data: bytes) -> None:
        self.received += data
        while b"\r\n\r\n" in self.received:
            _, _, self.received = self.received.partition(b"\r\n\r\n")
            asyncio.get_running_loop().call_later(self.delay(), self.answer)

    def delay(self) -> float:
        """The next service time, and what is left of a stall it would end in."""
        if not Server.left:
            Server.left = random.Random(self.dice.random()).sample(self.strata, STRATA)
        service = Server.left.pop()
        if not self.stall:
            return service
        ready = (time.monotonic() - self.began_at + service) % self.every
        return service + (self.stall - ready if ready < self.stall else 0.0)

    def answer(self) -> None:
        if not self.transport.is_closing():
            self.transport.write(ANSWER)  # type: ignore[attr-defined]


async def serve(port: int) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Server, "127.0.0.1", port, backlog=2000)
    await server.serve_forever()


if __name__ == "__main__":
    Server.strata = service_times()
    if len(sys.argv) > 3:
        Server.stall, Server.every = float(sys.argv[2]), float(sys.argv[3])
    uvloop.run(serve(int(sys.argv[1])))
