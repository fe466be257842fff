"""Runs Locust in processes of its own, and hears from them what they measured."""

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
from typing import IO, Any

LOCUSTFILE = Path(__file__).with_name("locustfile.py")
LOCUST = (sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), "--loglevel", "WARNING",
          "--exit-code-on-error", "0")  # fmt: skip
# Beyond the plan: to start, to end, and to hand over.
MARGIN_SECONDS = 60.0
STOP_SECONDS = 5.0
# Workers on other machines are started by hand.
WAIT_SECONDS = 120
Process = subprocess.Popen[bytes]


class GeneratorError(Exception):
    """The generator ended without a measurement; the text says where its log is."""


@contextlib.contextmanager
def locust(
    folder: Path, content: dict[str, Any], base_url: str
) -> Iterator[tuple[list[Process], IO[bytes]]]:
    """Start Locust, alone or as a master with workers; end every process at the end.

    Args:
        folder: for its CSV, HTML and log.
        content: what the locustfile reads: plan, shoppers, workers and so on. With ``listen``, a
            host and a port, workers are waited for there and not started.
        base_url: the target's address, for Locust's own report.

    Returns:
        The processes, and the stream of what they say.
    """
    workers = content["workers"]
    host, port = content.get("listen") or ("127.0.0.1", _free_port())
    read_input, write_input = os.pipe()
    read_output, write_output = os.pipe()
    roles = [["--csv", str(folder / "locust"), "--html", str(folder / "locust.html")]]
    if workers > 1 or content.get("listen"):
        roles[0] += ["--master", "--master-bind-host", host, "--master-bind-port", str(port),
                     "--expect-workers", str(workers), "--expect-workers-max-wait",
                     str(WAIT_SECONDS)]  # fmt: skip
    if workers > 1 and not content.get("listen"):
        roles += [["--worker", "--master-port", str(port)]] * workers
    variables = {**os.environ, "KIRANA_LOAD_INPUT": str(read_input),
                 "KIRANA_LOAD_OUTPUT": str(write_output)}  # fmt: skip
    started: list[Process] = []
    with (folder / "locust.log").open("wb") as log, os.fdopen(read_output, "rb") as stream:
        try:
            for number, role in enumerate(roles):
                alone = [] if number else ["--headless"]
                command = [*LOCUST, *alone, *role, "--host", base_url]
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
                json.dump(content, pipe)
            yield started, stream
        finally:
            _end(started)


def work(host: str, port: int) -> int:
    """Be a worker of a master elsewhere until it has no more work; Locust's exit code."""
    command = [*LOCUST, "--worker", "--master-host", host, "--master-port", str(port)]
    return subprocess.run(command, check=False).returncode


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _end(processes: list[Process]) -> None:
    """End what is left of them: ask, then insist."""
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
    folder: Path, content: dict[str, Any], base_url: str, told: Callable[[dict[str, Any]], None]
) -> dict[str, Any]:
    """Run a plan to its end.

    Args:
        folder: as ``locust``.
        content: the same.
        base_url: the same.
        told: is told the progress, about once a second.

    Returns:
        What the generators measured.

    Raises:
        GeneratorError: they ended without a measurement.
    """
    patience = content["plan"]["phases"][-1]["end"] + MARGIN_SECONDS
    patience += WAIT_SECONDS if content.get("listen") else 0
    with locust(folder, content, base_url) as (started, stream):
        # Whatever hangs in there: ended, it closes the stream.
        late = threading.Timer(patience, _end, [started])
        late.daemon = True
        late.start()
        try:
            for line in stream:
                said = json.loads(line)
                if "progress" in said:
                    told(said["progress"])
                if "measured" in said:
                    measured: dict[str, Any] = said["measured"]
                    return measured
        finally:
            late.cancel()
    raise GeneratorError(f"the generator ended without a measurement: see {folder / 'locust.log'}")
