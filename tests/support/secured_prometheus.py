"""A real Prometheus on a free port, behind TLS, basic authentication and client certificates."""

import gzip
import json
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bcrypt
import trustme

from gates.model import Access
from gates.sources.http import get

USER = "gate"
GZIP = b"\x1f\x8b"
START_SECONDS = 30.0
CLIENT_AUTHENTICATION = "RequireAndVerifyClientCert"


@dataclass(frozen=True, slots=True)
class Certificates:
    """The files of a CA, of a server on loopback and of a client."""

    ca: Path
    server: Path
    client: Path
    client_key: Path

    @classmethod
    def write(cls, folder: Path) -> "Certificates":
        """Write new certificates to a folder."""
        files = cls(*(folder / f"{name}.pem" for name in ("ca", "server", "client", "client-key")))
        authority = trustme.CA()
        authority.cert_pem.write_to_path(files.ca)
        authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(files.server)
        client = authority.issue_cert("gate")
        client.cert_chain_pems[0].write_to_path(files.client)
        client.private_key_pem.write_to_path(files.client_key)
        return files


def kept_texts(folder: Path) -> list[str]:
    """The content of every file below a folder; compressed evidence is read, too."""
    files = [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
    texts = [gzip.decompress(raw) if raw[:2] == GZIP else raw for raw in files]
    return [text.decode(errors="replace") for text in texts]


def free_port() -> int:
    """A port of loopback that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def web_config(certificates: Certificates, password: str, *, with_client: bool) -> dict[str, Any]:
    """The content of ``--web.config.file``; JSON is YAML."""
    tls = {"cert_file": str(certificates.server), "key_file": str(certificates.server)}
    if with_client:
        tls |= {"client_auth_type": CLIENT_AUTHENTICATION, "client_ca_file": str(certificates.ca)}
    hashed = bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()
    return {"tls_server_config": tls, "basic_auth_users": {USER: hashed}}


@contextmanager
def prometheus(
    folder: Path, web: dict[str, Any], scrapes: list[dict[str, Any]], access: Access
) -> Iterator[str]:
    """A Prometheus that scrapes twice a second, and its address.

    Args:
        folder: for its files.
        web: the content of ``--web.config.file``.
        scrapes: the scrape configurations.
        access: how the caller accesses the Prometheus, to wait until it is ready.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "web.yml").write_text(json.dumps(web))
    settings = {
        "global": {"scrape_interval": "500ms", "scrape_timeout": "500ms"},
        "scrape_configs": scrapes,
    }
    (folder / "prometheus.yml").write_text(json.dumps(settings))
    port = free_port()
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(
            [
                "prometheus",
                f"--config.file={folder / 'prometheus.yml'}",
                f"--web.config.file={folder / 'web.yml'}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdout=log,
            stderr=log,
        )
    url = f"https://127.0.0.1:{port}"
    try:
        _wait_until_ready(url, access, process)
        yield url
    finally:
        process.terminate()
        process.wait(20)


def _wait_until_ready(url: str, access: Access, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + START_SECONDS
    answer = get(f"{url}/-/ready", access, max_bytes=10_000)
    while answer.status != 200 and time.monotonic() < until and process.poll() is None:
        time.sleep(0.1)
        answer = get(f"{url}/-/ready", access, max_bytes=10_000)
    assert answer.status == 200, answer
