"""Sends queries in the order of their submission; the number of parallel queries is limited."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Self, TypeVar

Result = TypeVar("Result")
Work = Callable[[], None]


class QueryThreads:
    """Threads that send queries.

    The ``with`` block and the process may end before a response arrives: they do not wait for it.

    Args:
        count: the number of threads, and of queries that are sent at the same time.
    """

    def __init__(self, count: int) -> None:
        self._queue: SimpleQueue[Work | None] = SimpleQueue()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(count)]
        self._is_closed = False

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_closed = True
        for _thread in self._threads:
            self._queue.put(None)

    def submit(self, send: Callable[[], Result]) -> Future[Result]:
        """Send a query as soon as a thread is free, and return a future of the result.

        Args:
            send: a function that sends the query and returns the result.
        """
        future: Future[Result] = Future()

        def work() -> None:
            if self._is_closed or not future.set_running_or_notify_cancel():
                return
            try:
                future.set_result(send())
            except BaseException as error:  # noqa: BLE001 - raised again where the result is read
                future.set_exception(error)

        self._queue.put(work)
        return future

    def _run(self) -> None:
        while (work := self._queue.get()) is not None:
            work()
