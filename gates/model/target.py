"""The target: a deployed store, the access to its parts, and the build that it should serve."""

import base64
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

# Marks a field that the evidence of an older gate does not have.
LATER = {"later": True}


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
        return f"{self.release} {self.version} ({self.digest})"


@dataclass(frozen=True, slots=True)
class Access:
    """How a part of the target is accessed: log-in, certificates, proxy and time limit.

    Args:
        deadline_seconds: the longest time for one request.
        table: the target file and its table that states this access, for messages, such as
            ``targets/green.toml: access.prometheus``; empty without a target file.
        address_key: the key of the address in the target file, such as ``addresses.prometheus``.
        headers: additional headers, pairs of a name and a value.
        secret_headers: additional headers whose values are secrets, pairs of a name and a value.
        token: a bearer token; empty for none.
        credentials: ``USER:PASSWORD`` for basic authentication; empty for none.
        ca_file: the file of the CA certificates that are accepted; None for the system's.
        certificate_file: the file of the client certificate; None without a certificate.
        key_file: the file of the client certificate's key; None where ``certificate_file`` has the
            key.
        uses_system_proxy: whether requests to other machines use the proxies that the environment
            variables name.
        unset: pairs of a key of the table and an environment variable that the key names and that
            is not set.
        variables: pairs of a key of the table and the environment variable that the key names.
    """

    deadline_seconds: float
    table: str = ""
    address_key: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    secret_headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    token: str = field(default="", repr=False)
    credentials: str = field(default="", repr=False)
    ca_file: Path | None = None
    certificate_file: Path | None = None
    key_file: Path | None = None
    uses_system_proxy: bool = False
    unset: tuple[tuple[str, str], ...] = ()
    variables: tuple[tuple[str, str], ...] = ()

    @property
    def basic(self) -> str:
        """The credentials in base64, for the header Authorization; empty without credentials."""
        return base64.b64encode(self.credentials.encode()).decode() if self.credentials else ""

    @property
    def request_headers(self) -> dict[str, str]:
        """The headers of every request: those of the target file, and the header of the log-in."""
        headers = dict((*self.headers, *self.secret_headers))
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        elif self.credentials:
            headers["Authorization"] = f"Basic {self.basic}"
        return headers

    @property
    def secrets(self) -> tuple[str, ...]:
        """The secret texts of the access, which no output may contain."""
        password = self.credentials.partition(":")[2]
        values = (value for _, value in self.secret_headers)
        texts = (self.token, self.credentials, self.basic, password, *values)
        return tuple(text for text in texts if text)

    def at_most(self, seconds: float) -> "Access":
        """Return this access with a time limit of at most the given number of seconds."""
        return replace(self, deadline_seconds=min(self.deadline_seconds, seconds))

    def key(self, name: str) -> str:
        """Return a key for a message, with the names of its file and table before the key."""
        return f"{self.table}.{name}" if self.table else name

    def curl_options(self, *, with_login: bool = True) -> str:
        """Return the curl options of this access; names of environment variables replace secrets.

        A blank follows each option.

        Args:
            with_login: whether the options include the token or the credentials.
        """
        pairs = self._curl_pairs(with_login=with_login)
        return "".join(f"{option} {value} " for option, value in pairs)

    def _curl_pairs(self, *, with_login: bool) -> Iterator[tuple[str, str]]:
        for name, value in self.headers:
            yield "-H", shlex.quote(f"{name}: {value}")
        for key, variable in self.variables:
            if key in ("token", "credentials") and not with_login:
                continue
            if key == "credentials":
                yield "-u", f'"${variable}"'
            else:
                name = key.partition(".")[2]
                header = "Authorization: Bearer" if key == "token" else f"{name}:"
                yield "-H", f'"{header} ${variable}"'
        files = (
            ("--cacert", self.ca_file),
            ("--cert", self.certificate_file),
            ("--key", self.key_file),
        )
        for option, path in files:
            if path:
                yield option, shlex.quote(str(path))


HEALTH_SECONDS, CONTROL_SECONDS, QUERY_SECONDS, REQUEST_SECONDS = 2.0, 4.0, 10.0, 5.0


@dataclass(frozen=True, slots=True)
class TargetAccess:
    """The access to each part of a target; without a target file, no part needs a log-in.

    Args:
        api: the access to the store's API, with the time limit ``patience_seconds``.
        health: the access to the store's health address.
        prometheus: the access to Prometheus, with the time limit of one query.
        balancer_control: the access to the control endpoint of the balancer.
    """

    api: Access = Access(REQUEST_SECONDS)
    health: Access = Access(HEALTH_SECONDS)
    prometheus: Access = Access(QUERY_SECONDS)
    balancer_control: Access = Access(CONTROL_SECONDS)


# The access to every part of a target where no target file is known.
NO_LOGIN = TargetAccess()


@dataclass(frozen=True, slots=True)
class Addresses:
    """The addresses of the target's parts: URLs without a trailing slash.

    An address that the target file does not state is empty; every target file states ``api``,
    ``health`` and ``prometheus``. ``edge_ca_file`` is the file of the edge's CA certificate.
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
        address: the ``http``, ``https`` or ``tcp`` URL of the service.
        version: the version that the service must have, or the first parts of the version, such as
            ``2.42``; empty where the target file states no version.
        up: the selector of the ``up`` series of the service; empty where Prometheus does not scrape
            the service.
        build_info: the selector of the info series whose label ``version`` is compared; empty where
            the service exports no such series.
    """

    name: str
    address: str
    version: str = ""
    up: str = ""
    build_info: str = ""


@dataclass(frozen=True, slots=True)
class Target:
    """The content of one target file: a deployed store.

    Args:
        name: the name of the target, for the option ``--target``.
        digest: SHA-256 of the target file.
        description: one sentence about the target.
        deployment: the deployment name that the health address of the target must state.
        production: whether customers use the target.
        expected: the build that the target should serve.
        schema_version: the newest database migration that the build needs; 0 where the target file
            states no migration.
        addresses: the addresses of the target's parts.
        patience_seconds: the longest time for one request to the store.
        loopback_sources: whether every test sends requests from a loopback address of its own.
        secrets: the secrets, by name; never shown.
        log_files: the target's log files, where this machine can read them.
        suites: the suites that may run on the target.
        suite_processes: the number of processes in which a suite runs, by suite; a suite that is
            not named runs in one process.
        capabilities: the features that the target has.
        slot: the target's value of the ``slot`` label in Prometheus.
        servers: the balancer's names of the target's servers.
        instances: the instances that Prometheus must scrape; empty where the file names none.
        unset: the environment variables that should have secrets and that are not set.
        policies: SHA-256 of each policy that may judge the target; empty for any policy.
        public_address: the target's address on the internet, for a scan of its ports; empty where
            the target file states no such address.
        baseline_slot: the baseline's value of the ``slot`` label.
        shop: the address at which the balancer serves both colours, for simulated shoppers; empty
            where the target file states no such address.
        router: the kind of router with which gates may move the target's traffic; empty where
            gates may not move the traffic.
        services: the services that must run.
        service_count: the number of services that the guide or the operator expects; 0 where the
            file names no services.
        backups: the folder of database backups; None where the target file names no folder.
        migration_command: the command that applies the store's migrations, and its arguments; empty
            where no check may run the command. Checks do not run the command in production.
        scrape_interval_seconds: the longest scrape interval that the configuration of Prometheus
            may have; 0 where the target file states none.
        colour_label: the label that tells the colours apart in Prometheus; empty where the policy's
            selectors name the label.
        access: the log-in, certificates and time limit for each part of the target.
        metrics_address: the URL of the target's metrics; empty for ``/metrics`` of the API.
        replica_labels: the labels that tell apart the replicas of Prometheus that scrape the same
            instances; empty where one Prometheus scrapes the target.
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
    suite_processes: Mapping[str, int] = field(default_factory=dict, metadata=LATER)
    access: TargetAccess = field(default=NO_LOGIN, repr=False)

    def access_of(self, url: str) -> Access:
        """Return the access for a request of the suites, with the time limit ``patience_seconds``.

        Only the address of a part of the target gets a log-in: the log-in of this part.

        Args:
            url: the address of the request.
        """
        parts = (
            (self.addresses.api, self.access.api),
            (self.addresses.health, self.access.health),
            (self.addresses.prometheus, self.access.prometheus),
            (self.addresses.balancer_control, self.access.balancer_control),
        )
        server = urlsplit(url)[:2]
        known = (access for address, access in parts if urlsplit(address)[:2] == server)
        access = next(known, Access(self.patience_seconds))
        return replace(access, deadline_seconds=self.patience_seconds)
