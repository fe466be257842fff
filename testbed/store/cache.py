"""A small in-process cache for catalogue and search pages."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from testbed.store import metrics

LIFETIME_SECONDS = 3.0
MAX_ENTRIES = 500

Value = TypeVar("Value")


class Cache:
    """Values by key; each is kept for LIFETIME_SECONDS."""

    def __init__(self, deployment: str) -> None:
        self._deployment = deployment
        self._entries: dict[str, tuple[float, object]] = {}

    async def get(self, key: str, now: float, make: Callable[[], Awaitable[Value]]) -> Value:
        """Return the cached value of a key, or compute and keep it."""
        entry = self._entries.get(key)
        hit = entry is not None and is_fresh(entry[0], now)
        metrics.count_cache(self._deployment, hit=hit)
        if entry is not None and hit:
            return entry[1]  # type: ignore[return-value]
        value = await make()
        if len(self._entries) >= MAX_ENTRIES:
            self._entries.clear()
        self._entries[key] = (now, value)
        return value


def is_fresh(stored_at: float, now: float) -> bool:
    return now - stored_at < LIFETIME_SECONDS
