"""Ramps as the systems of the indicator sets export them, in their documented exposition."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Line = dict[str, Any]
RAMP_SECONDS, PAST_SECONDS, EVERY = 645, 1830, 15
REQUESTS_PER_SECOND, SHARE, USUAL_ERRORS = 100, 0.1, 0.0005


@dataclass(frozen=True, slots=True)
class Counts:
    """What a colour has counted so far: all requests, the failed, and those within each limit."""

    total: int
    failed: int

    @property
    def good(self) -> int:
        return self.total - self.failed

    def within(self, seconds: float) -> int:
        part = {0.5: 0.9, 1.0: 0.98, 5.0: 0.999}[seconds]
        return int(part * self.total)


def prometheus_client(_: str, counts: Counts) -> str:
    """A Go client with promhttp: the labels code and method."""
    return f"""# HELP http_requests_total Requests answered.
# TYPE http_requests_total counter
http_requests_total{{code="200",method="get"}} {counts.good}
http_requests_total{{code="500",method="get"}} {counts.failed}
# TYPE http_request_duration_seconds histogram
{histogram("http_request_duration_seconds", 'method="get",', counts)}
# TYPE process_start_time_seconds gauge
process_start_time_seconds 1.69e+09
build_info{{version="5.0.0"}} 1
"""


def kirana(colour: str, counts: Counts) -> str:
    labels = f'deployment="{colour}",method="GET",route="/api/products",traffic="customer",'
    return f"""# TYPE http_requests_total counter
http_requests_total{{{labels}status="200"}} {counts.good}.0
http_requests_total{{{labels}status="500"}} {counts.failed}.0
# TYPE http_request_duration_seconds histogram
{histogram("http_request_duration_seconds", labels + 'status="200",', counts, (".0", ".0"))}
process_start_time_seconds 1.69e+09
"""


def opentelemetry_http(_: str, counts: Counts) -> str:
    """The Prometheus exporter of a collector; each instance is a job of its own."""
    labels = (
        'http_request_method="GET",http_route="/api/products",network_protocol_version="1.1",'
        'otel_scope_name="http",url_scheme="http",'
    )
    name = "http_server_request_duration_seconds"
    status = "http_response_status_code"
    failed = Counts(counts.failed, 0)
    return f"""# TYPE {name} histogram
{histogram(name, f'{labels}{status}="200",', Counts(counts.good, 0))}
{histogram(name, f'{labels}{status}="500",error_type="500",', failed)}
payments_total{{status="captured"}} {counts.total // 20}
payments_total{{status="failed"}} 0
# TYPE target_info gauge
target_info{{service_version="5.0.0",telemetry_sdk_language="dotnet"}} 1
"""


def istio(colour: str, counts: Counts) -> str:
    """The merged metrics of a pod with a proxy beside it."""
    labels = (
        'reporter="destination",source_workload="istio-ingressgateway",source_app="gateway",'
        f'destination_workload="store-{colour}",destination_version="{colour}",'
        'destination_service="store.shop.svc.cluster.local",request_protocol="http",'
        'connection_security_policy="mutual_tls",'
    )
    outgoing = labels.replace('reporter="destination"', 'reporter="source"')
    name = "istio_request_duration_milliseconds"
    return f"""# TYPE istio_requests_total counter
istio_requests_total{{{labels}response_code="200",response_flags="-"}} {counts.good}
istio_requests_total{{{labels}response_code="503",response_flags="UF"}} {counts.failed}
istio_requests_total{{{outgoing}response_code="500",response_flags="-"}} 1000
# TYPE {name} histogram
{histogram(name, labels + 'response_code="200",', counts, milliseconds=True)}
istio_agent_process_start_time_seconds 1.69e+09
"""


def nginx_ingress(colour: str, counts: Counts) -> str:
    """A part of the controller's metrics; the controller counts for both colours."""
    canary = 'canary="shop-store-green-80",' if colour == "green" else 'canary="",'
    labels = (
        f'{canary}track="{"canary" if colour == "green" else "stable"}",'
        'controller_class="k8s.io/ingress-nginx",controller_namespace="ingress",'
        'controller_pod="ingress-nginx-controller-1",host="shop.test",ingress="store",'
        'method="GET",namespace="shop",path="/",service="store",'
    )
    name = "nginx_ingress_controller_request_duration_seconds"
    return f"""nginx_ingress_controller_requests{{{labels}status="200"}} {counts.good}
nginx_ingress_controller_requests{{{labels}status="502"}} {counts.failed}
{histogram(name, labels + 'status="200",', counts)}
"""


def haproxy(colour: str, counts: Counts) -> str:
    """A part of HAProxy's metrics; HAProxy counts for both colours."""
    labels = f'proxy="store",server="{colour}"'
    name = "haproxy_server_http_responses_total"
    others = "".join(f'{name}{{{labels},code="{code}"}} 0\n' for code in ("1xx", "3xx", "4xx"))
    return f"""{others}{name}{{{labels},code="2xx"}} {counts.good}
{name}{{{labels},code="5xx"}} {counts.failed}
"""


def histogram(
    name: str,
    labels: str,
    counts: Counts,
    ends: tuple[str, str] = ("", ""),
    *,
    milliseconds: bool = False,
) -> str:
    """The series of a classic histogram."""
    unit = 1000 if milliseconds else 1
    buckets = [(0.5, f"{0.5 * unit:g}"), (1.0, f"{unit}{ends[0]}"), (5.0, f"{5 * unit}{ends[1]}")]
    lines = [f'{name}_bucket{{{labels}le="{le}"}} {counts.within(at)}' for at, le in buckets]
    lines.append(f'{name}_bucket{{{labels}le="+Inf"}} {counts.total}')
    lines.append(f"{name}_count{{{labels.removesuffix(',')}}} {counts.total}")
    return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class System:
    """How a system exports its series.

    Args:
        text: what the system exports of a colour.
        of_both: what a balancer exports beside the series of both colours; empty where each
            colour has its own instances.
        colours: the values of the label that tells the colours apart, green's first.
    """

    text: Callable[[str, Counts], str]
    of_both: str = ""
    colours: tuple[str, str] = ("green", "blue")


SYSTEMS = {
    "kirana": System(kirana),
    "prometheus-client": System(prometheus_client),
    "opentelemetry-http": System(opentelemetry_http),
    "istio": System(istio),
    "nginx-ingress": System(
        nginx_ingress, "process_start_time_seconds 1.69e+09\n", ("canary", "stable")
    ),
    "haproxy": System(haproxy, "haproxy_process_start_time_seconds 1690000000\n"),
}


def counts(colour: str, at: float, errors: float) -> Counts:
    """The counts of a colour at a second of the ramp.

    Args:
        colour: green or blue.
        at: the second; the ramp begins at 0.
        errors: green's error ratio.
    """
    if colour == "blue":
        part = 1 - SHARE if at > 0 else 1
        total = int(REQUESTS_PER_SECOND * (5000 + min(at, 0) + part * max(at, 0)))
        return Counts(total, int(total * USUAL_ERRORS))
    total = int(REQUESTS_PER_SECOND * SHARE * max(at, 0))
    return Counts(total, int(total * errors))


def lines(system: System, errors: float = USUAL_ERRORS) -> list[Line]:
    """A recording of one step of a ramp."""
    recorded: list[Line] = [{"t": 0.0, "weight": {"green": SHARE}}]
    if system.of_both:
        green, blue = system.colours
        recorded.append({"t": 0.0, "colours": {"green": green, "blue": blue}})
    for at in range(-PAST_SECONDS, RAMP_SECONDS, EVERY):
        texts = {
            colour: system.text(colour, counts(colour, at, errors)) for colour in ("green", "blue")
        }
        if system.of_both:
            text = system.of_both + "".join(texts.values())
            recorded.append({"t": at + 1.0, "instance": "balancer-1", "text": text})
            continue
        recorded += [
            {"t": at + 1.0, "target": colour, "instance": f"{colour}-1", "text": text}
            for colour, text in texts.items()
        ]
    return recorded


def write(path: Path, recorded: list[Line]) -> Path:
    """Write the lines of a recording."""
    path.write_text("".join(json.dumps(line) + "\n" for line in recorded))
    return path
