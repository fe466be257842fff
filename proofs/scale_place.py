"""A real Prometheus that holds a large store, and the files with which the gate is asked."""

import json
import os
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from scale_store import LATE_PROXY, PROXY, ScaleStore
from worlds import ROOT

from gates.model import Access
from gates.policy import target_file
from gates.sources.http import get

STAGE = "ramp-10"
# The objectives that read metrics; the others would need runs of the suites.
OBJECTIVES = (
    "served-build",
    "live-build",
    "traffic-share",
    "traffic-seen",
    "errors-against-blue",
    "latency-against-blue",
    "payments-against-blue",
    "browsing-refused",
    "buying-refused",
    "logins-refused",
    "anything-refused",
    "payments-declined",
    "orders-placed",
    "payments-captured",
    "green-up",
    "errors-trigger",
    "latency-trigger",
    "restarts",
)
RAMP_OBJECTIVES = re.compile(r'(?m)^objectives = \["with-traffic", "only-listed".*\]$')
POLICY, LATE_POLICY = "policy.toml", "policy-late.toml"
# One block of all samples: promtool reads the text once for each block, and Prometheus may keep
# blocks of this length.
BLOCK_HOURS = 162
# Before the ramp there are 35 minutes of samples.
BEFORE_RAMP_SECONDS = 2100
READY_SECONDS = 60.0
OK = 200
CLOCK_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Asked:
    """One process of the gate that has ended.

    Args:
        seconds: from its start to its end.
        processor_seconds: of the process.
        megabytes: the largest resident memory.
        code: the exit code.
        output: what it wrote to stdout and stderr.
    """

    seconds: float
    processor_seconds: float
    megabytes: float
    code: int
    output: str


@dataclass(frozen=True, slots=True)
class ScalePlace:
    """Where the gate is asked.

    Args:
        folder: the folder of all files.
        url: the address of Prometheus.
        pid: the process of Prometheus.
        series: the number of its time series.
        policy: the file of the policy; that of the second balancer has a shorter ramp.
    """

    folder: Path
    url: str
    pid: int
    series: int
    policy: str = POLICY

    @property
    def options(self) -> tuple[str, ...]:
        """The options of every command of the gate."""
        return (
            "--target",
            "green",
            "--targets",
            str(self.folder / "targets"),
            "--policy",
            str(self.folder / self.policy),
            "--out",
            str(self.folder / "out"),
            "--runs",
            str(self.folder / "runs"),
        )

    def prometheus_seconds(self) -> float:
        """The processor time of Prometheus so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / CLOCK_TICKS

    def ask(self, *arguments: str) -> Asked:
        """Run one command of the gate in a process of its own, and wait for its end."""
        log = self.folder / "gate.log"
        began = time.monotonic()
        with log.open("wb") as file:
            process = subprocess.Popen(
                [str(ROOT / ".venv" / "bin" / "gates"), *arguments, *self.options],
                stdout=file,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
            )
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        return Asked(
            time.monotonic() - began,
            usage.ru_utime + usage.ru_stime,
            usage.ru_maxrss / 1024,
            process.returncode,
            log.read_text(),
        )


@contextmanager
def prometheus_of(
    store: ScaleStore, folder: Path, without: Collection[str] = ()
) -> Iterator[ScalePlace]:
    """A Prometheus that is filled with a store, and the gate's files, for a while.

    Args:
        store: the store.
        folder: the folder of all files.
        without: the objectives that the policy does not have.
    """
    folder.mkdir(parents=True)
    text, data = folder / "store.txt", folder / "data"
    series = store.write(text)
    subprocess.run(
        [
            "promtool",
            "tsdb",
            "create-blocks-from",
            "openmetrics",
            f"--max-block-duration={BLOCK_HOURS}h",
            str(text),
            str(data),
        ],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    text.unlink()
    (folder / "prometheus.yml").write_text("global: {scrape_interval: 15s}\n")
    with _health() as health, (folder / "prometheus.log").open("wb") as log:
        port = _free_port()
        process = subprocess.Popen(
            [
                "prometheus",
                f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={data}",
                f"--web.listen-address=127.0.0.1:{port}",
                "--storage.tsdb.retention.time=30d",
            ],
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            url = f"http://127.0.0.1:{port}"
            _wait_until_ready(url)
            _write_files(folder, url, health, without)
            yield ScalePlace(folder, url, process.pid, series)
        finally:
            process.terminate()
            process.wait()


def _write_files(folder: Path, prometheus: str, health: str, without: Collection[str]) -> None:
    """The target file, and the policies of both balancers."""
    text = (ROOT / "targets" / "green.toml").read_text()
    text = text.replace('"http://127.0.0.1:9090"', f'"{prometheus}"')
    text = text.replace('"http://127.0.0.1:5001/api/health"', f'"{health}"', 1)
    (folder / "targets").mkdir()
    (folder / "targets" / "green.toml").write_text(text)
    shutil.copy(ROOT / "targets" / "blue.toml", folder / "targets" / "blue.toml")
    listed = ", ".join(f'"{name}"' for name in OBJECTIVES if name not in without)
    policy = (ROOT / "policies" / "release.toml").read_text()
    changed, count = RAMP_OBJECTIVES.subn(f"objectives = [{listed}]", policy)
    if count != 1:
        raise ValueError("the policy's table [ramp] has other objectives than expected")
    (folder / POLICY).write_text(changed)
    (folder / LATE_POLICY).write_text(changed.replace(f'"{PROXY}"', f'"{LATE_PROXY}"'))


@contextmanager
def _health() -> Iterator[str]:
    """The address of a green that says which build it is."""
    expected = target_file.load("green", ROOT / "targets").expected
    body = json.dumps(
        {
            "release": expected.release,
            "version": expected.version,
            "digest": expected.digest,
            "deployment": "green",
            "status": "ok",
        }
    ).encode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/api/health"
    finally:
        server.shutdown()
        server.server_close()


def _free_port() -> int:
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        return server.server_port


def _wait_until_ready(url: str) -> None:
    until = time.monotonic() + READY_SECONDS
    while get(f"{url}/-/ready", Access(1.0), max_bytes=1000).status != OK:
        if time.monotonic() > until:
            raise TimeoutError(f"{url} is not ready")
        time.sleep(0.1)


def store_of(
    pods: int, routes: int, seconds: int, *, failing_in: int | None = None, ahead: int = 1500
) -> ScaleStore:
    """A store whose ramp began half an hour after its first scrape.

    The ramp of the second balancer began so late that its samples are half as long.

    Args:
        pods: the pods of each colour.
        routes: the routes of each pod.
        seconds: from the first scrape to now.
        failing_in: in so many seconds a fifth of green's requests begin to fail; less than 0 for a
            moment that has passed; None for never.
        ahead: the scrapes go on for so many seconds after now.
    """
    now = int(time.time())
    return ScaleStore(
        pods,
        routes,
        began_at=now - seconds,
        ramp_at=now - seconds + BEFORE_RAMP_SECONDS,
        until=now + ahead,
        failing_at=0 if failing_in is None else now + failing_in,
        late_ramp_at=now - seconds // 2 + BEFORE_RAMP_SECONDS,
    )


def median(values: Sequence[float]) -> float:
    """The median."""
    return sorted(values)[len(values) // 2]
