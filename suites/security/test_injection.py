"""Injection: every value of every operation, tried with attacks beside their harmless twins."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from gates.model import Target
from suites.probes import injection
from suites.probes.api import Call, Endpoint, Observation, Sender
from suites.pytest_plugin.marks import check
from suites.security.surface import Judge, Surface, Values, endpoints, good_call
from suites.testdata.people import Person

pytestmark = pytest.mark.security

# It ends the session the others need; what it takes is no value.
LEFT_OUT = ("logout",)
AT_ONCE = 3
Probe = Callable[[Sender, Endpoint, Call], Iterator[Observation]]


def everywhere(probe: Probe, surface: Surface, token: str, values: Values) -> list[Observation]:
    """A probe at every operation, some at a time."""

    def at(one: Endpoint) -> list[Observation]:
        sender = surface.sender(token)
        return list(probe(sender, one, good_call(one, values)))

    with ThreadPoolExecutor(AT_ONCE) as pool:
        chosen = [one for one in endpoints() if one.name not in LEFT_OUT]
        return [seen for some in pool.map(at, chosen) for seen in some]


@check("security.injection.nosql", needs="auth")
def test_nosql(surface: Surface, owner: Person, values: Values, no_finding: Judge) -> None:
    """Operators in bodies and query strings are refused or taken for text."""
    no_finding(everywhere(injection.nosql, surface, owner.client.token, values))


@check("security.injection.sql", needs="auth")
def test_sql(surface: Surface, owner: Person, values: Values, no_finding: Judge) -> None:
    """Quotes, conditions and delays change nothing."""
    no_finding(everywhere(injection.sql, surface, owner.client.token, values))


@check("security.injection.command", needs="auth")
def test_command(surface: Surface, owner: Person, values: Values, no_finding: Judge) -> None:
    """Shell and template syntax is text."""
    no_finding(everywhere(injection.command, surface, owner.client.token, values))
    no_finding(everywhere(injection.template, surface, owner.client.token, values))


@check("security.injection.lines", needs="auth")
def test_lines(
    surface: Surface, owner: Person, values: Values, no_finding: Judge, target: Target
) -> None:
    """A line break in a value starts neither a header nor a line of the log."""
    no_finding(everywhere(injection.crlf, surface, owner.client.token, values))
    logs = [path.read_text(errors="replace") for path in target.log_files if path.exists()]
    forged = [line for log in logs for line in log.splitlines()
              if line.startswith(injection.HEADER)]  # fmt: skip
    no_finding([Observation("log-injection", str(path), bool(forged), f"{len(forged)} forged lines")
                for path in target.log_files])  # fmt: skip


@check("security.injection.traversal", needs="auth")
def test_traversal(surface: Surface, owner: Person, values: Values, no_finding: Judge) -> None:
    """No value and no address leads out of the folder of public files."""
    no_finding(everywhere(injection.traversal, surface, owner.client.token, values))
    prefixes = ("/", "/app.js", "/api", "/api/products", "/static", "/style.css/..")
    no_finding(injection.traversal_of_address(surface.sender(), prefixes))
    no_finding(injection.traversal_of_address(surface.frontend(), prefixes))
