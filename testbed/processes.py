"""The testbed's processes: in their own sessions, known by id and start time, ended by id."""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

STOP_SECONDS = 6.0


@dataclass(frozen=True, slots=True)
class Running:
    """A started process, with its start time: another process may have the same id later."""

    pid: int
    started_at: float


def start(command: Sequence[str], environment: Mapping[str, str], log: Path) -> Running:
    """Start a process in a session of its own, writing to a log file."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return Running(process.pid, psutil.Process(process.pid).create_time())


def find(running: Running) -> psutil.Process | None:
    """The process, when it is alive and has the start time; else None."""
    try:
        process = psutil.Process(running.pid)
        if process.create_time() != running.started_at:
            return None
        return None if process.status() == psutil.STATUS_ZOMBIE else process
    except psutil.NoSuchProcess:
        return None


def stop(processes: Sequence[Running]) -> None:
    """End processes and their children: first with SIGTERM, then with SIGKILL."""
    alive = [process for running in processes if (process := find(running))]
    family = [
        member for process in alive for member in (process, *process.children(recursive=True))
    ]
    for process in family:
        _tell(process, signal.SIGCONT)
        _tell(process, signal.SIGTERM)
    _, stubborn = psutil.wait_procs(family, timeout=STOP_SECONDS)
    for process in stubborn:
        _tell(process, signal.SIGKILL)
    psutil.wait_procs(stubborn, timeout=STOP_SECONDS)


def _tell(process: psutil.Process, what: signal.Signals) -> None:
    try:
        process.send_signal(what)
    except psutil.NoSuchProcess:
        return
