"""What is judged: a deployed thing, at a stated build."""

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Build:
    """A build of the store, as shipped or as served.

    Args:
        release: its name, such as ``v5``.
        version: its version, such as ``5.0.0``.
        digest: its image digest, ``sha256:…``.
    """

    release: str
    version: str
    digest: str

    def __str__(self) -> str:
        return f"{self.release} {self.version} ({self.digest[:15]}…)"


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the target's parts answer; each a URL without a trailing slash."""

    api: str
    health: str
    frontend: str
    edge_https: str
    edge_http: str
    prometheus: str
    balancer_control: str
    edge_ca_file: Path | None


@dataclass(frozen=True, slots=True)
class Target:
    """One target file.

    Args:
        name: as ``--target`` names it.
        digest: SHA-256 of the target file.
        description: one sentence.
        deployment: what the store calls itself there.
        production: whether customers use it.
        expected: the build that should be served.
        schema_version: the newest database migration that build needs.
        addresses: where its parts answer.
        patience_seconds: how long one request may take.
        loopback_sources: whether every test sends from a loopback address of its own.
        secrets: secret by name; never shown.
        log_files: its log files, where this machine can read them.
        suites: the suites that may run there.
        capabilities: the features it declares.
        slot: its value of the ``slot`` label in Prometheus.
        servers: the balancer's names of its servers.
        instances: the instances that Prometheus must scrape; empty where the file does not say.
        unset: environment variables that its secrets name and that are not set.
        policies: SHA-256 of the policies it may be judged by; empty for any.
        public_address: the address the public reaches it by, for looking at its ports, or empty.
        baseline_slot: the same of the colour it is compared with.
        shop: the public edge of both colours, where a rehearsal's shoppers go, or empty.
        router: the kind of router that may move its traffic; empty where nothing here may.
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
