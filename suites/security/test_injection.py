"""Checks of injection: probes send attacks and similar harmless values to every operation."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from gates.model import Target
from suites.probes import injection
from suites.probes.api import Call, Endpoint, Observation, Sender
from suites.pytest_plugin.marks import check
from suites.security.surface import NoFindingAssertion, Surface, Values, endpoints, good_call
from suites.testdata.people import Person

pytestmark = pytest.mark.security

# The log-out takes no value, and ends the session that the other operations need.
EXCLUDED = ("logout",)
OPERATIONS_AT_A_TIME = 3
Probe = Callable[[Sender, Endpoint, Call], Iterator[Observation]]


def everywhere(probe: Probe, surface: Surface, token: str, values: Values) -> list[Observation]:
    """Probe every operation, OPERATIONS_AT_A_TIME at a time, and return all observations."""

    def probe_operation(endpoint: Endpoint) -> list[Observation]:
        sender = surface.sender(token)
        return list(probe(sender, endpoint, good_call(endpoint, values)))

    with ThreadPoolExecutor(OPERATIONS_AT_A_TIME) as pool:
        tested_endpoints = [endpoint for endpoint in endpoints() if endpoint.name not in EXCLUDED]
        return [
            observation
            for observations in pool.map(probe_operation, tested_endpoints)
            for observation in observations
        ]


@check("security.injection.nosql", needs="auth")
def test_nosql(
    surface: Surface, owner: Person, values: Values, no_finding: NoFindingAssertion
) -> None:
    """The store refuses NoSQL operators in bodies and query strings, or treats them as text."""
    no_finding(everywhere(injection.nosql, surface, owner.client.token, values))


@check("security.injection.sql", needs="auth")
def test_sql(
    surface: Surface, owner: Person, values: Values, no_finding: NoFindingAssertion
) -> None:
    """The store does not execute SQL of a request: no SQL error, no changed response, no delay."""
    no_finding(everywhere(injection.sql, surface, owner.client.token, values))


@check("security.injection.command", needs="auth")
def test_command(
    surface: Surface, owner: Person, values: Values, no_finding: NoFindingAssertion
) -> None:
    """The store does not execute shell commands or template expressions that a request sends."""
    no_finding(everywhere(injection.command, surface, owner.client.token, values))
    no_finding(everywhere(injection.template, surface, owner.client.token, values))


@check("security.injection.lines", needs="auth")
def test_lines(
    surface: Surface, owner: Person, values: Values, no_finding: NoFindingAssertion, target: Target
) -> None:
    """A line break in a value cannot add a header to a response, or a line to the log."""
    no_finding(everywhere(injection.crlf, surface, owner.client.token, values))
    logs = [path.read_text(errors="replace") for path in target.log_files if path.exists()]
    forged = [
        line for log in logs for line in log.splitlines() if line.startswith(injection.HEADER)
    ]
    no_finding(
        [
            Observation(
                "log-injection",
                str(path),
                bool(forged),
                f"the logs have {len(forged)} forged lines",
            )
            for path in target.log_files
        ]
    )


@check("security.injection.traversal", needs="auth")
def test_traversal(
    surface: Surface, owner: Person, values: Values, no_finding: NoFindingAssertion
) -> None:
    """No value and no URL path gives access to a file outside of the folder of public files."""
    no_finding(everywhere(injection.traversal, surface, owner.client.token, values))
    prefixes = ("/", "/app.js", "/api", "/api/products", "/static", "/style.css/..")
    no_finding(injection.traversal_of_address(surface.sender(), prefixes))
    no_finding(injection.traversal_of_address(surface.frontend(), prefixes))
