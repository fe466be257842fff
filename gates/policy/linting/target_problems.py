"""Finds mistakes of a valid target file: placeholders, unknown names, missing files."""

import os
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from gates.model import Target

NEEDS = re.compile(r'\bneeds="([a-z_]+)"')
SUITES = re.compile(r"^SUITES = \(([^)]*)\)", re.MULTILINE)
# What the targets of load runs allow; it is no suite of pytest.
LOAD = "load"
PLACEHOLDER = re.compile(
    r"(?i)\.(example|invalid)\b|\bexample\.(com|org|net)\b|changeme|todo|<[^>]*>"
)
REPEATED = re.compile(r"sha256:(.)\1*\Z")
CONNECT_SECONDS = 1.0


def problems(target: Target, suites: Path | None) -> Iterator[str]:
    """Yield a sentence for each mistake that is visible in the target file alone.

    Args:
        target: a target that could be read.
        suites: the folder of the suites; None where the suites are not installed.
    """
    for name, text in _texts(target):
        if PLACEHOLDER.search(text) or REPEATED.match(text):
            yield f"{name}: {text[:100]!r} is a placeholder; write the real value"
    if suites is None:
        return
    known = {
        capability
        for path in suites.rglob("test_*.py")
        for capability in NEEDS.findall(path.read_text())
    }
    for unknown in sorted(target.capabilities - known):
        names = ", ".join(sorted(known))
        problem = f"{unknown!r} is not a known capability; known capabilities: {names}"
        yield f"suites.capabilities: {problem}"
    allowed = {*re.findall(r'"(\w+)"', _named_suites(suites)), LOAD}
    for unknown in sorted(target.suites - allowed):
        names = ", ".join(sorted(allowed))
        yield f"suites.allowed: {unknown!r} is not a known suite; known suites: {names}"


def _texts(target: Target) -> Iterator[tuple[str, str]]:
    yield "expected.digest", target.expected.digest
    yield "expected.version", target.expected.version
    yield from _addresses(target)
    for digest in sorted(target.policies):
        yield "policy.accepted", f"sha256:{digest}"


def _addresses(target: Target) -> Iterator[tuple[str, str]]:
    for name in (
        "api",
        "health",
        "frontend",
        "edge_https",
        "edge_http",
        "prometheus",
        "balancer_control",
    ):
        if address := str(getattr(target.addresses, name)):
            yield f"addresses.{name}", address
    if target.shop:
        yield "traffic.shop", target.shop


def _named_suites(suites: Path) -> str:
    match = SUITES.search((suites / "pytest_plugin" / "marks.py").read_text())
    return match[1] if match else ""


def missing(target: Target) -> Iterator[str]:
    """Yield a sentence for each secret, file and address that this machine does not have or reach.

    Args:
        target: a target that could be read.
    """
    for variable in target.unset:
        yield f"secrets: the environment variable {variable} is not set; set the variable"
    certificate = target.addresses.edge_ca_file
    for name, path in (
        *((("addresses.edge_ca_file", certificate),) if certificate else ()),
        *(("access.log_files", path) for path in target.log_files),
        *_certificates(target),
    ):
        if not os.access(path, os.R_OK):
            yield f"{name}: this machine cannot read the file {path}"
    for name, url in _addresses(target):
        if problem := _unreachable(url):
            yield f"{name}: {url} cannot be reached: {problem}"


def _certificates(target: Target) -> Iterator[tuple[str, Path]]:
    """The files of certificates that the tables of ``[access]`` name."""
    for part in ("api", "health", "prometheus", "balancer_control"):
        access = getattr(target.access, part)
        for key in ("ca_file", "certificate_file", "key_file"):
            if path := getattr(access, key):
                yield f"access.{part}.{key}", path


def _unreachable(url: str) -> str:
    """Return why an address accepts no connection; empty where it accepts a connection."""
    parts = urlsplit(url)
    host = str(parts.hostname)
    if host.endswith(".localhost"):
        host = "127.0.0.1"  # RFC 6761, section 6.3; not every resolver knows it
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        with socket.create_connection((host, port), timeout=CONNECT_SECONDS):
            return ""
    except OSError as error:
        return error.strerror or type(error).__name__
