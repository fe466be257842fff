"""The router for a balancer with the control endpoint ``/config`` of the deployment guide.

The endpoint reads and writes shares in the form ``{"blue": 0.9, "green": 0.1}``.
"""

import json
from collections.abc import Mapping

from gates.errors import RouterError
from gates.model import Access, is_same_share
from gates.sources.http import Answer, get, post

MAX_ANSWER_BYTES = 65_536
OK = 200


class ConfigRouter:
    """Moves traffic by the control endpoint of a balancer (guide section 4, step 3).

    Args:
        url: the control address of the balancer, without ``/config`` and a trailing slash.
        access: the log-in, the certificates and the time limit of one request.
    """

    def __init__(self, url: str, access: Access) -> None:
        self._url = f"{url}/config"
        self._access = access

    def shares(self) -> dict[str, float]:
        """Return the present share of each slot, from 0 to 1, keyed by the name of the slot.

        Raises:
            RouterError: the response of the endpoint has no shares.
        """
        return self._read(get(self._url, self._access, max_bytes=MAX_ANSWER_BYTES))

    def move(self, shares: Mapping[str, float]) -> None:
        """Give each slot its share, and then read the shares to verify the move.

        Args:
            shares: the share of each slot, from 0 to 1, keyed by the name of the slot.

        Raises:
            RouterError: the endpoint refused the shares, or reports other shares afterwards.
        """
        body = json.dumps(dict(shares)).encode()
        self._read(post(self._url, body, self._access, max_bytes=MAX_ANSWER_BYTES))
        present = self.shares()
        if not all(is_same_share(present.get(slot, -1), share) for slot, share in shares.items()):
            raise RouterError(
                f"{self._url}: expected the shares {dict(shares)} after the move, got {present}"
            )

    def _read(self, answer: Answer) -> dict[str, float]:
        if answer.problem or answer.status != OK:
            problem = answer.problem or f"status {answer.status}: {answer.body[:200]!r}"
            raise RouterError(f"{self._url}: {problem}")
        try:
            content = json.loads(answer.body)
            shares = {str(slot): float(share) for slot, share in content.items()}
        except (ValueError, TypeError, AttributeError, ArithmeticError, RecursionError):
            raise RouterError(
                f"{self._url}: the response is not a JSON object of numbers"
            ) from None
        if not shares or any(not 0 <= share <= 1 for share in shares.values()):
            raise RouterError(f"{self._url}: expected shares from 0 to 1, got {shares}"[:300])
        return shares
