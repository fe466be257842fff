"""Reads secrets from environment variables, or from the secrets file of a test store."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gates.errors import ConfigurationError
from gates.policy.toml_table import Table

VARIABLE = re.compile(r"[A-Z][A-Z0-9_]{2,60}\Z")
MAX_SECRETS_BYTES = 65536


@dataclass(frozen=True, slots=True)
class SecretValues:
    """The values of secrets; target files name the environment variable of each secret.

    Args:
        from_file: the values of the secrets file, keyed by variable. A value of the environment has
            precedence.
    """

    from_file: Mapping[str, str] = field(repr=False)

    def variable(self, table: Table, key: str) -> str:
        """Return the name of the environment variable that a key of a target file names.

        Raises:
            ConfigurationError: the value of the key is not the name of an environment variable.
        """
        variable = table.text(key)
        if not VARIABLE.match(variable):
            raise table.error(key, "expected the name of an environment variable, in capitals")
        return variable

    def value(self, variable: str) -> str:
        """Return the value of an environment variable; empty where the variable is not set."""
        return os.environ.get(variable) or self.from_file.get(variable, "")


def secret_values(access: Table, folder: Path, *, production: bool) -> SecretValues:
    """Return the secrets of the environment, and those of the secrets file of a test store.

    Args:
        access: the table ``[access]``.
        folder: the folder of the target file.
        production: whether customers use the target.

    Raises:
        ConfigurationError: a production target names a secrets file, or the secrets file cannot be
            read.
    """
    if "secrets_file" not in access.left():
        return SecretValues({})
    named = access.text("secrets_file")
    if production:
        raise access.error(
            "secrets_file",
            "a production target reads secrets only from the environment; delete this key",
        )
    return SecretValues(_secrets_file((folder / named).resolve()))


def _secrets_file(path: Path) -> dict[str, str]:
    """Read ``NAME=value`` lines; empty where the store has not yet started and written the file."""
    try:
        raw = path.read_bytes()[: MAX_SECRETS_BYTES + 1]
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ConfigurationError(f"{path}: the file cannot be read: {error.strerror}") from error
    if len(raw) > MAX_SECRETS_BYTES:
        raise ConfigurationError(f"{path}: the file is larger than {MAX_SECRETS_BYTES} bytes")
    pairs = [line.partition("=") for line in raw.decode(errors="replace").splitlines()]
    return {name: value for name, equals, value in pairs if equals}
