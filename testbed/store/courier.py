"""The courier: takes a paid order from packing to the door, a stage at a time."""

import asyncio

from testbed.store import events
from testbed.store.database import Database, Document

STAGE_SECONDS = 0.4

_under_way: set[asyncio.Task[None]] = set()


def send(db: Database, order: Document) -> None:
    """Start a delivery; it goes on after the request has been answered."""
    task = asyncio.create_task(deliver(db, order))
    _under_way.add(task)
    task.add_done_callback(_under_way.discard)


async def deliver(db: Database, order: Document) -> None:
    for stage in events.COURIER_STAGES:
        await asyncio.sleep(STAGE_SECONDS)
        await events.emit(db, order, stage)
