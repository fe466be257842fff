"""Every command with an output that is closed, full, or read by nobody: exit codes and weights."""

import os
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from balancing import Balancer, Site, site
from signing import RELEASE, TABLES
from thorough import THOROUGH
from worlds import ROOT, environment

from gates import ledger
from gates.ledger import DecisionEntry, RampEndEntry, RampEnding, SignOffEntry
from gates.model import Build, Person, SignOff, SignOffKind

RECORDING = """{"t": 0.0, "weight": {"green": 0.1}}
{"t": 1.0, "target": "green", "instance": "g:1", "text": "up 1\\n"}
"""
SCHEDULE = "[ramp-10]\nbake_seconds = 60\n[ramp-100]\nbake_seconds = 60\n"
CASES = '[one]\nrecording = "ramp.jsonl"\ndecision = "hold"\n'
# Commands whose output is all they give: without it they have given nothing.
OUTPUT_IS_THE_RESULT = {
    "help": ("--help",),
    "version": ("--version",),
    "help of a command": ("check", "--help"),
    "stages": ("stages",),
    "log": ("log", "--out", "OUT"),
    "log --verify": ("log", "--verify", "--out", "OUT"),
    "explain": ("explain", "ID", "--out", "OUT"),
    "lint": ("lint",),
    "record": (
        "record",
        "--target",
        "green",
        "--targets",
        "TARGETS",
        "--for",
        "1s",
        "--every",
        "500ms",
    ),
    "backtest": ("backtest", "FOLDER/ramp.jsonl"),
    "test-policy": ("test-policy", "FOLDER/cases.toml"),
    "ramp --dry-run": (
        "ramp",
        "--target",
        "green",
        "--targets",
        "TARGETS",
        "--out",
        "OUT",
        "--dry-run",
    ),
    "coverage": ("coverage",),
    "status": ("status", "--stage", "green-ready", "--targets", "TARGETS", "--out", "OUT"),
    "rehearse --help": ("rehearse", "--help"),
}
PLACES = ("--target", "green", "--targets", "TARGETS", "--out", "OUT", "--time-scale", "60")
SOME = ("stages", "help of a command", "log --verify", "backtest")
# Commands whose answer is in the ledger, and that answer at this site.
ANSWERS = {
    "check go": (("check", "green-ready", *PLACES), 0),
    "check hold": (("check", "ramp-10", *PLACES), 3),
    "watch": (("watch", *PLACES, "--for", "1s"), 3),
    "ramp": (("ramp", *PLACES, "--hold", "1s", "--schedule", "FOLDER/schedule.toml"), 3),
    "rollback": (("rollback", *PLACES), 0),
    "sign": (
        (
            "sign",
            "team-informed",
            "--stage",
            "people",
            "--by",
            "Asha Rao",
            "--note",
            "seen",
            "--policy",
            "FOLDER/policy.toml",
            "--targets",
            "TARGETS",
            "--out",
            "OUT",
        ),
        0,
    ),
    "revoke": (("revoke", "SIGNED", "--by", "Ben", "--note", "wrong", "--out", "OUT"), 0),
}
# A mistake in what was asked stays a mistake, whoever can read about it.
MISTAKES = {
    "no command": (),
    "unknown stage": ("check", "ramp-11", *PLACES),
    "unknown option": ("stages", "--nothing"),
    "rehearse": ("rehearse", "--at", "55", "--out", "OUT"),
}

# A sign-off that a command of this test revokes.
SIGNED = SignOffEntry(
    SignOff(
        SignOffKind.ITEM,
        "green",
        "people",
        "team-informed",
        "The team is trained.",
        Person("Asha Rao"),
        "seen",
        datetime(2026, 11, 27, tzinfo=UTC),
        datetime(2026, 11, 29, tzinfo=UTC),
        Build("v5", "5.0.0", "sha256:ab"),
    )
)

Closed = Callable[[list[str]], int]


def run_with(arguments: list[str], out: int | None, err: int | None, close: tuple[int, ...]) -> int:
    """Run a command with these descriptors; those in ``close`` are closed before it begins."""
    script = 'exec "$@"' + "".join(f" {number}>&-" for number in close)
    command = ["sh", "-c", script, "sh", ".venv/bin/python", "-m", "gates", *arguments]
    null = subprocess.DEVNULL
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=environment(),
        stdin=null,
        check=False,
        timeout=60,
        stdout=null if out is None else out,
        stderr=null if err is None else err,
    )
    return done.returncode


def stdout_closed(arguments: list[str]) -> int:
    return run_with(arguments, None, None, (1,))


def stderr_closed(arguments: list[str]) -> int:
    return run_with(arguments, None, None, (2,))


def everything_closed(arguments: list[str]) -> int:
    return run_with(arguments, None, None, (0, 1, 2))


def both_full(arguments: list[str]) -> int:
    with Path("/dev/full").open("wb") as full:
        return run_with(arguments, full.fileno(), full.fileno(), ())


def nobody_reads(arguments: list[str]) -> int:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        return run_with(arguments, writer, writer, ())
    finally:
        os.close(writer)


LOST = (stdout_closed, everything_closed, both_full, nobody_reads)
EVERY_WAY = (*LOST, stderr_closed)


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("lost")
    with site(folder, Balancer()) as place:
        (folder / "ramp.jsonl").write_text(RECORDING)
        (folder / "schedule.toml").write_text(SCHEDULE)
        (folder / "cases.toml").write_text(CASES)
        (folder / "policy.toml").write_text(RELEASE.read_text() + TABLES)
        ledger.append(place.out, SIGNED)
        assert place.run("check", "green-ready")[0] == 0
        yield place


@pytest.fixture(autouse=True)
def green_has_nothing(here: Site) -> None:
    """Every command begins with all traffic on blue, and without a ramp in the ledger."""
    here.balancer.give(0.0)
    ending = RampEnding.ROLLED_BACK
    ledger.append(here.out, RampEndEntry("green", 1.0, None, ending))


def filled(here: Site, arguments: tuple[str, ...]) -> list[str]:
    decision = next(
        record.entry_id
        for record in ledger.entries(here.out)
        if isinstance(record.entry, DecisionEntry)
    )
    signed = next(record.entry_id for record in ledger.entries(here.out) if record.entry == SIGNED)
    values = {"OUT": str(here.out), "TARGETS": str(here.targets), "SIGNED": signed}
    values["ID"] = decision
    values["FOLDER"] = str(here.place.folder)
    text = [*arguments]
    for name, value in values.items():
        text = [part.replace(name, value) for part in text]
    return text


def cells(ways: Sequence[Closed], commands: Mapping[str, object]) -> list[Any]:
    """Ways to lose the output, by command: every command loses it in its own way.

    A thorough run tries each way with each command.
    """
    shared = {
        name: ways if THOROUGH else (ways[number % len(ways)],)
        for number, name in enumerate(commands)
    }
    return [
        pytest.param(name, way, id=f"{name}-{way.__name__}")
        for name, ways_of_one in shared.items()
        for way in ways_of_one
    ]


def test_a_sample_has_every_way_and_every_command() -> None:
    for ways, commands in ((LOST, OUTPUT_IS_THE_RESULT), (EVERY_WAY, ANSWERS)):
        sample = [param.values for param in cells(ways, commands)]
        assert {name for name, _ in sample} == set(commands)
        assert {way for _, way in sample} == set(ways)


@pytest.mark.parametrize(("name", "lost"), cells(LOST, OUTPUT_IS_THE_RESULT))
def test_a_command_whose_output_is_lost_gives_no_answer(
    here: Site, name: str, lost: Closed
) -> None:
    assert lost(filled(here, OUTPUT_IS_THE_RESULT[name])) == 70


@pytest.mark.parametrize(("name", "lost"), cells(EVERY_WAY, ANSWERS))
def test_an_answer_in_the_ledger_is_the_exit_code(here: Site, name: str, lost: Closed) -> None:
    arguments, code = ANSWERS[name]
    if name == "rollback":
        here.balancer.give(0.5)
    before = len(ledger.entries(here.out))
    assert lost(filled(here, arguments)) == code
    assert here.balancer.green == (0.1 if name == "ramp" else 0.0)
    assert len(ledger.entries(here.out)) > before


@pytest.mark.parametrize(("name", "lost"), cells(EVERY_WAY, MISTAKES))
def test_a_mistake_stays_exit_2(here: Site, name: str, lost: Closed) -> None:
    assert lost(filled(here, MISTAKES[name])) == 2


@pytest.mark.parametrize("name", list(OUTPUT_IS_THE_RESULT) if THOROUGH else SOME)
def test_without_stderr_the_output_is_the_result_all_the_same(here: Site, name: str) -> None:
    arguments = filled(here, OUTPUT_IS_THE_RESULT[name])
    assert stderr_closed(arguments) == run_with(arguments, None, None, ())


def test_a_rollback_nobody_reads_moves_the_weights(here: Site) -> None:
    here.balancer.give(0.5)
    assert nobody_reads(filled(here, ("rollback", *PLACES))) == 0
    assert here.balancer.posts[-1] == {"blue": 1.0, "green": 0.0}


def test_the_last_flush_of_the_interpreter_says_nothing(here: Site) -> None:
    command = [".venv/bin/python", "-m", "gates", *filled(here, ("stages",))]
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=environment(),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.stderr.startswith("gates: the output could not be written")
    assert "Exception ignored" not in done.stderr
