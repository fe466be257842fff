"""Whole ramps in memory, healthy and broken, for the live judge: counters as an instance has them.

A ramp begins at 0 s with 10 % for green and takes another 10 % every 600 s; blue's past half hour
comes before it. What happens in it is a *kind*: rates of failures second by second, what is slow,
how often payments fail, and which scrapes are missing.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from gates.model import Move, Scrape

PAST, RAMP, STEP, EVERY = 1800, 6000, 600, 15
SECONDS = PAST + RAMP
# The spread of latencies: lognormal, so that P95 and the shares over 1 s and 5 s go together.
SIGMA = 0.85
P95 = NormalDist().inv_cdf(0.95)
# Of all requests: payments, orders and log-ins.
PAYMENTS, ORDERS, LOGINS = 1 / 300, 1 / 250, 1 / 40
USUAL_ERRORS, USUAL_P95, USUAL_FAILED_PAYMENTS = 0.001, 0.5, 0.004
# What is refused without any fault: expired sessions and sold-out products, mistyped passwords,
# declined cards; and what bots ask for that is not there, as a part of a colour's requests.
USUAL_REFUSED, USUAL_LOGINS_REFUSED, USUAL_DECLINED, USUAL_BOTS = 0.02, 0.08, 0.03, 0.005
# A campaign: so many times the usual orders per request.
CAMPAIGN = 1.5
Values = NDArray[np.float64]
Dice = np.random.Generator
KEYS = (
    'http_requests_total{route="/api/products",status="200"}',
    'http_requests_total{route="/api/products",status="500"}',
    'http_request_duration_seconds_bucket{route="/api/products",le="1.0"}',
    'http_request_duration_seconds_bucket{route="/api/products",le="5.0"}',
    'http_request_duration_seconds_count{route="/api/products"}',
    'payments_total{status="captured"}',
    'payments_total{status="failed"}',
)
# Series that older recordings do not have.
CUSTOMER_KEYS = (
    'http_requests_total{route="/api/products",status="401"}',
    'http_requests_total{route="/api/auth/login",status="200"}',
    'http_requests_total{route="/api/auth/login",status="401"}',
    'http_requests_total{route="/unknown",status="404"}',
    'orders_total{status="placed"}',
    'payments_total{status="declined"}',
)
ALL_KEYS = (*KEYS, *CUSTOMER_KEYS)
COLOURS = ("green", "blue")


def slow_share(p95: Values | float, over: float) -> Values:
    """The share of requests over so many seconds, where P95 is so many."""
    z = (np.log(over) - np.log(p95)) / SIGMA + P95
    return np.array([1 - NormalDist().cdf(score) for score in np.atleast_1d(z)])


@dataclass(slots=True)
class World:
    """What happens second by second, from -1800 s on; by colour where it may differ.

    Args:
        dice: the ramp's own random numbers.
        rate: requests a second in all.
        errors: the chance that a request fails.
        p95: P95 of latency in seconds.
        failed: the chance that a payment fails.
        refused: the chance that a request for products is refused.
        logins_refused: the chance that a log-in is refused.
        declined: the chance that a payment is declined.
        orders: orders per request.
        payments: payments per request.
        bots: requests for what is not there, as a part of a colour's requests.
        missing: whether a scrape at that second would be missing.
        share: green's part of the traffic.
        pods: how many instances each colour has.
        restarts: seconds at which an instance starts anew.
    """

    dice: Dice
    rate: Values
    errors: dict[str, Values]
    p95: dict[str, Values]
    failed: dict[str, Values]
    refused: dict[str, Values]
    logins_refused: dict[str, Values]
    declined: dict[str, Values]
    orders: dict[str, Values]
    payments: dict[str, Values]
    bots: dict[str, Values]
    missing: dict[str, NDArray[np.bool_]]
    share: Values
    pods: int = 1
    restarts: dict[str, list[int]] = field(default_factory=dict)

    def when(self, begin: float, end: float = RAMP) -> slice:
        """The seconds from begin to end, counted from the beginning of the ramp."""
        return slice(int(begin) + PAST, int(end) + PAST)


def usual(dice: Dice, rate: float) -> World:
    """A world in which nothing happens."""
    seconds = np.arange(-PAST, RAMP)
    share = np.where(seconds < 0, 0.0, np.minimum(1.0, (seconds // STEP + 1) / 10))
    return World(
        dice=dice,
        rate=np.full(SECONDS, float(rate)),
        errors={colour: np.full(SECONDS, USUAL_ERRORS) for colour in COLOURS},
        p95={colour: np.full(SECONDS, USUAL_P95) for colour in COLOURS},
        failed=_always(USUAL_FAILED_PAYMENTS),
        refused=_always(USUAL_REFUSED),
        logins_refused=_always(USUAL_LOGINS_REFUSED),
        declined=_always(USUAL_DECLINED),
        orders=_always(ORDERS),
        payments=_always(PAYMENTS),
        bots=_always(USUAL_BOTS),
        missing={colour: np.zeros(SECONDS, dtype=bool) for colour in COLOURS},
        share=share,
    )


def _always(value: float) -> dict[str, Values]:
    return {colour: np.full(SECONDS, value) for colour in COLOURS}


Change = Callable[[World], None]


def bursts(world: World, *, together: bool, seconds: int = 30, every: float = 600) -> None:
    """Bursts of 3 % errors, on both colours at once or on each alone."""
    for colours in [COLOURS] if together else [("green",), ("blue",)]:
        at = world.dice.exponential(every)
        while at < SECONDS:
            for colour in colours:
                world.errors[colour][int(at) : int(at) + seconds] = 0.03
            at += seconds + world.dice.exponential(every)


def errors(
    level: float, begin: float = 0, end: float = RAMP, colours: tuple[str, ...] = ("green",)
) -> Change:
    """So many requests fail from then on."""

    def change(world: World) -> None:
        for colour in colours:
            world.errors[colour][world.when(begin, end)] = level

    return change


def latency(
    p95: float,
    begin: float = 0,
    end: float = RAMP,
    colours: tuple[str, ...] = ("green",),
    usual_p95: float = USUAL_P95,
) -> Change:
    """P95 is so many seconds from then on."""

    def change(world: World) -> None:
        for colour in COLOURS:
            world.p95[colour][:] = usual_p95
        for colour in colours:
            world.p95[colour][world.when(begin, end)] = p95

    return change


def bursts_of(seconds: float) -> Change:
    """Bursts of 3 % on each colour alone, exponentially long, of so many seconds on average."""

    def change(world: World) -> None:
        for colour in COLOURS:
            at = world.dice.exponential(600)
            while at < SECONDS:
                length = max(1, round(world.dice.exponential(seconds)))
                world.errors[colour][int(at) : int(at) + length] = 0.03
                at += length + world.dice.exponential(600)

    return change


def both(*changes: Change) -> Change:
    """One after the other."""

    def change(world: World) -> None:
        for change in changes:
            change(world)

    return change


def drift(world: World) -> None:
    """Traffic and errors follow the time of the day."""
    phase = world.dice.uniform(0, 2 * np.pi)
    wave = np.sin(np.arange(SECONDS) / 7200 * 2 * np.pi + phase)
    world.rate *= 1 + 0.5 * wave
    for colour in COLOURS:
        world.errors[colour] *= 1 + 0.6 * wave


def clustered(world: World) -> None:
    """Errors come in clusters: a rate of its own for each half minute, on each colour."""
    for colour in COLOURS:
        rates = world.dice.gamma(0.5, 2 * 0.002, SECONDS // 30 + 1)
        world.errors[colour] = np.minimum(0.5, np.repeat(rates, 30)[:SECONDS])


def following(world: World) -> None:
    """Errors follow each other: a slow random walk of the rate around 0.2 %."""
    for colour in COLOURS:
        noise = world.dice.normal(0, 0.5, SECONDS // 15 + 1)
        log, walk = 0.0, []
        for value in noise:
            log = 0.8 * log + value
            walk.append(log)
        rate = 0.0015 * np.exp(np.array(walk) - 0.35)
        world.errors[colour] = np.minimum(0.5, np.repeat(rate, 15)[:SECONDS])


def blips(world: World) -> None:
    """Two seconds in which everything fails, on one colour or both, every ten minutes."""
    for colours in (("green",), ("blue",), COLOURS):
        at = world.dice.exponential(1800)
        while at < SECONDS:
            for colour in colours:
                world.errors[colour][int(at) : int(at) + 2] = 1.0
            at += world.dice.exponential(1800)


def losing(share: float) -> Change:
    """So many of the scrapes are missing."""

    def change(world: World) -> None:
        for colour in COLOURS:
            lost = world.dice.random(SECONDS // EVERY + 1) < share
            world.missing[colour] = np.repeat(lost, EVERY)[:SECONDS]

    return change


def restarts(world: World) -> None:
    """Each colour's process starts anew every twenty minutes or so, with a second of errors."""
    for colour in COLOURS:
        at, moments = world.dice.exponential(1200), []
        while at < SECONDS:
            moments.append(int(at))
            world.errors[colour][int(at) : int(at) + 1] = 0.2
            at += world.dice.exponential(1200)
        world.restarts[colour] = moments


def pods(world: World) -> None:
    """Three instances a colour."""
    world.pods = 3


def hole(world: World) -> None:
    """Five minutes without any metrics."""
    begin = world.dice.integers(0, RAMP - 300) + PAST
    for colour in COLOURS:
        world.missing[colour][begin : begin + 300] = True


def shared(level: float, seconds: float) -> Change:
    """An incident that hits both colours alike, while both have traffic."""

    def change(world: World) -> None:
        begin = int(world.dice.integers(0, int(RAMP - STEP - seconds)))
        for colour in COLOURS:
            world.errors[colour][world.when(begin, begin + seconds)] = level

    return change


def rising_errors(world: World) -> None:
    """From 0.1 % to 5 % over 80 minutes."""
    world.errors["green"][world.when(0, 4800)] = np.linspace(0.001, 0.05, 4800)
    world.errors["green"][world.when(4800)] = 0.05


def failing_payments(world: World) -> None:
    """Every payment fails on green."""
    world.failed["green"][world.when(0)] = 1.0


def vanish(*colours: str) -> Change:
    """Metrics are gone from the middle of the third step on."""

    def change(world: World) -> None:
        for colour in colours:
            world.missing[colour][world.when(1500)] = True

    return change


def campaign(colour: str) -> Change:
    """The customers of one colour order half as much again, through the whole ramp."""

    def change(world: World) -> None:
        world.orders[colour] *= CAMPAIGN
        world.payments[colour] *= CAMPAIGN

    return change


def bank_outage(world: World) -> None:
    """A bank is away for twenty minutes: 60 % of payments are declined on both colours."""
    begin = int(world.dice.integers(0, RAMP - STEP - 1200))
    for colour in COLOURS:
        world.declined[colour][world.when(begin, begin + 1200)] = 0.6


def scans(world: World) -> None:
    """Bots look for what is not there, five minutes at a time: a fifth of the requests more.

    Half of the scans reach both colours alike, the others one colour alone.
    """
    for colours in (COLOURS, ("green",), ("blue",)):
        at = world.dice.exponential(2400)
        while at < SECONDS:
            for colour in colours:
                world.bots[colour][int(at) : int(at) + 300] = 0.2
            at += 300 + world.dice.exponential(2400)


def refused(world: World) -> None:
    """Every request on green is answered 401: nobody logs in, orders or pays."""
    now = world.when(0)
    world.refused["green"][now] = world.logins_refused["green"][now] = 1.0
    world.orders["green"][now] = world.payments["green"][now] = 0.0


def not_found(world: World) -> None:
    """Green has lost its routes: every request is answered 404."""
    refused(world)
    world.bots["green"][world.when(0)] = 50.0


def all_declined(world: World) -> None:
    """Green declines every payment."""
    world.declined["green"][world.when(0)] = 1.0
    world.failed["green"][world.when(0)] = 0.0


def no_payments(world: World) -> None:
    """Green takes no payments at all; orders are placed and stay open."""
    world.payments["green"][world.when(0)] = 0.0


def no_orders(world: World) -> None:
    """Nobody can order on green, so nobody pays there."""
    world.orders["green"][world.when(0)] = world.payments["green"][world.when(0)] = 0.0


def no_logins(world: World) -> None:
    """Nobody can log in on green."""
    world.logins_refused["green"][world.when(0)] = 1.0


def hardly_any(world: World) -> None:
    """One request a second in all, in the first steps."""
    world.rate[:] = 1.0


HEALTHY: dict[str, Change] = {
    "error 0.05 %": errors(0.0005, -PAST, colours=COLOURS),
    "error 0.1 %": errors(0.001, -PAST, colours=COLOURS),
    "error 0.3 %": errors(0.003, -PAST, colours=COLOURS),
    "P95 0.9 s": latency(0.9, -PAST, colours=COLOURS),
    "diurnal drift": drift,
    "bursts of 3 % for 30 s, shared": lambda world: bursts(world, together=True),
    "bursts of 3 % for 30 s, separate": lambda world: bursts(world, together=False),
    "clustered errors": clustered,
    "autocorrelated errors": following,
    "two-second total blips": blips,
    "5 % of scrapes missing": losing(0.05),
    "20 % of scrapes missing": losing(0.2),
    "restarts": restarts,
    "three pods": pods,
    "a minute of slow warm-up": latency(3.0, 0, 60),
    "blue worse than green": errors(0.02, -PAST, colours=("blue",)),
    "five-minute hole in the metrics": hole,
    "incident of both: 20 % for four minutes": shared(0.2, 240),
    "incident of both: 3 % for ten minutes": shared(0.03, 600),
    "incident of both: all fail for two minutes": shared(1.0, 120),
    "campaign for blue's customers: orders x 1.5": campaign("blue"),
    "campaign for green's customers: orders x 1.5": campaign("green"),
    "bank's outage: 60 % declined on both for 20 min": bank_outage,
    "bots scan for 404s: 20 % more requests": scans,
}

KNOWN_LIMITS: dict[str, Change] = {
    "bursts on each colour alone, exponential, 30 s on average": bursts_of(30),
    "the same, 60 s on average": bursts_of(60),
    "the same, 120 s on average": bursts_of(120),
    "a warm-up of three minutes": latency(3.0, 0, 180),
}


@dataclass(frozen=True, slots=True)
class Broken:
    """A broken release: what breaks, when, and how soon it must be stopped (median, P95)."""

    change: Change
    breach: float
    within: dict[int, tuple[float, float]]


BROKEN: dict[str, Broken] = {
    "every request fails": Broken(errors(1.0), 0, {5: (45, 60), 50: (45, 60), 500: (45, 60)}),
    "20 % errors": Broken(errors(0.2), 0, {5: (90, 150), 50: (60, 60), 500: (60, 60)}),
    "5 % errors": Broken(errors(0.05), 0, {5: (330, 690), 50: (90, 120), 500: (75, 90)}),
    "2 % errors": Broken(errors(0.02), 0, {5: (1020, 1800), 50: (195, 330), 500: (120, 150)}),
    "1 % errors": Broken(errors(0.01), 0, {5: (2760, 4200), 50: (765, 1260), 500: (225, 300)}),
    "P95 1 to 2 s": Broken(
        latency(2.0, usual_p95=1.0), 0, {5: (540, 960), 50: (225, 270), 500: (210, 240)}
    ),
    "P95 1 to 6 s": Broken(
        latency(6.0, usual_p95=1.0), 0, {5: (105, 150), 50: (90, 105), 500: (90, 90)}
    ),
    "all payments fail": Broken(
        failing_payments, 0, {5: (1380, 2400), 50: (240, 480), 500: (60, 90)}
    ),
    "5 % errors from the middle of a late step on": Broken(
        errors(0.05, 3900), 3900, {5: (195, 285), 50: (150, 195), 500: (135, 150)}
    ),
    "5 % errors from the middle of the last step on": Broken(
        errors(0.05, 5700), 5700, {5: (195, 285), 50: (150, 195), 500: (135, 150)}
    ),
    "only above 50 %: 3 % errors, P95 2 s": Broken(
        both(latency(2.0, 3000), errors(0.03, 3000)),
        3000,
        {5: (225, 300), 50: (165, 195), 500: (135, 150)},
    ),
    "all payments declined": Broken(
        all_declined, 0, {5: (2400, 4200), 50: (300, 660), 500: (90, 150)}
    ),
    "every request answered 401": Broken(
        refused, 0, {5: (300, 300), 50: (300, 300), 500: (300, 300)}
    ),
    "every request answered 404": Broken(
        not_found, 0, {5: (300, 300), 50: (300, 300), 500: (300, 300)}
    ),
    "no payments at all": Broken(
        no_payments, 0, {5: (4200, 6000), 50: (600, 900), 500: (240, 300)}
    ),
    "no orders at all": Broken(no_orders, 0, {5: (4200, 6000), 50: (600, 900), 500: (240, 300)}),
    "every log-in refused": Broken(
        no_logins, 0, {5: (1800, 3000), 50: (300, 600), 500: (240, 240)}
    ),
    "errors rising from 0.1 % to 5 % in 80 min": Broken(
        rising_errors, 392, {5: (1440, 1860), 50: (765, 1080), 500: (525, 600)}
    ),
}

# Releases that customers do not get through: no ramp of them may go on at a step's end.
CUSTOMERS = (
    "all payments declined",
    "every request answered 401",
    "every request answered 404",
    "no payments at all",
    "no orders at all",
    "every log-in refused",
)

# Never GO at a step's end: the steps of which that holds, by their share in percent.
HOLDS: dict[str, tuple[Change, range]] = {
    "both colours over the limit": (errors(0.01, -PAST, colours=COLOURS), range(10, 101, 10)),
    "green's metrics gone": (vanish("green"), range(30, 101, 10)),
    "everybody's metrics gone": (vanish(*COLOURS), range(30, 101, 10)),
    "one request a second": (hardly_any, range(10, 81, 10)),
}


def world_of(change: Change, rate: float, seed: tuple[int, ...]) -> World:
    """A ramp of a kind."""
    world = usual(np.random.default_rng(seed), rate)
    change(world)
    return world


def scrapes(world: World) -> Iterator[Scrape | Move]:
    """The ramp as a judge is fed it: moves of the balancer and scrapes, in order of time."""
    events: list[tuple[float, Scrape | Move]] = [
        (float(at), Move(float(at), (at // STEP + 1) / 10)) for at in range(0, RAMP, STEP)
    ]
    for colour in COLOURS:
        share = world.share if colour == "green" else 1 - world.share
        for pod in range(world.pods):
            counts = _counters(world, colour, share / world.pods)
            events.extend(_scraped(world, colour, f"{colour}-{pod + 1}", counts))
    events.sort(key=lambda event: event[0])
    for _, event in events:
        yield event


def _counters(world: World, colour: str, share: Values) -> Values:
    """Increments second by second, in the order of KEYS and CUSTOMER_KEYS."""
    dice = world.dice
    requests = dice.poisson(world.rate * share)
    bad = dice.binomial(requests, world.errors[colour])
    levels, index = np.unique(world.p95[colour], return_inverse=True)
    over_one, over_five = (slow_share(levels, over)[index] for over in (1.0, 5.0))
    slow = dice.binomial(requests, over_one)
    very = dice.binomial(slow, np.minimum(1.0, over_five / np.maximum(over_one, 1e-12)))
    good = requests - bad
    logins = dice.binomial(good, LOGINS)
    wrong = dice.binomial(logins, world.logins_refused[colour])
    refused_ones = dice.binomial(good - logins, world.refused[colour])
    orders = dice.binomial(good, world.orders[colour])
    payments = dice.binomial(requests, world.payments[colour])
    lost = dice.binomial(payments, world.failed[colour])
    declined = dice.binomial(payments - lost, world.declined[colour])
    scanned = dice.poisson(world.rate * share * world.bots[colour])
    return np.stack(
        [
            good - logins - refused_ones,
            bad,
            requests - slow,
            requests - very,
            requests,
            payments - lost - declined,
            lost,
            refused_ones,
            logins - wrong,
            wrong,
            scanned,
            orders,
            declined,
        ]
    ).astype(float)


def _scraped(
    world: World, colour: str, instance: str, counts: Values
) -> Iterator[tuple[float, Scrape]]:
    """The scrapes of one instance, each with its counters since the process started."""
    phase = int(world.dice.integers(0, EVERY))
    totals = np.cumsum(counts, axis=1)
    begun, base = -float(PAST) - 86400.0, np.zeros(len(ALL_KEYS))
    restarts = [restart for restart in world.restarts.get(colour, []) if restart]
    for index in range(phase, SECONDS, EVERY):
        while restarts and restarts[0] <= index:
            at = restarts.pop(0)
            begun, base = float(at - PAST), totals[:, at - 1]
        if world.missing[colour][index]:
            continue
        at_second = float(index - PAST)
        values = dict(zip(ALL_KEYS, (totals[:, index] - base).tolist(), strict=True))
        yield at_second, Scrape(at_second, colour, instance, begun, values)
