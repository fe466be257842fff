"""Writes the text of a target file for a new store."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gates.model import Build
from gates.new_store.policy_text import MARK
from gates.new_store.toml_text import table_of, text_of

# A person fills in what could not be found out; gates lint finds this word.
PLACEHOLDER = "changeme"
UNKNOWN = Build(PLACEHOLDER, PLACEHOLDER, f"sha256:{'0' * 64}")
PATIENCE_SECONDS = 5.0
KEPT = ("access", "expected", "traffic", "suites", "secrets")
LOGIN_HINT = """# How the gate logs in to Prometheus; [access.api], [access.health] and
# [access.balancer_control] have the same keys. Names in capitals are environment variables.
# [access.prometheus]
# headers = { "X-Scope-OrgID" = "TENANT" }
# token = "KIRANA_PROMETHEUS_TOKEN"
# credentials = "KIRANA_PROMETHEUS_LOGIN" # the variable's value is USER:PASSWORD
# ca_file = "ca.pem"
# certificate_file = "client.pem"
# key_file = "client.key"
# proxy = "system"
"""


@dataclass(frozen=True, slots=True)
class TargetContent:
    """The content of a target file.

    Args:
        name: the target's name.
        deployment: the deployment that the health answer names; empty where it is not known.
        build: the build that the store serves; None where it is not known.
        addresses: the values of ``[addresses]``, by their keys.
        metrics: the values of ``[metrics]``, by their keys.
        suites: the suites that can run against the store.
        secrets: the names of the secrets that these suites use.
    """

    name: str
    deployment: str
    build: Build | None
    addresses: Mapping[str, str]
    metrics: Mapping[str, object]
    suites: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()

    @property
    def placeholders(self) -> tuple[str, ...]:
        """The keys that a person must fill in."""
        keys = [] if self.deployment else ["deployment"]
        keys += [] if self.build else ["expected.release", "expected.version", "expected.digest"]
        keys += [
            f"metrics.{key}"
            for key, value in self.metrics.items()
            if str(value).startswith(PLACEHOLDER)
        ]
        return tuple(keys)


def kept_tables(path: Path) -> dict[str, object]:
    """Read the TOML tables that the new target file keeps from the old file.

    The result is empty without an old file.
    """
    try:
        content = tomllib.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    tables = {key: content[key] for key in KEPT if isinstance(content.get(key), dict)}
    if PLACEHOLDER in str(tables.get("expected")):
        del tables["expected"]
    return tables


def has_login(kept: Mapping[str, object]) -> bool:
    """Whether the kept tables state how the gate logs in to a part of the target."""
    access = kept.get("access")
    return isinstance(access, dict) and any(isinstance(value, dict) for value in access.values())


def target_of(content: TargetContent, kept: Mapping[str, object]) -> str:
    """Return the text of a target file.

    Args:
        content: the facts that were found out about the store.
        kept: the tables of an earlier target file that replace new tables, by their names.
    """
    build = content.build or UNKNOWN
    tables: dict[str, object] = {
        "expected": {
            "release": build.release,
            "version": build.version,
            "digest": build.digest,
        },
        "addresses": content.addresses,
        "access": {"patience_seconds": PATIENCE_SECONDS, "source_addresses": "own"},
        "metrics": content.metrics,
    }
    if "balancer_control" in content.addresses:
        tables["traffic"] = {"router": "config"}
    if content.suites:
        tables["suites"] = {"allowed": list(content.suites)}
        tables["secrets"] = {name: f"KIRANA_{name.upper()}" for name in content.secrets}
    tables |= kept
    head = (
        f"{MARK}, which overwrites this file and keeps {', '.join(f'[{key}]' for key in KEPT)}.\n"
        "# Without these two lines, gates init leaves the file as it is.\n"
    )
    deployment = content.deployment or PLACEHOLDER
    top = (
        f"name = {text_of(content.name)}\n"
        f"description = {text_of(f'{content.name}, written by gates init')}\n"
        f"deployment = {text_of(deployment)}\nproduction = false\n"
    )
    hint = "" if has_login(tables) else f"\n{LOGIN_HINT}"
    return "\n".join([head + top, *_tables(tables)]) + hint


def _tables(tables: Mapping[str, object]) -> list[str]:
    """Write each table, and each table inside a table."""
    texts = []
    for name, content in tables.items():
        if not isinstance(content, Mapping):
            continue
        own = {key: value for key, value in content.items() if not isinstance(value, dict)}
        texts.append(table_of(name, own))
        texts += [
            table_of(f"{name}.{key}", value)
            for key, value in content.items()
            if isinstance(value, dict)
        ]
    return texts
