"""The content of the ledger, which is read again only after a change."""

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
    """The ledger at a moment.

    Args:
        files: the states of its files.
        content: what the files hold.
        by_id: the decisions by the id of their entry.
    """

    files: tuple[FileState, ...]
    content: LedgerContent
    by_id: dict[str, DecisionDocument]


class KeptLedger:
    """Reads the ledger in a thread, and keeps its content.

    Args:
        out: the folder of the ledger.
        reader: reads the ledger.
        threads: the threads of readers.
    """

    def __init__(self, out: Path, reader: LedgerReader, threads: ThreadPoolExecutor) -> None:
        self._out, self._reader, self._threads = out, reader, threads
        self._lock = asyncio.Lock()
        self._state: LedgerState | None = None

    async def content(self) -> LedgerContent:
        """The present content of the ledger."""
        return (await self._present()).content

    async def decision(self, entry_id: str) -> DecisionDocument | None:
        """The decision of a ledger entry; None where the ledger has no such decision.

        Args:
            entry_id: untrusted.
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
    """The states of files; a file that is gone has no state.

    Args:
        paths: the files.
    """
    states = []
    for path in sorted(paths):
        try:
            found = path.stat()
        except OSError:
            continue
        states.append((str(path), found.st_size, found.st_mtime_ns))
    return tuple(states)
