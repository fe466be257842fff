"""A balancer that speaks the guide's ``/config``: ``{"blue": 0.9, "green": 0.1}``."""

import json
from collections.abc import Mapping

from gates.errors import RouterError
from gates.sources.http import Answer, get, post

SECONDS = 4.0
MOST_BYTES = 65_536
SAME = 0.005
OK = 200


class ConfigRouter:
    """The control endpoint of guide section 4, step 3.

    Args:
        url: its address, without a trailing slash.
    """

    def __init__(self, url: str) -> None:
        self._url = f"{url}/config"

    def shares(self) -> dict[str, float]:
        """Each slot's share as it is now."""
        return self._read(get(self._url, seconds=SECONDS, most_bytes=MOST_BYTES))

    def move(self, shares: Mapping[str, float]) -> None:
        """Give each slot its share, and read it back."""
        body = json.dumps(dict(shares)).encode()
        self._read(post(self._url, body, seconds=SECONDS, most_bytes=MOST_BYTES))
        seen = self.shares()
        if any(abs(seen.get(slot, -1) - share) > SAME for slot, share in shares.items()):
            raise RouterError(f"{self._url} was told {dict(shares)} and has {seen}")

    def _read(self, answer: Answer) -> dict[str, float]:
        if answer.problem or answer.status != OK:
            said = answer.problem or f"status {answer.status}: {answer.body[:200]!r}"
            raise RouterError(f"{self._url}: {said}")
        try:
            content = json.loads(answer.body)
            found = {str(slot): float(share) for slot, share in content.items()}
        except (ValueError, TypeError, AttributeError, RecursionError):
            raise RouterError(f"{self._url}: an answer of another shape") from None
        if not found or any(not 0 <= share <= 1 for share in found.values()):
            raise RouterError(f"{self._url}: shares that are none: {found}"[:300])
        return found
