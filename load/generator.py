"""Runs Locust in processes of its own, and reads the measurements from a pipe."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from gates.evidence import codec
from gates.evidence.load_record import Measurements
from gates.sources import json_values
from load.assignment import Assignment, LoadProgress, Report

LOCUSTFILE = Path(__file__).with_name("locustfile.py")
LOCUST = (
    sys.executable,
    "-m",
    "locust",
    "-f",
    str(LOCUSTFILE),
    "--loglevel",
    "WARNING",
    "--exit-code-on-error",
    "0",
)
# The time beyond the plan in which the processes start, end and send their measurements.
MARGIN_SECONDS = 60.0
STOP_SECONDS = 5.0
# People start the workers on other machines.
WORKER_WAIT_SECONDS = 120
Process = subprocess.Popen[bytes]


class GeneratorError(Exception):
    """The generator ended without measurements; the message names its log."""


@contextlib.contextmanager
def locust(folder: Path, assignment: Assignment) -> Iterator[tuple[list[Process], IO[bytes]]]:
    """Start Locust, alone or as a master with workers; the end of the block ends the processes.

    Args:
        folder: the folder for Locust's CSV, HTML and log.
        assignment: the part of the load that each process generates.

    Returns:
        The processes, and the stream of their reports.
    """
    workers = assignment.workers
    host, port = assignment.listen or ("127.0.0.1", _free_port())
    read_input, write_input = os.pipe()
    read_output, write_output = os.pipe()
    roles = [["--csv", str(folder / "locust"), "--html", str(folder / "locust.html")]]
    if workers > 1 or assignment.listen:
        roles[0] += [
            "--master",
            "--master-bind-host",
            host,
            "--master-bind-port",
            str(port),
            "--expect-workers",
            str(workers),
            "--expect-workers-max-wait",
            str(WORKER_WAIT_SECONDS),
        ]
    if workers > 1 and not assignment.listen:
        roles += [["--worker", "--master-port", str(port)]] * workers
    variables = {
        **os.environ,
        "KIRANA_LOAD_INPUT": str(read_input),
        "KIRANA_LOAD_OUTPUT": str(write_output),
    }
    started: list[Process] = []
    with (folder / "locust.log").open("wb") as log, os.fdopen(read_output, "rb") as stream:
        try:
            for number, role in enumerate(roles):
                alone = [] if number else ["--headless"]
                command = [*LOCUST, *alone, *role, "--host", assignment.base_url]
                pipes = () if number else (read_input, write_output)
                started.append(
                    subprocess.Popen(
                        command,
                        env=variables,
                        stdin=subprocess.DEVNULL,
                        stdout=log,
                        stderr=log,
                        pass_fds=pipes,
                    )
                )
            os.close(read_input)
            os.close(write_output)
            with contextlib.suppress(BrokenPipeError), os.fdopen(write_input, "w") as pipe:
                json.dump(codec.to_record(assignment), pipe)
            yield started, stream
        finally:
            _end(started)


def work(host: str, port: int) -> int:
    """Run a worker for a master on another machine, until the master has no more work.

    Args:
        host: the host of the master.
        port: the port of the master.

    Returns:
        The exit code of Locust.
    """
    command = [*LOCUST, "--worker", "--master-host", host, "--master-port", str(port)]
    return subprocess.run(command, check=False).returncode


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _end(processes: list[Process]) -> None:
    """End the processes that still run: first with SIGTERM, then with SIGKILL."""
    for process in processes:
        if process.poll() is None:
            process.terminate()
    until = time.monotonic() + STOP_SECONDS
    for process in processes:
        try:
            process.wait(max(0.1, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def measure(
    folder: Path, assignment: Assignment, show_progress: Callable[[LoadProgress], None]
) -> Measurements:
    """Run the plan of an assignment to its end, and return the measurements.

    Args:
        folder: the folder for Locust's CSV, HTML and log.
        assignment: the part of the load that each process generates.
        show_progress: called with the progress about once a second.

    Raises:
        GeneratorError: the processes ended without measurements.
    """
    patience = assignment.plan.seconds + MARGIN_SECONDS
    patience += WORKER_WAIT_SECONDS if assignment.listen else 0
    log = folder / "locust.log"
    with locust(folder, assignment) as (processes, stream):
        # A process that hangs is ended; that also ends the stream.
        late = threading.Timer(patience, _end, [processes])
        late.daemon = True
        late.start()
        try:
            for line in stream:
                report = _report(line, log)
                if report.progress:
                    show_progress(report.progress)
                if report.measured:
                    return report.measured
        finally:
            late.cancel()
    raise GeneratorError(f"the generator ended without measurements: read the reason in {log}")


def _report(line: bytes, log: Path) -> Report:
    try:
        return codec.from_record(Report, json_values.loads(line))
    except json_values.MALFORMED as error:
        raise GeneratorError(
            f"the generator sent a malformed report: read the reason in {log}"
        ) from error
