"""Stores the content of the ledger, and reads the ledger again only after a change."""

import asyncio
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from gates.decision_document import DecisionDocument
from gates.ledger import DecisionEntry, LedgerContent, LedgerReader

# The path, the size and the time of the last change of a file.
FileState = tuple[str, int, int]


@dataclass(frozen=True, slots=True)
class LedgerState:
    """The content of the ledger at one moment.

    Args:
        files: the states of the ledger's files at this moment.
        content: the content of the files.
        by_id: the decision documents, keyed by the id of their ledger entry.
    """

    files: tuple[FileState, ...]
    content: LedgerContent
    by_id: dict[str, DecisionDocument]


class KeptLedger:
    """Reads the ledger in a thread, and stores its content until a file of the ledger changes.

    Args:
        out: the folder of the ledger.
        reader: the reader of the ledger.
        threads: the threads that read files.
    """

    def __init__(self, out: Path, reader: LedgerReader, threads: ThreadPoolExecutor) -> None:
        self._out, self._reader, self._threads = out, reader, threads
        self._lock = asyncio.Lock()
        self._state: LedgerState | None = None

    async def content(self) -> LedgerContent:
        """Return the present content of the ledger."""
        return (await self._present()).content

    async def decision(self, entry_id: str) -> DecisionDocument | None:
        """Return the decision of a ledger entry; None where the ledger has no decision of this id.

        Args:
            entry_id: the id of the entry, from an untrusted source.
        """
        return (await self._present()).by_id.get(entry_id)

    async def _present(self) -> LedgerState:
        """The present state; while a request reads the ledger, the other requests wait."""
        async with self._lock:
            loop = asyncio.get_running_loop()
            self._state = await loop.run_in_executor(self._threads, self._read)
            return self._state

    def _read(self) -> LedgerState:
        files = file_states(self._out.glob("ledger*.jsonl"))
        if self._state is not None and self._state.files == files:
            return self._state
        content = self._reader.read()
        by_id = {
            record.entry_id: replace(record.entry.document, entry_id=record.entry_id)
            for record in content.records
            if isinstance(record.entry, DecisionEntry)
        }
        return LedgerState(files, content, by_id)


def file_states(paths: Iterable[Path]) -> tuple[FileState, ...]:
    """Return the path, size and time of the last change of each file that exists.

    Args:
        paths: the files.
    """
    states = []
    for path in sorted(paths):
        try:
            status = path.stat()
        except OSError:
            continue
        states.append((str(path), status.st_size, status.st_mtime_ns))
    return tuple(states)
