"""Reads a policy many times, and parses its files again only after a file has changed."""

from pathlib import Path

from gates.errors import ConfigurationError
from gates.model import Policy
from gates.policy import policy_file
from gates.policy.indicators.included_set import every_set
from gates.policy.toml_table import read_bytes

# The bytes of each file; None for a file that cannot be read, and for anything else than a file.
Contents = dict[Path, bytes | None]


class PolicyReader:
    """Reads policies, and stores the last policy of each path until a byte of its files changes."""

    def __init__(self) -> None:
        self._known: dict[Path, tuple[Contents, Policy]] = {}

    def load(self, path: Path) -> Policy:
        """Return the policy that ``policy_file.load`` would return now.

        Args:
            path: the policy's TOML file.

        Raises:
            ConfigurationError: the policy has a mistake; the message names the file and the key.
        """
        if not path.is_file():  # a pipe can be read only once
            return policy_file.load(path)
        contents = _contents(path)
        known, policy = self._known.get(path, (None, None))
        if policy is not None and known == contents:
            return policy
        policy = policy_file.load(path)
        # A file that changed in the meantime may or may not be in the policy.
        if _contents(path) == contents:
            self._known[path] = contents, policy
        return policy


def _contents(path: Path) -> Contents:
    """The bytes of the policy file, and of all sets of indicators that it may include."""
    return {file: _bytes_of(file) for file in (path, *every_set(path.parent))}


def _bytes_of(file: Path) -> bytes | None:
    try:
        return read_bytes(file) if file.is_file() else None
    except ConfigurationError:
        return None
