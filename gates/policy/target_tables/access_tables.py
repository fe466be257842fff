"""Reads the tables ``[access.prometheus]``, ``[access.health]`` and so on of a target file."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gates.model import Access, TargetAccess
from gates.policy.target_tables.secret_values import SecretValues
from gates.policy.toml_table import Table, one_of

HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_|~-]{1,80}\Z")
HEADER_VALUE = re.compile(r"[\x21-\x7e]([\x20-\x7e]{0,498}[\x21-\x7e])?\Z")
# A value of these headers is a secret, so that it must not stand in a file.
SECRET_HEADERS = frozenset({"authorization", "proxy-authorization", "cookie"})
# The client writes these headers itself.
OWN_HEADERS = frozenset({"host", "content-length", "transfer-encoding", "connection"})
# A shorter text occurs in ordinary words, so that hiding it would spoil every message.
MIN_PASSWORD_LENGTH = 4
MIN_DEADLINE_SECONDS, MAX_DEADLINE_SECONDS = 0.1, 120.0
# The parts of a target that may have a table, and the key of the time limit of a request.
PARTS = {
    "api": "",
    "health": "request_deadline_seconds",
    "prometheus": "query_deadline_seconds",
    "balancer_control": "request_deadline_seconds",
}


@dataclass(slots=True)
class AccessReader:
    """Reads the log-in, the headers and the time limit of requests to each part of a target.

    Args:
        tables: the table ``[access]``.
        path: the target file.
        values: the reader of the values of secrets.
        schemes: the scheme of each part's address: ``http`` or ``https``.
        secrets: the dictionary to which the reader adds each secret, with a key such as
            ``access.api.token``.
        unset: the list to which the reader adds each variable that is not set.
    """

    tables: Table
    path: Path
    values: SecretValues
    schemes: Mapping[str, str]
    secrets: dict[str, str] = field(repr=False)
    unset: list[str]

    def target_access(self, patience_seconds: float) -> TargetAccess:
        """Return the access to every part of the target; a part without a table needs no log-in.

        Args:
            patience_seconds: the time limit of a request to the API, in seconds.

        Raises:
            ConfigurationError: a table is wrong; the message names the file and the key.
        """
        default = TargetAccess(api=Access(patience_seconds))
        return TargetAccess(**{part: self.part(part, getattr(default, part)) for part in PARTS})

    def part(self, part: str, default: Access) -> Access:
        """Return the access to one part of the target.

        Args:
            part: the name of the part: a key of ``PARTS``, such as ``prometheus``.
            default: the access whose time limit applies where the file states no time limit.

        Raises:
            ConfigurationError: the table is wrong; the message names the file and the key.
        """
        seconds = default.deadline_seconds
        name = f"{self.path}: access.{part}"
        address_key = f"addresses.{part}"
        if part not in self.tables.left():
            return Access(seconds, name, address_key)
        table = self.tables.table(part)
        key = PARTS[part]
        if key in table.left():
            seconds = table.number(key, MIN_DEADLINE_SECONDS, MAX_DEADLINE_SECONDS)
        headers = tuple(_headers(table, "headers"))
        named = self._variables(table)
        values = {key: self.values.value(variable).strip() for key, variable in named.items()}
        self._keep(part, named, values)
        files = self._files(table, part)
        access = Access(
            deadline_seconds=seconds,
            table=name,
            address_key=address_key,
            headers=headers,
            secret_headers=tuple(
                (key.partition(".")[2], value)
                for key, value in values.items()
                if value and key.startswith("secret_headers.")
            ),
            token=values.get("token", ""),
            credentials=_credentials(table, values),
            ca_file=files.get("ca_file"),
            certificate_file=files.get("certificate_file"),
            key_file=files.get("key_file"),
            uses_system_proxy=_proxy(table) == "system",
            unset=tuple((key, named[key]) for key, value in values.items() if not value),
            variables=tuple(named.items()),
        )
        table.end()
        return access

    def _variables(self, table: Table) -> dict[str, str]:
        """The environment variables that the table names, keyed by the table's keys."""
        named: dict[str, str] = {
            key: self.values.variable(table, key)
            for key in ("token", "credentials")
            if key in table.left()
        }
        if len(named) > 1:
            raise table.error(
                "credentials",
                "a request can have a token or credentials, not both; delete one key",
            )
        if "secret_headers" in table.left():
            headers = table.table("secret_headers")
            for header in headers.left():
                _check_name(headers, header)
                named[f"secret_headers.{header}"] = self.values.variable(headers, header)
        return named

    def _keep(self, part: str, named: Mapping[str, str], values: Mapping[str, str]) -> None:
        """Store the secrets, which no output may show, and the names of the unset variables."""
        for key, value in values.items():
            if value:
                self.secrets[f"access.{part}.{key}"] = value
            elif named[key] not in self.unset:
                self.unset.append(named[key])
        if credentials := values.get("credentials", ""):
            self.secrets[f"access.{part}.credentials.basic"] = Access(
                0.0, credentials=credentials
            ).basic
            password = credentials.partition(":")[2]
            if len(password) >= MIN_PASSWORD_LENGTH:
                self.secrets[f"access.{part}.credentials.password"] = password

    def _files(self, table: Table, part: str) -> dict[str, Path]:
        keys = [key for key in ("ca_file", "certificate_file", "key_file") if key in table.left()]
        if keys and self.schemes[part] != "https":
            raise table.error(keys[0], f"the key needs an https:// address in addresses.{part}")
        if "key_file" in keys and "certificate_file" not in keys:
            raise table.error(
                "key_file", "key_file needs the key certificate_file; add certificate_file"
            )
        return {key: (self.path.parent / table.text(key)).resolve() for key in keys}


def _credentials(table: Table, values: Mapping[str, str]) -> str:
    credentials = values.get("credentials", "")
    if credentials and ":" not in credentials:
        raise table.error(
            "credentials", "expected that the value of the environment variable is USER:PASSWORD"
        )
    return credentials


def _proxy(table: Table) -> str:
    return one_of(table, "proxy", ("none", "system")) if "proxy" in table.left() else "none"


def _headers(table: Table, key: str) -> Iterator[tuple[str, str]]:
    """Yield the names and the values of the headers in the file; no value may be a secret."""
    if key not in table.left():
        return
    headers = table.table(key)
    for name in headers.left():
        _check_name(headers, name)
        if name.lower() in SECRET_HEADERS:
            raise headers.error(
                name,
                "the value is a secret; name its environment variable in secret_headers",
            )
        value = headers.text(name)
        if not HEADER_VALUE.match(value):
            raise headers.error(name, "expected a value of 1 to 500 printable ASCII characters")
        yield name, value


def _check_name(headers: Table, name: str) -> None:
    if not HEADER.match(name) or name.lower() in OWN_HEADERS:
        raise headers.error(name, "expected the name of a header that a target file may add")
