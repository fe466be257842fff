"""Shoppers at the public edge: each keeps its connection, its cookies and its address.

A balancer that ties a shopper to a colour, by cookie, address or connection, is seen only by
shoppers who come back.
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
    """Connects from one source address."""

    def __init__(self, source: str) -> None:
        self._source = source
        super().__init__()

    def init_poolmanager(self, *args: object, **kwargs: object) -> None:
        super().init_poolmanager(*args, source_address=(self._source, 0), **kwargs)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Visits:
    """The answers and failures of a number of requests.

    Args:
        answers: the number of answers of each deployment.
        failures: a sentence for each request without such an answer.
    """

    answers: Counter[str]
    failures: list[str]


class Visitors:
    """A number of shoppers who visit the edge one after the other.

    Args:
        target: the target, whose edge serves both colours.
        contract: names the path of the health answer, which names the colour.
        run_id: marks the requests as test traffic of this run.
        sessions: a session for each shopper.
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
        """Send requests; the shoppers take turns, and the first shopper begins.

        Args:
            count: the number of requests.
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
    """Shoppers at the edge of a target; their connections are closed at the end.

    Args:
        target: the target.
        contract: the operations.
        run_id: the run.
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
