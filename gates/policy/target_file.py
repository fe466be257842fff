"""Reads target files, and the secrets they name from the environment."""

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from gates.errors import ConfigurationError, UnknownNameError
from gates.model import Addresses, Build, Service, Target
from gates.policy.toml_table import Table, one_of, read
from gates.routers import ROUTERS

POLICY_DIGEST = re.compile(r"sha256:[0-9a-f]{64}\Z")
DIGEST = re.compile(r"sha256:[0-9a-f]{32,64}\Z")
ADDRESS = re.compile(r"(https?|tcp)://[^\s/@]+(/\S*)?\Z")
VARIABLE = re.compile(r"[A-Z][A-Z0-9_]{2,60}\Z")
MAX_SECRETS_BYTES = 65536


def names(folder: Path) -> list[str]:
    """The targets of a folder; examples are not targets."""
    return sorted(path.stem for path in folder.glob("*.toml") if not path.stem.endswith(".example"))


def load(name: str, folder: Path) -> Target:
    """Read one target.

    Args:
        name: the target's name.
        folder: the folder of target files.

    Returns:
        The target, with the secrets that the environment has.

    Raises:
        UnknownNameError: the folder has no such target; the message has the nearest name.
        ConfigurationError: the target file is wrong; the message names file and key.
    """
    known = names(folder)
    if name not in known:
        raise UnknownNameError("target", name, known, str(folder))
    path = folder / f"{name}.toml"
    top, raw = read(path)
    if top.name("name") != name:
        raise top.error("name", f"expected {name!r}, the file's name")
    target = _target(name, hashlib.sha256(raw).hexdigest(), top, folder)
    top.end()
    return target


def _target(name: str, digest: str, top: Table, folder: Path) -> Target:
    unset: list[str] = []
    expected, access = top.table("expected"), top.table("access")
    suites, metrics = top.table("suites"), top.table("metrics")
    traffic = top.table("traffic") if "traffic" in top.left() else None
    production = top.flag("production")
    target = Target(
        name=name,
        digest=digest,
        description=top.text("description"),
        deployment=top.name("deployment"),
        production=production,
        expected=_build(expected),
        schema_version=expected.whole("schema_version", 1, 10_000),
        addresses=_addresses(top.table("addresses"), folder),
        patience_seconds=access.number("patience_seconds", 0.1, 60),
        loopback_sources=one_of(access, "source_addresses", ("own", "loopback")) == "loopback",
        log_files=_log_files(access, folder),
        suites=frozenset(suites.texts("allowed")),
        capabilities=frozenset(suites.texts("capabilities")),
        slot=(slot := metrics.name("slot")),
        servers=_texts(metrics, "servers") or (slot,),
        instances=_texts(metrics, "instances"),
        baseline_slot=metrics.name("baseline_slot"),
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
        secrets=_secrets(top.table("secrets"), access, folder, unset, production=production),
        unset=tuple(unset),
        policies=_policies(top, production=production),
        migration_command=_migration_command(top, folder),
    )
    expected.end_of(access, suites, metrics, *([traffic] if traffic else []))
    if target.slot == target.baseline_slot:
        raise metrics.error("baseline_slot", "the same as slot: a colour against itself")
    return target


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
                "policy", 'missing; a production target needs [policy] accepted = ["sha256:…"], '
                "and `gates stages` prints the digest",
            )  # fmt: skip
        return frozenset()
    table = top.table("policy")
    accepted = table.texts("accepted")
    if wrong := [text for text in accepted if not POLICY_DIGEST.match(text)]:
        raise table.error("accepted", f"expected sha256: and 64 digits, got {wrong[0]!r}"[:200])
    table.end()
    return frozenset(text.removeprefix("sha256:") for text in accepted)


def _build(table: Table) -> Build:
    digest = table.text("digest")
    if not DIGEST.match(digest):
        raise table.error("digest", "expected sha256: and 32 to 64 hexadecimal digits")
    return Build(release=table.name("release"), version=table.name("version"), digest=digest)


def _addresses(table: Table, folder: Path) -> Addresses:
    certificate = table.text("edge_ca_file") if "edge_ca_file" in table.left() else ""
    addresses = Addresses(
        api=_url(table, "api"),
        health=_url(table, "health"),
        frontend=_url(table, "frontend"),
        edge_https=_url(table, "edge_https"),
        edge_http=_url(table, "edge_http"),
        prometheus=_url(table, "prometheus"),
        balancer_control=_url(table, "balancer_control"),
        edge_ca_file=(folder / certificate).resolve() if certificate else None,
        alertmanager=_url(table, "alertmanager") if "alertmanager" in table.left() else "",
        grafana=_url(table, "grafana") if "grafana" in table.left() else "",
        notifications=_url(table, "notifications") if "notifications" in table.left() else "",
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
        raise table.error("count", f"expected the number of services below: {len(listed)}")
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
    """The command that applies migrations; a path that begins with ``../`` is the file's."""
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
        raise table.error(key, "expected http:// or https:// and a host, without a user")
    if value.endswith("/") or parts.query or parts.fragment:
        raise table.error(key, "expected no trailing slash, query or fragment")
    return value


def _secrets(
    table: Table, access: Table, folder: Path, unset: list[str], *, production: bool
) -> dict[str, str]:
    """The secrets by name, from the environment, or from the secrets file of a test store.

    Variables that are not set are added to ``unset``.
    """
    from_file: dict[str, str] = {}
    if "secrets_file" in access.left():
        named = access.text("secrets_file")
        if production:
            raise access.error("secrets_file", "production takes secrets from the environment")
        from_file = _secrets_file((folder / named).resolve())
    found = {}
    for name in table.left():
        variable = table.text(name)
        if not VARIABLE.match(variable):
            raise table.error(name, "expected the name of an environment variable, in capitals")
        value = os.environ.get(variable) or from_file.get(variable)
        if value:
            found[name] = value
        else:
            unset.append(variable)
    return found


def _secrets_file(path: Path) -> dict[str, str]:
    """Read ``NAME=value`` lines; a store that has not started yet has no such file."""
    try:
        raw = path.read_bytes()[: MAX_SECRETS_BYTES + 1]
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read: {error.strerror}") from error
    if len(raw) > MAX_SECRETS_BYTES:
        raise ConfigurationError(f"{path}: over {MAX_SECRETS_BYTES} bytes")
    pairs = [line.partition("=") for line in raw.decode(errors="replace").splitlines()]
    return {name: value for name, equals, value in pairs if equals}
