"""Smoke checks of the public edge: the redirect to TLS, and TLS."""

from collections.abc import Callable

import pytest

from gates.model import Target
from suites.client import StoreClient
from suites.inspection import fetch_edge
from suites.pytest_plugin.marks import check

pytestmark = pytest.mark.smoke


@check("smoke.edge_redirect", needs="auth")
def test_edge_redirect(target: Target, new_client: Callable[[], StoreClient]) -> None:
    """A request over plain HTTP is redirected to the same path over TLS."""
    client = new_client()
    path = client.contract.operation("health").path

    answer = fetch_edge(
        target.addresses.edge_http + path,
        ca_file=None,
        source=client.source,
        seconds=target.patience_seconds,
    )

    assert answer.problem == ""
    assert answer.status == 308
    assert answer.headers["location"] == target.addresses.edge_https + path


@check("smoke.edge_tls", needs="auth")
def test_edge_tls(target: Target, new_client: Callable[[], StoreClient]) -> None:
    """The edge returns a response of this deployment over current TLS with a valid certificate."""
    client = new_client()
    path = client.contract.operation("health").path

    answer = fetch_edge(
        target.addresses.edge_https + path,
        ca_file=target.addresses.edge_ca_file,
        source=client.source,
        seconds=target.patience_seconds,
    )

    assert answer.problem == ""
    assert answer.status == 200
    assert answer.tls_version in ("TLSv1.2", "TLSv1.3")
    assert answer.body["deployment"] == target.deployment
