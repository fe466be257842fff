"""The gates command: bad input is exit 2, a broken inside 70, and neither can be taken for GO."""

import json
import re
from pathlib import Path

import pytest
from in_process import gates
from worlds import ROOT

from gates import cli, ledger
from gates import decisions as asking
from gates.evidence.collect import Question
from gates.exitcodes import ExitCode


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["check", "ramp-11", "--target", "green"], "Did you mean ramp-10?"),
        (["check", "green-ready", "--target", "grene"], "Did you mean green?"),
        (["check", "green-ready", "--target", "../green"], "no target"),
        (["check", "green-ready"], "--target"),
        (["check", "green-ready", "--target", "green", "--policy", "none.toml"], "cannot be read"),
        (["check", "green-ready", "--target", "green", "--targets", "/none"], "no target"),
        (["chek"], "invalid choice"),
        ([], "COMMAND"),
    ],
)
def test_bad_input_is_exit_2(tmp_path: Path, arguments: list[str], message: str) -> None:
    done = gates(*arguments, variables={"KIRANA_OUT": str(tmp_path)})
    assert done.code == ExitCode.USAGE
    assert message in done.err
    assert done.out == ""


def test_with_the_store_down_the_answer_is_a_hold_that_says_why(tmp_path: Path) -> None:
    text = (ROOT / "targets" / "green.toml").read_text()
    (tmp_path / "green.toml").write_text(re.sub(r"127.0.0.1:\d+", "127.0.0.1:1", text))
    done = gates(
        "check",
        "green-ready",
        "--target",
        "green",
        "--targets",
        str(tmp_path),
        "--out",
        str(tmp_path / "out"),
    )
    assert done.code == ExitCode.HOLD
    assert done.out.startswith("HOLD  green-ready")
    assert "green does not say which build it serves: Connection refused" in done.out
    assert ledger.verify(tmp_path / "out") == (1, [])


def test_a_decision_that_cannot_be_written_down_is_not_given(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file, not a folder")
    done = gates("check", "green-ready", "--target", "green", "--out", str(tmp_path / "out"))
    assert (done.code, done.out) == (ExitCode.INTERNAL, "")
    assert "cannot be written" in done.err


def test_an_error_inside_is_exit_70(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def broken(_: Question) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(asking, "collect_evidence", broken)
    code = cli.main(["check", "green-ready", "--target", "green", "--out", str(tmp_path)])
    assert code == ExitCode.INTERNAL


def test_an_interrupt_is_no_decision(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def interrupted(_: Question) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(asking, "collect_evidence", interrupted)
    code = cli.main(["check", "green-ready", "--target", "green", "--out", str(tmp_path)])
    assert code == ExitCode.INTERNAL


def test_json_is_one_document_and_in_the_ledger(tmp_path: Path) -> None:
    done = gates("check", "green-ready", "--target", "blue", "--json", "--out", str(tmp_path))
    decision = json.loads(done.out)
    line = json.loads((tmp_path / "ledger.jsonl").read_text().splitlines()[-1])
    assert decision["id"] == line["hash"][:12]
    assert line["entry"] == {name: value for name, value in decision.items() if name != "id"}


def test_stages_lists_the_policy() -> None:
    done = gates("stages")
    assert done.code == 0
    assert "green-ready" in done.out
    assert "ramp-10" in done.out


def test_importing_gates_is_quick() -> None:
    """By processor time, in parts of the time of a fixed loop, so that a slow machine is no defect.

    On a machine on which a million turns of this loop take 65 ms, the limit is 0.15 s.
    """
    code = (
        "import time; t = time.process_time(); n = 0\n"
        "for i in range(1_000_000): n += i\n"
        "u = time.process_time(); import gates.cli; print((time.process_time() - u) / (u - t))"
    )
    import subprocess
    import sys

    parts = [
        float(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)
        for _ in range(5)
    ]
    assert min(parts) < 0.15 / 0.065
