"""A signal ends a command that waits, also where Python loses the exception of the handler."""

import signal
import time
from types import SimpleNamespace
from typing import Any

import pytest
from test_ramp_signals import drop

from gates import decisions
from gates.model import Outcome
from gates.process.signals import ENDING_SIGNALS, interrupting, pause

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.mark.parametrize("number", ENDING_SIGNALS)
def test_a_signal_whose_exception_is_lost_ends_the_next_wait(number: int) -> None:
    began = time.monotonic()
    with interrupting():
        drop(number)
        with pytest.raises(KeyboardInterrupt):
            pause(5)
    assert time.monotonic() - began < 1


@pytest.mark.parametrize("number", ENDING_SIGNALS)
def test_a_lost_signal_ends_a_command_that_waits_for_another_decision(
    number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    decided: list[str] = []

    def hold(*_: object) -> object:
        decided.append("hold")
        drop(number)
        return SimpleNamespace(decision=SimpleNamespace(outcome=Outcome.HOLD))

    monkeypatch.setattr(decisions, "decide", hold)
    context: Any = SimpleNamespace(time_scale=1.0)
    stage: Any = None
    with interrupting(), pytest.raises(KeyboardInterrupt):
        decisions.decide_within(context, stage, 600.0, lambda *_: None)
    assert decided == ["hold"]


def test_a_signal_of_an_earlier_command_ends_no_later_wait() -> None:
    with pytest.raises(KeyboardInterrupt), interrupting():
        signal.raise_signal(signal.SIGTERM)
    pause(0)
    with interrupting():
        pause(0)


def test_a_signal_that_the_process_ignores_ends_no_wait() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with interrupting():
            signal.raise_signal(signal.SIGHUP)
            pause(0)
    finally:
        signal.signal(signal.SIGHUP, before)
