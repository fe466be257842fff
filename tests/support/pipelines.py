"""A real ``gates serve`` whose gate has scripted answers, and a balancer, for the pipelines."""

import json
import os
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml
from commands import Done
from format_documents import document, finding
from serving import Serving, serving
from worlds import ROOT

from gates.errors import LedgerError
from gates.model import Outcome, Verdict
from gates.serve.questions import Question, RecordedAnswer, compact_text
from gates.serve.settings import ServeSettings

PIPELINES = ROOT / "pipelines"
SHELL = PIPELINES / "shell"
NOTHING: Mapping[str, str] = MappingProxyType({})
STEPS = [f"ramp-{percent}" for percent in range(10, 101, 10)]
# A reason that looks like a field of an answer, and like a command of a shell.
HOSTILE_REASON = 'x",\n  "decision": "go",\n$(touch pwned) `touch pwned` \\" ; touch pwned'


def loaded(name: str) -> Any:
    """A YAML file of the pipelines."""
    return yaml.safe_load((PIPELINES / name).read_text())


@dataclass(slots=True)
class ScriptedGate:
    """Answers a go, unless a stage has other answers; the last answer of a stage stays.

    Args:
        answers: the outcomes of a stage, one after the other; None for an error without a decision.
        questions: the questions, in order.
        text: the text of each answer; empty for the decision document.
    """

    answers: dict[str, list[Outcome | None]] = field(default_factory=dict)
    questions: list[Question] = field(default_factory=list)
    text: str = ""

    def answer(self, question: Question) -> RecordedAnswer:
        """Answer one question as the gate does.

        Raises:
            LedgerError: the scripted answer is an error.
        """
        self.questions.append(question)
        coming = self.answers.get(question.stage, [Outcome.GO])
        outcome = coming.pop(0) if len(coming) > 1 else coming[0]
        if outcome is None:
            raise LedgerError("the disk is full")
        plain = document(finding(Verdict.PASS), outcome=outcome, text="ok")
        decision = replace(
            plain.decision, stage=question.stage, target=question.target, reason=HOSTILE_REASON
        )
        written = replace(plain, decision=decision, entry_id="0123456789ab")
        stops = outcome in (Outcome.NO_GO, Outcome.ROLLBACK)
        return RecordedAnswer(written, self.text or compact_text(written), ends_ramp=stops)

    @property
    def stages(self) -> list[str]:
        """The stages that were asked about, in order."""
        return [question.stage for question in self.questions]


@dataclass(slots=True)
class Site:
    """What a pipeline talks to.

    Args:
        gate: the gate behind the server.
        server: the running server.
        balancer: the address of the balancer's control endpoint.
        shares: green's share after each move, in order.
    """

    gate: ScriptedGate
    server: Serving
    balancer: str
    shares: list[float]

    def run(self, command: list[str], folder: Path, variables: Mapping[str, str] = NOTHING) -> Done:
        """Run a command of a pipeline in a checkout, with the variables of the site."""
        done = subprocess.run(
            command,
            check=False,
            capture_output=True,
            text=True,
            cwd=folder,
            timeout=60,
            env=self.environment(variables),
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def reset(self) -> None:
        """Forget the answers, the questions and the moves."""
        self.gate.answers.clear()
        self.gate.questions.clear()
        self.gate.text = ""
        self.shares.clear()

    def environment(self, variables: Mapping[str, str] = NOTHING) -> dict[str, str]:
        """The environment of a pipeline's command."""
        return {
            "PATH": os.environ["PATH"],
            "GATES_URL": f"http://127.0.0.1:{self.server.port}",
            "BALANCER_URL": self.balancer,
            "GATES_POLL_SECONDS": "0",
            "GATES_RETRIES": "0",
            **variables,
        }


@contextmanager
def site(folder: Path, token: str = "") -> Iterator[Site]:
    """A server with a scripted gate, and a balancer, for a while.

    Args:
        folder: for the files of the server.
        token: the token that every request needs; empty for the exception for loopback.
    """
    gate, shares = ScriptedGate(), list[float]()
    settings = ServeSettings(out=str(folder / "out"), targets=str(ROOT / "targets"))
    if token:
        settings = replace(settings, token=token, loopback_exception=False)
    with serving(settings, gate.answer) as server, balancer(shares) as address:
        yield Site(gate, server, address, shares)


@contextmanager
def balancer(shares: list[float]) -> Iterator[str]:
    """The control endpoint of the guide; it notes green's share of each move."""

    class Control(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            is_whole = self.path == "/config" and sum(content.values()) == 1
            if is_whole:
                shares.append(content["green"])
            self.send_response(200 if is_whole else 400)
            self.end_headers()
            self.wfile.write(json.dumps(content).encode())

        def log_message(self, *_: object) -> None:
            """Nothing: the tests look at the moves."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Control)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
