"""The target: a deployed store, and the build that it should serve."""

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Build:
    """A build of the store.

    Args:
        release: the name of the release, such as ``v5``.
        version: the version, such as ``5.0.0``.
        digest: the digest of the image, ``sha256:…``.
    """

    release: str
    version: str
    digest: str

    def __str__(self) -> str:
        return f"{self.release} {self.version} ({self.digest[:15]}…)"


@dataclass(frozen=True, slots=True)
class Addresses:
    """The addresses of the target's parts: URLs without a trailing slash.

    ``alertmanager``, ``grafana`` and ``notifications`` are empty where the target file does not
    state them. ``edge_ca_file`` is the file of the CA certificate of the edge.
    """

    api: str
    health: str
    frontend: str
    edge_https: str
    edge_http: str
    prometheus: str
    balancer_control: str
    edge_ca_file: Path | None
    alertmanager: str = ""
    grafana: str = ""
    notifications: str = ""


@dataclass(frozen=True, slots=True)
class Service:
    """A service that belongs to the target.

    Args:
        name: the service's name.
        address: where the service is asked: an ``http``, ``https`` or ``tcp`` URL.
        version: the version that the service must have, or its first parts: ``2.42``; empty where
            the target file states none.
        up: the selector of its ``up`` series; empty where Prometheus does not scrape the service.
        build_info: the selector of its build information, whose label ``version`` is compared;
            empty where the service exports none.
    """

    name: str
    address: str
    version: str = ""
    up: str = ""
    build_info: str = ""


@dataclass(frozen=True, slots=True)
class Target:
    """One target file.

    Args:
        name: the name for ``--target``.
        digest: SHA-256 of the target file.
        description: one sentence.
        deployment: the name that the store gives itself.
        production: whether customers use the target.
        expected: the build that the target should serve.
        schema_version: the newest database migration that the build needs.
        addresses: the addresses of the target's parts.
        patience_seconds: the longest time for one request.
        loopback_sources: whether every test sends from its own loopback address.
        secrets: the secrets, by name; never shown.
        log_files: the target's log files, where this machine can read them.
        suites: the suites that may run on the target.
        capabilities: the features that the target has.
        slot: the target's value of the ``slot`` label in Prometheus.
        servers: the balancer's names of the target's servers.
        instances: the instances that Prometheus must scrape; empty where the file names none.
        unset: environment variables that the secrets need and that are not set.
        policies: SHA-256 of the policies that may judge the target; empty for any policy.
        public_address: the target's address on the internet, for a scan of its ports; or empty.
        baseline_slot: the baseline's value of the ``slot`` label.
        shop: the public edge of both colours, for a rehearsal's shoppers; or empty.
        router: the kind of router that may move the target's traffic; empty where no command may
            move it.
        services: the services that must run.
        service_count: how many services the guide's text or the operator expects; 0 where the file
            names no services.
        backups: the folder of database backups; None where the file names none.
        migration_command: the command that applies the store's migrations, and its arguments; empty
            where no check may run the command. Checks do not run it in production.
        scrape_interval_seconds: the longest interval between two scrapes that Prometheus may be
            configured with; 0 where the file states none.
        colour_label: the label that tells the colours apart in Prometheus; empty where the policy's
            selectors name the label.
        metrics_address: where the target exports its metrics; empty for ``/metrics`` of its API.
        replica_labels: the labels that tell replicas of Prometheus apart, which scrape the same
            instances; empty where there is one Prometheus.
    """

    name: str
    digest: str
    description: str
    deployment: str
    production: bool
    expected: Build
    schema_version: int
    addresses: Addresses
    patience_seconds: float
    loopback_sources: bool
    log_files: tuple[Path, ...]
    suites: frozenset[str]
    capabilities: frozenset[str]
    slot: str
    servers: tuple[str, ...]
    instances: tuple[str, ...]
    policies: frozenset[str]
    unset: tuple[str, ...]
    baseline_slot: str
    public_address: str
    shop: str
    router: str
    secrets: dict[str, str] = field(repr=False)
    services: tuple[Service, ...] = ()
    service_count: int = 0
    backups: Path | None = None
    migration_command: tuple[str, ...] = ()
    scrape_interval_seconds: float = 0.0
    colour_label: str = ""
    metrics_address: str = ""
    replica_labels: tuple[str, ...] = ()
