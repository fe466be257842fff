"""The rate limit of requests a minute per address, and the signed exemption from it."""

import hashlib
import hmac
import math
from collections import deque

REQUESTS_PER_MINUTE = 100
WINDOW_SECONDS = 60.0
NOTED_SECONDS = 10.0


class RateLimit:
    """A sliding log of request times per client address."""

    def __init__(self) -> None:
        self._seen: dict[str, deque[float]] = {}
        self._noted: dict[str, float] = {}
        self._swept = 0.0

    def retry_after(self, address: str, now: float) -> int | None:
        """Record a request; return None when it may pass, else the seconds to wait."""
        self._sweep(now)
        times = self._seen.setdefault(address, deque())
        while times and times[0] <= now - WINDOW_SECONDS:
            times.popleft()
        if len(times) >= REQUESTS_PER_MINUTE:
            return max(1, math.ceil(times[0] + WINDOW_SECONDS - now))
        times.append(now)
        return None

    def worth_noting(self, address: str, now: float) -> bool:
        """Whether a refusal is the address's first within NOTED_SECONDS."""
        last = self._noted.get(address, -NOTED_SECONDS)
        if now - last < NOTED_SECONDS:
            return False
        self._noted[address] = now
        return True

    def _sweep(self, now: float) -> None:
        if now - self._swept < WINDOW_SECONDS:
            return
        self._swept = now
        old = now - WINDOW_SECONDS
        self._noted = {a: at for a, at in self._noted.items() if at > old}
        self._seen = {a: t for a, t in self._seen.items() if t and t[-1] > old}


def is_exempt(header: str, key: str, now: float) -> bool:
    """Whether ``<expiry>.<hex HMAC-SHA256 of expiry>`` is signed with the key and not expired."""
    expiry, _, signature = header.partition(".")
    if not expiry.isascii() or not expiry.isdigit() or len(expiry) > 12:  # noqa: PLR2004 - a time in seconds is shorter
        return False
    expected = hmac.new(key.encode(), expiry.encode(), hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected, signature) and float(expiry) > now


def client_address(peer: str, forwarded_for: str, trusted_proxy: str) -> str:
    """The address whose requests are counted: the trusted proxy names it, else it is the peer's."""
    if peer == trusted_proxy and forwarded_for:
        return forwarded_for
    return peer
