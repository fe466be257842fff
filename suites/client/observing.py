"""Defines the observer of a client: it is called before and after each request of the client."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from suites.contract import Operation


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """One request for an operation, as it was sent; two calls are never equal.

    Args:
        operation: the operation of the contract.
        token: the token that was sent; empty for a request without a token.
        body: the JSON body; None without a body, or with a body that is not JSON.
        path: the values of the path parameters, by name.
    """

    operation: Operation
    token: str
    body: Any
    path: Mapping[str, str]


class CallObserver(Protocol):
    """Observes each request of a client; requests of several threads may overlap."""

    def begin(self, call: Call) -> None:
        """Note that a request is about to be sent.

        Args:
            call: the request.
        """

    def end(self, call: Call, status: int | None, body: object) -> list[str]:
        """Note that a response came, or that the request failed.

        Args:
            call: the request.
            status: the HTTP status of the response; None if no response came.
            body: the parsed body of the response; None without a body.

        Returns:
            The problems of the request; an empty list without problems.
        """
