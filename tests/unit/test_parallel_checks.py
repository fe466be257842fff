"""Tests the number of processes of a run, and that some checks run alone."""

import multiprocessing
from collections.abc import Callable, Iterator
from multiprocessing.synchronize import Event
from pathlib import Path
from uuid import uuid4

import pytest

from suites.pytest_plugin import parallel
from suites.testdata.run_locks import folder_of_locks

SHORT_SECONDS, PATIENCE_SECONDS = 0.3, 10
processes = multiprocessing.get_context("spawn")


def hold_turn(run_id: str, ready: Event, begun: Event, end: Event, *, alone: bool) -> None:
    """Hold a turn in another process until the event ``end``."""
    ready.set()
    with parallel.turn(run_id, alone=alone):
        begun.set()
        end.wait(PATIENCE_SECONDS)


class Turn:
    """A turn of another process."""

    def __init__(self, run_id: str, *, alone: bool) -> None:
        ready, self.begun, self.end = (processes.Event() for _ in range(3))
        arguments, keywords = (run_id, ready, self.begun, self.end), {"alone": alone}
        self.process = processes.Process(target=hold_turn, args=arguments, kwargs=keywords)
        self.process.start()
        assert ready.wait(PATIENCE_SECONDS)

    def has_begun(self, seconds: float = PATIENCE_SECONDS) -> bool:
        return self.begun.wait(seconds)

    def finish(self) -> None:
        # The event of a process that was killed while it waited can block for ever.
        if self.process.is_alive():
            self.end.set()
        self.process.join(PATIENCE_SECONDS)


@pytest.fixture
def turns() -> Iterator[Callable[..., Turn]]:
    run_id = f"test-{uuid4().hex[:8]}"
    started: list[Turn] = []

    def start(*, alone: bool) -> Turn:
        started.append(Turn(run_id, alone=alone))
        return started[-1]

    yield start
    for each in started:
        each.finish()
    folder = folder_of_locks()
    assert folder is not None
    for path in folder.glob(f"{run_id}.*"):
        path.unlink()


def test_two_checks_run_at_the_same_time(turns: Callable[..., Turn]) -> None:
    first, second = turns(alone=False), turns(alone=False)

    assert first.has_begun()
    assert second.has_begun()


def test_a_check_that_runs_alone_waits_and_is_not_overtaken(turns: Callable[..., Turn]) -> None:
    running = turns(alone=False)
    assert running.has_begun()
    alone = turns(alone=True)
    assert not alone.has_begun(SHORT_SECONDS)
    later = turns(alone=False)

    assert not later.has_begun(SHORT_SECONDS)
    running.finish()
    assert alone.has_begun()
    assert not later.has_begun(SHORT_SECONDS)
    alone.finish()
    assert later.has_begun()


def test_a_killed_process_keeps_no_other_check_waiting(turns: Callable[..., Turn]) -> None:
    alone = turns(alone=True)
    assert alone.has_begun()
    alone.process.kill()
    alone.process.join(PATIENCE_SECONDS)

    assert turns(alone=False).has_begun()


@pytest.mark.parametrize("folder", [None, Path("/nowhere")])
def test_without_a_folder_of_locks_no_check_waits(
    folder: Path | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parallel, "folder_of_locks", lambda: folder)

    with parallel.turn("run", alone=True), parallel.turn("run", alone=True):
        pass


@pytest.mark.parametrize(
    ("options", "number"),
    [
        (["-m", "integration"], 2),
        (["-m", "smoke"], 1),
        (["-m", "integration and payment"], 1),
        (["-m", "integration", "-n", "0"], 1),
        (["-m", "integration", "-n", "3"], 1),
        (["-m", "integration", "--dist", "load"], 1),
        (["-m", "integration", "--check", "integration.payment.declined"], 1),
        (["-m", "integration", "-k", "payment"], 1),
        (["-m", "integration", "-s"], 1),
        (["-m", "integration", "--pdb"], 1),
        (["-m", "integration", "-x"], 1),
        (["-m", "integration", "--stepwise"], 1),
        (["-m", "integration", "--lf"], 1),
        (["-m", "integration", "suites/integration/test_search.py::test_text"], 1),
        (["-m", "security"], 2),
        (["-m", "integration", "--collect-only"], 1),
        (["-m", "integration", "-p", "no:xdist"], 1),
        (["-m", "integration", "--targets", "/nowhere"], 1),
        ([], 1),
    ],
)
def test_the_target_file_states_the_number_of_processes(options: list[str], number: int) -> None:
    config = pytest.Config.fromdictargs({}, ["--target", "green", *options])

    assert parallel.processes(config) == number


def test_the_number_is_set_before_pytest_xdist_reads_it() -> None:
    config = pytest.Config.fromdictargs({}, ["--target", "green", "-m", "integration"])
    wrapper = parallel.pytest_cmdline_main(config)
    next(wrapper)

    assert config.option.numprocesses == 2


def test_without_a_target_one_process_runs() -> None:
    assert parallel.processes(pytest.Config.fromdictargs({}, ["-m", "integration"])) == 1
