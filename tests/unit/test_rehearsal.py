"""The day of the deployment in a rehearsal: suites, sign-offs, the question, and what follows."""

import argparse
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from proving import Place, passing
from worlds import ROOT

import rehearsal
from gates import ledger
from gates.cli import parser
from gates.decisions import Context, ContextOptions, open_context
from gates.errors import ConfigurationError, RehearsalError, UnknownNameError
from gates.exitcodes import ExitCode
from gates.model import Outcome
from gates.policy import policy_file, schedule
from rehearsal import day_of, faults, parts
from rehearsal.faults import FaultSwitch, ObservedRouter
from rehearsal.shoppers import Shoppers

STAGE = """
[stages.our-day]
role = "day_of"
title = "The day"
guide = "12"
objectives = ["served-build", "smoke", "own-approval", "own-check-up"]
"""
ITEMS = """
[objectives.own-approval]
kind = "sign_off"
guide = "16"
item = "The lead approves."
reason = "Only the lead can approve."
people = 2

[objectives.own-check-up]
kind = "sign_off"
guide = "12"
item = "The channels are open."
reason = "The channels are outside of the store."
"""


def policy_text() -> str:
    """The release policy; its day of the deployment has two items that people sign."""
    text = (ROOT / "policies" / "release.toml").read_text()
    begin = text.index("[stages.day-of]")
    end = text.index("\n[", begin)
    stage = text[begin:end].replace("[stages.day-of]\nrole", "[stages.day-of]\n# role")
    return f"{ITEMS}{text[:begin]}{stage}\n{STAGE}{text[end:]}"


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Place]:
    with passing(tmp_path) as place:
        place.policy = tmp_path / "policy.toml"
        text = policy_text()
        place.policy.write_text(text.replace(ITEMS, "") + ITEMS)
        yield place


def context_of(place: Place) -> Context:
    return open_context(
        ContextOptions(
            "green",
            policy=str(place.policy),
            targets=str(place.folder / "targets"),
            out=str(place.out),
            time_scale=15,
        )
    )


def arguments(*options: str) -> argparse.Namespace:
    return parser().parse_args(["rehearse", *options])


class Commands:
    """Runs no command; remembers the command lines, and prints the same output each time."""

    def __init__(self, output: str) -> None:
        self.output = output
        self.lines: list[tuple[str, ...]] = []

    def __call__(self, *command: str, **_: object) -> str:
        self.lines.append(command)
        return self.output


def test_an_unsigned_day_is_a_hold_that_says_how_to_sign(
    here: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    decision = day_of.ask_day_of(context_of(here), "")
    assert decision is not None
    assert decision.outcome is Outcome.HOLD
    output = capsys.readouterr()
    assert "people must sign 2 items of our-day; in a rehearsal, use --sign-as NAME" in output.err
    assert "own-approval: 0 of 2 people have signed: The lead approves" in output.out
    assert isinstance(ledger.entries(here.out)[-1].entry, ledger.DecisionEntry)


def test_a_signed_day_is_a_go(here: Place, capsys: pytest.CaptureFixture[str]) -> None:
    decision = day_of.ask_day_of(context_of(here), "Asha Rao")
    assert decision is not None
    assert decision.outcome is Outcome.GO, decision.reason
    assert "Asha Rao signed 2 items of our-day" in capsys.readouterr().err


def test_only_one_stage_is_of_the_day(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    path.write_text(policy_text().replace(ITEMS, "").replace("# role", "role") + ITEMS)
    with pytest.raises(ConfigurationError, match=r"our-day: day-of has the role day_of, too"):
        policy_file.load(path)


def test_a_policy_without_the_day_goes_on(here: Place, capsys: pytest.CaptureFixture[str]) -> None:
    context = context_of(here)
    stages = tuple(stage for stage in context.policy.stages if stage.name != "our-day")
    context = replace(context, policy=replace(context.policy, stages=stages))
    assert day_of.ask_day_of(context, "") is None
    assert 'the policy has no stage with role = "day_of"' in capsys.readouterr().err


def test_nothing_ramps_where_the_day_is_no_go(here: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(day_of, "run_command", Commands("3 failed, 50 passed\n"))
    code = rehearsal._before_the_ramp(arguments(), context_of(here))
    assert code == ExitCode.HOLD
    here.keep_run(here.run_of("r2", **{"smoke.login": "failed"}), "r2")
    code = rehearsal._before_the_ramp(arguments(), context_of(here))
    assert code == ExitCode.NO_GO


def test_a_fault_skips_the_day(here: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    commands = Commands("")
    monkeypatch.setattr(day_of, "run_command", commands)
    context = context_of(here)
    assert rehearsal._before_the_ramp(arguments("--fault", "requests.slow"), context) == 0
    assert [command[command.index("-m") + 1] for command in commands.lines] == ["smoke"]
    assert not (here.out / ledger.FILE).exists()


def test_a_whole_rehearsal_runs_every_suite_that_the_stages_need(
    here: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands = Commands("")
    monkeypatch.setattr(day_of, "run_command", commands)
    rehearsal._before_the_ramp(arguments("--sign-as", ""), context_of(here))
    (command,) = commands.lines
    assert command[command.index("-m") + 1] == "smoke or integration or platform"
    assert f"--policy={here.policy}" in command


def test_a_command_that_fails_is_an_error_with_its_output() -> None:
    with pytest.raises(RehearsalError, match=r"gates stages --policy .*: exit code 2"):
        parts.run_command("gates", "stages", "--policy", "/no/such/policy.toml")
    with pytest.raises(
        RehearsalError, match=r"gates stages: the command did not end within 0\.01 s"
    ):
        parts.run_command("gates", "stages", seconds=0.01)


class InterruptedStart(Commands):
    """A signal arrives while the testbed starts."""

    def __call__(self, *command: str, **options: object) -> str:
        super().__call__(*command, **options)
        if "up" in command:
            raise KeyboardInterrupt
        return ""


@pytest.mark.parametrize("keep", [False, True])
def test_an_interrupted_start_of_the_testbed_leaves_no_testbed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, keep: bool
) -> None:
    commands = InterruptedStart("")
    monkeypatch.setattr(rehearsal, "run_command", commands)
    with pytest.raises(KeyboardInterrupt), rehearsal._testbed(tmp_path, keep=keep):
        pass
    assert [command[3] for command in commands.lines] == ["up", "down"]


def test_only_a_testbed_that_is_kept_stays_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands = Commands("")
    monkeypatch.setattr(rehearsal, "run_command", commands)
    with rehearsal._testbed(tmp_path, keep=True):
        pass
    assert [command[3] for command in commands.lines] == ["up"]
    with rehearsal._testbed(tmp_path, keep=False):
        pass
    assert [command[3] for command in commands.lines] == ["up", "up", "down"]


def test_a_fault_begins_one_step_before(here: Place) -> None:
    context = context_of(here)
    steps = schedule.load(rehearsal.SCHEDULE, context.policy, 15)
    with_fault = rehearsal._steps(steps, arguments("--fault", "x", "--at", "40"))
    assert [step.stage for step in with_fault][:2] == ["ramp-30", "ramp-40"]
    assert rehearsal._steps(steps, arguments()) == steps


class Router:
    """Remembers the last shares."""

    def __init__(self) -> None:
        self.now: Mapping[str, float] = {"blue": 1.0, "green": 0.0}

    def shares(self) -> Mapping[str, float]:
        return self.now

    def move(self, shares: Mapping[str, float]) -> None:
        self.now = dict(shares)


def test_the_fault_is_switched_on_once_at_its_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands = Commands("a.fault x\n")
    monkeypatch.setattr(faults, "run_command", commands)
    switch = FaultSwitch(tmp_path, "a.fault", 0.4)
    switch.refuse_unknown()
    router = ObservedRouter(Router(), switch)
    for share in (0.3, 0.4, 0.5, 0.0):
        router.move({"blue": 1 - share, "green": share})
    assert [command[3:5] for command in commands.lines] == [("fault", "list"), ("fault", "on")]
    assert switch.on_at is not None
    assert router.zero_at is not None
    assert router.shares() == {"blue": 1.0, "green": 0.0}
    with pytest.raises(UnknownNameError, match=r"a\.fault"):
        FaultSwitch(tmp_path, "a.fualt", 0.4).refuse_unknown()


def test_the_orders_of_the_shoppers_are_found(tmp_path: Path) -> None:
    shoppers = Shoppers.__new__(Shoppers)
    shoppers.folder = tmp_path
    assert shoppers.orders() is None
    path = tmp_path / "20261127" / "orders.jsonl"
    path.parent.mkdir()
    path.touch()
    assert shoppers.orders() == path
