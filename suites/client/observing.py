"""The interface through which each call of a client can be observed, before and after it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from suites.contract import Operation


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """One call of an operation, as it was sent; two calls are never equal.

    Args:
        operation: the operation.
        token: the token that was sent; empty for a call without a token.
        body: the JSON body; None without a body, or with a body that is not JSON.
        path: path parameters.
    """

    operation: Operation
    token: str
    body: Any
    path: Mapping[str, str]


class CallObserver(Protocol):
    """Sees each call of a client; calls from several threads may overlap."""

    def begin(self, call: Call) -> None:
        """The call is about to be sent."""

    def end(self, call: Call, status: int | None, body: object) -> list[str]:
        """The call was answered, or not (status None).

        Returns:
            The problems of the call; an empty list without problems.
        """
