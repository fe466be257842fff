"""Simulated shoppers at the public edge, who keep their connection, cookies and address.

A balancer may bind a shopper to one colour by cookie, address or connection. Only shoppers who send
several requests can detect this.
"""

import contextlib
import time
from collections import Counter
from collections.abc import Generator
from dataclasses import dataclass

import requests
from requests.adapters import HTTPAdapter

from gates.model import Target
from suites.client import exemption, loopback_source
from suites.contract import Contract


class _FromAddress(HTTPAdapter):
    """Opens every connection from the same local address."""

    def __init__(self, source: str) -> None:
        self._source = source
        super().__init__()

    def init_poolmanager(self, *args: object, **kwargs: object) -> None:
        super().init_poolmanager(*args, source_address=(self._source, 0), **kwargs)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Visits:
    """The responses to a number of requests.

    Args:
        answers: the number of responses of each deployment.
        failures: the error of each request without a valid response.
    """

    answers: Counter[str]
    failures: list[str]


class Visitors:
    """Simulated shoppers who send requests to the public edge, one after the other.

    Args:
        target: the target, whose edge serves both colours.
        contract: the contract with the path of the health operation, whose response names the
            colour.
        run_id: the id of the run, which marks the requests as test traffic.
        sessions: one HTTP session for each shopper.
    """

    def __init__(
        self, target: Target, contract: Contract, run_id: str, sessions: list[requests.Session]
    ) -> None:
        self._url = target.shop + contract.operation("health").path
        self._patience = target.patience_seconds
        self._sessions = sessions
        for session in sessions:
            session.headers["X-Kirana-Synthetic"] = run_id

    def visit(self, count: int) -> Visits:
        """Send health requests; the shoppers take turns, and the first shopper begins.

        Args:
            count: the number of requests of all shoppers together.

        Returns:
            The number of responses of each deployment, and the errors of the other requests.
        """
        visits = Visits(Counter(), [])
        for number in range(count):
            self._visit(self._sessions[number % len(self._sessions)], visits)
        return visits

    def _visit(self, session: requests.Session, visits: Visits) -> None:
        try:
            answer = session.get(self._url, timeout=self._patience, allow_redirects=False)
            answer.raise_for_status()
            visits.answers[str(answer.json()["deployment"])] += 1
        except (requests.RequestException, ValueError, KeyError, TypeError) as error:
            visits.failures.append(f"{type(error).__name__}: {error}"[:200])


@contextlib.contextmanager
def visitors(target: Target, contract: Contract, run_id: str, *, count: int) -> Generator[Visitors]:
    """Simulate shoppers at the edge of a target; close their connections at the end of the block.

    Args:
        target: the target, whose edge serves both colours.
        contract: the contract with the operations of the store.
        run_id: the id of the run, which marks the requests as test traffic.
        count: the number of shoppers.
    """
    with contextlib.ExitStack() as stack:
        sessions = [stack.enter_context(requests.Session()) for _ in range(count)]
        for session in sessions:
            session.trust_env = False
            session.verify = str(target.addresses.edge_ca_file or "") or True
            if target.loopback_sources:
                session.mount("https://", _FromAddress(loopback_source()))
            elif key := target.secrets.get("exemption_key", ""):
                session.headers["X-Kirana-Exemption"] = exemption(key, time.time())
        yield Visitors(target, contract, run_id, sessions)
