"""The store's Prometheus series, under the names its dashboards and alerts read."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.gc_collector import GCCollector
from prometheus_client.process_collector import ProcessCollector

from testbed.store.settings import Settings

BOUNDARIES = (0.05, 0.1, 0.2, 0.25, 0.5, 1, 2, 2.5, 5, 10)
# The label sets (route, method, status) that alert rules read and that no request may have yet.
FIRST_REFUSALS = (("/api/auth/login", "POST", "401"),)
FIRST_DURATIONS = (("/api/products", "GET", "200"), ("/api/orders", "POST", "201"))

REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)
GCCollector(registry=REGISTRY)

_REQUEST_LABELS = ["deployment", "route", "method", "status", "traffic"]
_requests = Counter("http_requests_total", "Requests answered", _REQUEST_LABELS, registry=REGISTRY)
_errors = Counter(
    "http_errors_total", "Requests answered with 5xx", _REQUEST_LABELS, registry=REGISTRY
)
_durations = Histogram(
    "http_request_duration_seconds",
    "Time to answer a request",
    _REQUEST_LABELS,
    buckets=BOUNDARIES,
    registry=REGISTRY,
)
_queries = Histogram(
    "db_query_duration_seconds",
    "Time of one database command",
    ["deployment", "command"],
    buckets=(0.001, 0.005, 0.01, 0.05, 0.1, 0.2, 0.5, 1, 5),
    registry=REGISTRY,
)
_hits = Counter("cache_hits_total", "Cache hits", ["deployment"], registry=REGISTRY)
_misses = Counter("cache_misses_total", "Cache misses", ["deployment"], registry=REGISTRY)
_orders = Counter(
    "orders_total", "Orders by status", ["deployment", "status", "traffic"], registry=REGISTRY
)
_order_value = Counter(
    "order_value_paise_total",
    "Value of the orders placed, in paise",
    ["deployment", "traffic"],
    registry=REGISTRY,
)
_payments = Counter(
    "payments_total",
    "Payments by outcome",
    ["deployment", "status", "traffic"],
    registry=REGISTRY,
)
_points = Counter("points_awarded_total", "Loyalty points", ["deployment"], registry=REGISTRY)
_auth_failures = Counter(
    "auth_failures_total", "Refused log-ins and tokens", ["deployment"], registry=REGISTRY
)
_dependencies = Gauge(
    "kirana_dependency_up",
    "Whether a dependency answered the last health check: 1 or 0",
    ["deployment", "dependency"],
    registry=REGISTRY,
)
_pool = Gauge(
    "db_pool_connections",
    "Connections to the database, by state: checked_out or idle",
    ["deployment", "state"],
    registry=REGISTRY,
)
_pool_limit = Gauge(
    "db_pool_connections_limit",
    "How many connections to the database the pool may open",
    ["deployment"],
    registry=REGISTRY,
)
_build = Gauge(
    "kirana_build_info",
    "The build that is served",
    ["release", "version", "digest", "deployment"],
    registry=REGISTRY,
)


def initialise(settings: Settings, routes: list[tuple[str, str]]) -> None:
    """Create the label sets that rates and ratios read, so that a first count is not missed."""
    name, release = settings.deployment, settings.release
    _build.labels(release.name, release.version, release.digest, name).set(1)
    for counter in (_hits, _misses, _points, _auth_failures):
        counter.labels(name)
    _order_value.labels(name, "customer")
    for status in ("placed", "paid"):
        _orders.labels(name, status, "customer")
    for status in ("captured", "declined", "failed", "pending"):
        _payments.labels(name, status, "customer")
    for method, route in routes:
        for status in ("200", "500"):
            _requests.labels(name, route, method, status, "customer")
    for labels in FIRST_REFUSALS:
        _requests.labels(name, *labels, "customer")
    for labels in FIRST_DURATIONS:
        _durations.labels(name, *labels, "customer")


def exposition() -> tuple[bytes, str]:
    return generate_latest(REGISTRY), CONTENT_TYPE_LATEST


def observe_request(labels: tuple[str, str, str, int, str], seconds: float) -> None:
    """Count one answered request; labels are deployment, route, method, status, traffic."""
    deployment, route, method, status, traffic = labels
    names = (deployment, route, method, str(status), traffic)
    _requests.labels(*names).inc()
    _durations.labels(*names).observe(seconds)
    if status >= 500:  # noqa: PLR2004 - the definition of a server error
        _errors.labels(*names).inc()


def observe_query(deployment: str, command: str, seconds: float) -> None:
    _queries.labels(deployment, command).observe(seconds)


def count_cache(deployment: str, *, hit: bool) -> None:
    (_hits if hit else _misses).labels(deployment).inc()


def count_order(deployment: str, status: str, traffic: str) -> None:
    _orders.labels(deployment, status, traffic).inc()


def count_order_value(deployment: str, traffic: str, paise: int) -> None:
    _order_value.labels(deployment, traffic).inc(paise)


def count_payment(deployment: str, status: str, traffic: str) -> None:
    _payments.labels(deployment, status, traffic).inc()


def count_points(deployment: str, points: int) -> None:
    _points.labels(deployment).inc(points)


def count_auth_failure(deployment: str) -> None:
    _auth_failures.labels(deployment).inc()


def set_dependency(deployment: str, dependency: str, *, up: bool) -> None:
    _dependencies.labels(deployment, dependency).set(up)


def set_pool_limit(deployment: str, connections: int) -> None:
    _pool_limit.labels(deployment).set(connections)
    set_pool(deployment, checked_out=0, idle=0)


def set_pool(deployment: str, *, checked_out: int, idle: int) -> None:
    _pool.labels(deployment, "checked_out").set(checked_out)
    _pool.labels(deployment, "idle").set(idle)
