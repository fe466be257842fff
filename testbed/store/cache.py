"""A small in-process cache for catalogue and search pages."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from testbed.store import metrics

LIFETIME_SECONDS = 3.0
MAX_ENTRIES = 500

Value = TypeVar("Value")


class Cache:
    """Values by key; each is kept for LIFETIME_SECONDS.

    While one request computes a value, other requests for this value wait for the result. So an
    expired entry costs one query.
    """

    def __init__(self, deployment: str) -> None:
        self._deployment = deployment
        self._entries: dict[str, tuple[float, object]] = {}
        self._running: dict[str, asyncio.Task[Any]] = {}

    async def get(self, key: str, now: float, make: Callable[[], Awaitable[Value]]) -> Value:
        """Return the cached value of a key, or compute and keep it."""
        entry = self._entries.get(key)
        hit = entry is not None and is_fresh(entry[0], now)
        metrics.count_cache(self._deployment, hit=hit)
        if entry is not None and hit:
            return entry[1]  # type: ignore[return-value]
        task = self._running.get(key)
        if task is None:
            task = asyncio.create_task(self._made(key, now, make))
            self._running[key] = task
            task.add_done_callback(lambda _: self._running.pop(key, None))
        value: Value = await asyncio.shield(task)
        return value

    async def _made(self, key: str, now: float, make: Callable[[], Awaitable[Value]]) -> Value:
        value = await make()
        if len(self._entries) >= MAX_ENTRIES:
            self._entries.clear()
        self._entries[key] = (now, value)
        return value


def is_fresh(stored_at: float, now: float) -> bool:
    return now - stored_at < LIFETIME_SECONDS
