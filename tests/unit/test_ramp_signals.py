"""A signal ends a ramp and gives the traffic back, also where Python loses the exception."""

import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest
from test_ramp import STEPS, FakeWorld, last_entry, moves, run

from gates.ledger import RampEnding
from gates.model import Decision
from gates.process.signals import ENDING_SIGNALS
from gates.ramp import engine


class SignalInDestructor:
    """Receives a signal in ``__del__``, where Python prints and ignores every exception."""

    def __init__(self, number: int) -> None:
        self._number = number

    def __del__(self) -> None:
        signal.raise_signal(self._number)


def drop(number: int) -> None:
    """Create and drop an object that receives a signal in its destructor."""
    SignalInDestructor(number)


def before_the_answer(here: FakeWorld, stage: str, act: Callable[[], None]) -> None:
    """Act once, while the gate judges a stage."""
    original = here.ask
    acted: list[str] = []

    def ask(stage_asked: str) -> Decision:
        if stage_asked == stage and not acted:
            acted.append(stage)
            act()
        return original(stage_asked)

    here.ask = ask  # type: ignore[method-assign,assignment]


@pytest.fixture
def lost(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The exceptions that Python ignored."""
    errors: list[Any] = []
    monkeypatch.setattr(
        sys, "unraisablehook", lambda unraisable: errors.append(unraisable.exc_type)
    )
    return errors


@pytest.mark.parametrize("stage", [STEPS[0].stage, STEPS[4].stage, STEPS[-1].stage])
@pytest.mark.parametrize("number", ENDING_SIGNALS)
def test_a_signal_whose_exception_is_lost_ends_the_ramp(
    number: int, stage: str, lost: list[Any]
) -> None:
    here = FakeWorld()
    before_the_answer(here, stage, lambda: drop(number))
    result = run(here)
    assert lost == [KeyboardInterrupt]
    assert (result.ending, result.crashed, here.share) == (RampEnding.ROLLED_BACK, True, 0.0)
    assert moves(here)[-1] == next(step.share for step in STEPS if step.stage == stage)
    assert last_entry(here)["how"] == "rolled_back"


def test_a_signal_that_is_lost_before_the_first_move_moves_nothing(lost: list[Any]) -> None:
    here = FakeWorld()
    before_the_answer(here, "green-ready", lambda: drop(signal.SIGTERM))
    with pytest.raises(KeyboardInterrupt):
        run(here)
    assert (lost, moves(here), here.share) == ([KeyboardInterrupt], [], 0.0)


@pytest.mark.parametrize("second", ENDING_SIGNALS)
def test_a_second_signal_at_any_line_does_not_cut_off_the_rollback(second: int) -> None:
    """One ramp for each line of the engine that runs after the first signal."""
    lines = 0
    while True:
        here = FakeWorld()
        before_the_answer(here, STEPS[1].stage, lambda: signal.raise_signal(signal.SIGTERM))
        tracer = SignalInLine(second, lines)
        before_the_answer(here, STEPS[1].stage, tracer.begin)
        try:
            result = run(here)
        finally:
            sys.settrace(None)
        assert (result.ending, here.share) == (RampEnding.ROLLED_BACK, 0.0), f"line {lines}"
        assert last_entry(here)["how"] == "rolled_back"
        if tracer.remaining >= 0:
            break
        lines += 1
    assert lines > 20


class SignalInLine:
    """Receives a signal in one of the lines of the engine that run from now on.

    Args:
        number: the number of the signal.
        line: how many lines run before the signal.
    """

    def __init__(self, number: int, line: int) -> None:
        self._number = number
        self.remaining = line

    def begin(self) -> None:
        """Count from now on, in the engine's functions that run and in those it calls."""
        frame: FrameType | None = sys._getframe()
        while frame is not None:
            if frame.f_code.co_filename == engine.__file__:
                frame.f_trace = self._trace
            frame = frame.f_back
        sys.settrace(self._trace)

    def _trace(self, frame: FrameType, event: str, _: object) -> Any:
        if frame.f_code.co_filename != engine.__file__:
            return None
        if event == "line":
            if self.remaining == 0:
                self.remaining = -1
                signal.raise_signal(self._number)
            elif self.remaining > 0:
                self.remaining -= 1
        return self._trace
