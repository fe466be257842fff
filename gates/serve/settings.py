"""The settings of the server, from the command line and from the environment."""

import os
from dataclasses import dataclass
from pathlib import Path

from gates import places
from gates.errors import ConfigurationError
from gates.evidence import seal

TOKEN_VARIABLE = "KIRANA_SERVE_TOKEN"  # noqa: S105 - the name of a variable, not a token
MIN_TOKEN_CHARACTERS = 16


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """The paths of the TLS files of the server, in PEM format.

    Args:
        certificate: the file of the server's certificate, with its chain.
        key: the file of the private key of the certificate.
        client_authority: the file of the certificate authority of clients; empty where clients
            need no certificate.
    """

    certificate: str
    key: str
    client_authority: str = ""


@dataclass(frozen=True, slots=True)
class ServeSettings:
    """The settings of a server.

    Args:
        policy: the option ``--policy``; None without the option.
        targets: the option ``--targets``; None without the option.
        runs: the option ``--runs``; None without the option.
        out: the option ``--out``; None without the option.
        time_scale: the factor by which live durations are divided; over 1 in a rehearsal.
        page_target: the name of the target of the live page; empty for the target of the newest
            ramp.
        token: the bearer token; empty where no token is configured.
        loopback_exception: whether a direct request from this machine needs no token.
        time_limit_seconds: the longest time that a request waits for its decision, in seconds.
        tls: the TLS files; None without TLS.
    """

    policy: str | None = None
    targets: str | None = None
    runs: str | None = None
    out: str | None = None
    time_scale: float = 1.0
    page_target: str = ""
    token: str = ""
    loopback_exception: bool = True
    time_limit_seconds: float = 30.0
    tls: TlsFiles | None = None

    @property
    def needs_client_certificate(self) -> bool:
        """Return whether each client needs a certificate of the configured authority."""
        return self.tls is not None and bool(self.tls.client_authority)

    @property
    def out_folder(self) -> Path:
        """Return the folder of the ledger: ``--out``, KIRANA_OUT, or ``out``."""
        return places.out(self.out, Path("out")).path

    @property
    def runs_folder(self) -> Path:
        """Return the folder of suite runs and load runs: ``--runs``, or ``out_folder/runs``."""
        return Path(self.runs) if self.runs else self.out_folder / "runs"

    @property
    def policy_path(self) -> Path:
        """Return the path of the policy file."""
        return places.policy(self.policy).path

    @property
    def targets_folder(self) -> Path:
        """Return the folder of target files."""
        return places.targets(self.targets).path


def configured_token() -> str:
    """Return the bearer token in the environment; an empty text where no token is set.

    Raises:
        ConfigurationError: the variable is blank, or the token is too short or has characters
            that a header cannot have.
    """
    token = seal.configured_key(TOKEN_VARIABLE)
    if token and len(token) < MIN_TOKEN_CHARACTERS:
        raise ConfigurationError(
            f"{TOKEN_VARIABLE} has {len(token)} characters; expected a token of at least "
            f"{MIN_TOKEN_CHARACTERS} characters"
        )
    if not (token.isascii() and token.isprintable() and " " not in token):
        raise ConfigurationError(
            f"{TOKEN_VARIABLE}: expected printable ASCII characters without spaces"
        )
    return token


def tls_files(certificate: str | None, key: str | None, client_authority: str | None) -> TlsFiles:
    """Return the TLS files of the command line.

    Args:
        certificate: the option ``--certificate``.
        key: the option ``--key``.
        client_authority: the option ``--client-ca``.

    Raises:
        ConfigurationError: an option is missing, or a file cannot be read.
    """
    if not certificate or not key:
        raise ConfigurationError(
            "TLS needs --certificate FILE and --key FILE; --client-ca needs these two options, too"
        )
    files = TlsFiles(certificate, key, client_authority or "")
    for path in filter(None, (files.certificate, files.key, files.client_authority)):
        if not os.access(path, os.R_OK):
            raise ConfigurationError(f"{path}: the file does not exist, or cannot be read")
    return files
