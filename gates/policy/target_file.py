"""Reads target files, and reads from the environment the secrets that the files name."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from gates.errors import UnknownNameError
from gates.model import Addresses, Build, Service, Target
from gates.policy.target_tables.access_tables import PARTS, AccessReader
from gates.policy.target_tables.secret_values import SecretValues, secret_values
from gates.policy.toml_table import Table, one_of, read
from gates.routers import ROUTERS

POLICY_DIGEST = re.compile(r"sha256:[0-9a-f]{64}\Z")
DIGEST = re.compile(r"sha256:[0-9a-f]{32,64}\Z")
OPTIONAL_ADDRESSES = (
    "frontend",
    "edge_https",
    "edge_http",
    "balancer_control",
    "alertmanager",
    "grafana",
    "notifications",
)
# More processes than this would be load, and not tests.
MAX_PROCESSES = 8
ADDRESS = re.compile(r"(https?|tcp)://[^\s/@]+(/\S*)?\Z")


def names(folder: Path) -> list[str]:
    """Return the names of the targets of a folder, without example files."""
    return sorted(path.stem for path in folder.glob("*.toml") if not path.stem.endswith(".example"))


def load(name: str, folder: Path) -> Target:
    """Read the file of one target.

    Args:
        name: the target's name.
        folder: the folder of target files.

    Returns:
        The target, with the secrets that the environment has.

    Raises:
        UnknownNameError: the folder has no target of this name; the message suggests the nearest
            name.
        ConfigurationError: the target file is wrong; the message names the file and the key.
    """
    known = names(folder)
    if name not in known:
        raise UnknownNameError("target", name, known, str(folder))
    path = folder / f"{name}.toml"
    top, raw = read(path)
    if top.name("name") != name:
        raise top.error("name", f"expected {name!r}, the name of the file")
    target = _target(name, hashlib.sha256(raw).hexdigest(), top, path)
    top.end()
    return target


def _target(name: str, digest: str, top: Table, path: Path) -> Target:
    folder = path.parent
    unset: list[str] = []
    secrets: dict[str, str] = {}
    expected, access = top.table("expected"), top.table("access")
    suites, metrics = _suites(top, path), top.table("metrics")
    traffic = top.table("traffic") if "traffic" in top.left() else None
    production = top.flag("production")
    addresses = _addresses(top.table("addresses"), folder)
    patience_seconds = access.number("patience_seconds", 0.1, 60)
    values = secret_values(access, folder, production=production)
    secrets |= _secrets(top.table("secrets"), values, unset) if "secrets" in top.left() else {}
    reader = AccessReader(access, path, values, _schemes(addresses), secrets, unset)
    target_access = reader.target_access(patience_seconds)
    target = Target(
        name=name,
        digest=digest,
        description=top.text("description"),
        deployment=top.store_name("deployment"),
        production=production,
        expected=_build(expected),
        schema_version=_schema_version(expected),
        addresses=addresses,
        patience_seconds=patience_seconds,
        loopback_sources=one_of(access, "source_addresses", ("own", "loopback")) == "loopback",
        log_files=_log_files(access, folder),
        suites=(allowed := frozenset(_texts(suites, "allowed"))),
        suite_processes=_suite_processes(suites, allowed),
        capabilities=frozenset(_texts(suites, "capabilities")),
        slot=(slot := metrics.store_name("slot")),
        servers=_texts(metrics, "servers") or (slot,),
        instances=_texts(metrics, "instances"),
        baseline_slot=metrics.store_name("baseline_slot"),
        scrape_interval_seconds=_scrape_interval(metrics),
        colour_label=metrics.text("colour_label") if "colour_label" in metrics.left() else "",
        metrics_address=_url(metrics, "address") if "address" in metrics.left() else "",
        replica_labels=_texts(metrics, "replica_labels"),
        shop=_url(traffic, "shop") if traffic and "shop" in traffic.left() else "",
        services=(services := _services(top)).listed,
        service_count=services.count,
        backups=_backups(top, folder),
        router=one_of(traffic, "router", ROUTERS) if traffic else "",
        public_address=access.text("public_address") if "public_address" in access.left() else "",
        secrets=secrets,
        unset=tuple(unset),
        policies=_policies(top, production=production),
        migration_command=_migration_command(top, folder),
        access=target_access,
    )
    expected.end_of(access, suites, metrics, *([traffic] if traffic else []))
    if target.slot == target.baseline_slot:
        problem = (
            "the value is also the value of slot, so the gate would compare a colour with itself"
        )
        raise metrics.error("baseline_slot", problem)
    return target


def _suites(top: Table, path: Path) -> Table:
    """The table ``[suites]``; without the table, no suite may run."""
    return top.table("suites") if "suites" in top.left() else Table(str(path), "suites", {})


def _suite_processes(suites: Table, allowed: frozenset[str]) -> dict[str, int]:
    """The number of processes of each suite that ``[suites] processes`` names."""
    if "processes" not in suites.left():
        return {}
    table = suites.table("processes")
    processes = {name: table.whole(name, 1, MAX_PROCESSES) for name in table.left()}
    runnable = allowed - {"load"}
    if unknown := sorted(set(processes) - runnable):
        raise table.error(
            unknown[0], f"cannot have processes; the suites that can: {', '.join(sorted(runnable))}"
        )
    table.end()
    return processes


def _schemes(addresses: Addresses) -> dict[str, str]:
    """Return the URL scheme of each part's address, such as ``https``, keyed by part."""
    return {part: getattr(addresses, part).partition(":")[0] for part in PARTS}


def _schema_version(expected: Table) -> int:
    """The newest database migration; 0 where the target file states none."""
    key = "schema_version"
    return expected.whole(key, 1, 10_000) if key in expected.left() else 0


def _scrape_interval(metrics: Table) -> float:
    """The longest scrape interval, in seconds; 0 where the target file states none."""
    key = "scrape_interval_seconds"
    return metrics.number(key, 0.1, 3600) if key in metrics.left() else 0.0


def _texts(table: Table, key: str) -> tuple[str, ...]:
    """A list of texts; empty where the key is missing."""
    return table.texts(key) if key in table.left() else ()


def _policies(top: Table, *, production: bool) -> frozenset[str]:
    """The digests of the policies that may judge the target."""
    if "policy" not in top.left():
        if production:
            raise top.error(
                "policy",
                'missing; a production target needs [policy] accepted = ["sha256:…"], '
                "and `gates stages` prints the digest",
            )
        return frozenset()
    table = top.table("policy")
    accepted = table.texts("accepted")
    if wrong := [text for text in accepted if not POLICY_DIGEST.match(text)]:
        raise table.error(
            "accepted", f"expected sha256: and 64 hexadecimal digits, got {wrong[0]!r}"[:200]
        )
    table.end()
    return frozenset(text.removeprefix("sha256:") for text in accepted)


def _build(table: Table) -> Build:
    digest = table.text("digest")
    if not DIGEST.match(digest):
        raise table.error("digest", "expected sha256: and 32 to 64 hexadecimal digits")
    return Build(
        release=table.store_name("release"), version=table.store_name("version"), digest=digest
    )


def _addresses(table: Table, folder: Path) -> Addresses:
    certificate = table.text("edge_ca_file") if "edge_ca_file" in table.left() else ""
    addresses = Addresses(
        api=_url(table, "api"),
        health=_url(table, "health"),
        prometheus=_url(table, "prometheus"),
        edge_ca_file=(folder / certificate).resolve() if certificate else None,
        **{key: _url(table, key) if key in table.left() else "" for key in OPTIONAL_ADDRESSES},
    )
    table.end()
    return addresses


@dataclass(frozen=True, slots=True)
class _Services:
    listed: tuple[Service, ...] = ()
    count: int = 0


def _services(top: Table) -> _Services:
    """The services that must run, and the required number of services."""
    if "services" not in top.left():
        return _Services()
    table = top.table("services")
    count = table.whole("count", 1, 10_000)
    listed = tuple(_service(name, table.table(name)) for name in table.left())
    if len(listed) != count:
        raise table.error("count", f"expected {len(listed)}, the number of services in [services]")
    return _Services(listed, count)


def _service(name: str, table: Table) -> Service:
    address = table.text("address")
    if not ADDRESS.match(address):
        raise table.error("address", "expected an http://, https:// or tcp:// URL")
    texts = {key: table.text(key) for key in ("version", "up", "build_info") if key in table.left()}
    table.end()
    return Service(name, address, **texts)


def _backups(top: Table, folder: Path) -> Path | None:
    """The folder of database backups."""
    if "backup" not in top.left():
        return None
    table = top.table("backup")
    backups = (folder / table.text("folder")).resolve()
    table.end()
    return backups


def _migration_command(top: Table, folder: Path) -> tuple[str, ...]:
    """Return the command that applies migrations, with ``../`` relative to the target file."""
    if "database" not in top.left():
        return ()
    table = top.table("database")
    words = table.texts("migrate")
    table.end()
    return tuple(
        str((folder / word).resolve()) if word.startswith("../") else word for word in words
    )


def _log_files(access: Table, folder: Path) -> tuple[Path, ...]:
    if "log_files" not in access.left():
        return ()
    return tuple((folder / name).resolve() for name in access.texts("log_files"))


def _url(table: Table, key: str) -> str:
    value = table.text(key)
    parts = urlsplit(value)
    try:
        _ = parts.port
    except ValueError as error:
        raise table.error(key, f"expected a port from 0 to 65535: {error}") from error
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
        raise table.error(key, "expected http:// or https://, and then a host, without a user")
    if value.endswith("/") or parts.query or parts.fragment:
        raise table.error(key, "expected a URL with no trailing slash, query or fragment")
    return value


def _secrets(table: Table, values: SecretValues, unset: list[str]) -> dict[str, str]:
    """The secrets, keyed by name; variables that are not set are added to ``unset``."""
    secrets = {}
    for name in table.left():
        variable = values.variable(table, name)
        if value := values.value(variable):
            secrets[name] = value
        else:
            unset.append(variable)
    return secrets
