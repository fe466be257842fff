"""The testbed's cache: an expired page costs one query, however many requests need it."""

import asyncio

import pytest

from testbed.store.cache import LIFETIME_SECONDS, Cache

KEY = "page"


class Query:
    """A query that takes a moment, and counts how often it was asked."""

    def __init__(self, error: Exception | None = None) -> None:
        self.count = 0
        self.error = error

    async def __call__(self) -> int:
        self.count += 1
        number = self.count
        await asyncio.sleep(0.01)
        if self.error:
            raise self.error
        return number


def test_requests_at_the_same_moment_share_a_query() -> None:
    async def visit() -> None:
        cache, query = Cache("green"), Query()
        assert await asyncio.gather(*(cache.get(KEY, 0.0, query) for _ in range(50))) == [1] * 50
        assert await cache.get(KEY, LIFETIME_SECONDS - 0.1, query) == 1
        expired = (cache.get(KEY, LIFETIME_SECONDS, query) for _ in range(50))
        assert await asyncio.gather(*expired) == [2] * 50

    asyncio.run(visit())


def test_each_key_has_its_own_query() -> None:
    async def visit() -> None:
        cache, query = Cache("green"), Query()
        assert await asyncio.gather(*(cache.get(key, 0.0, query) for key in "abab")) == [1, 2, 1, 2]

    asyncio.run(visit())


def test_a_failed_query_fails_its_requests_and_no_later_request() -> None:
    async def visit() -> None:
        cache = Cache("green")
        failing = Query(ValueError("away"))
        results = await asyncio.gather(
            *(cache.get(KEY, 0.0, failing) for _ in range(3)), return_exceptions=True
        )
        assert [str(result) for result in results] == ["away"] * 3
        assert failing.count == 1
        assert await cache.get(KEY, 0.0, Query()) == 1

    asyncio.run(visit())


def test_a_request_that_goes_away_does_not_end_the_query_of_the_others() -> None:
    async def visit() -> None:
        cache, query = Cache("green"), Query()
        first = asyncio.create_task(cache.get(KEY, 0.0, query))
        second = asyncio.create_task(cache.get(KEY, 0.0, query))
        await asyncio.sleep(0)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        assert (await second, query.count) == (1, 1)

    asyncio.run(visit())
