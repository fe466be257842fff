"""Bringing a world up, restarting its parts, and taking it down without a trace."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from testbed import balancer, certificates, migrations, ports, processes, targetfiles, world
from testbed.errors import TestbedError
from testbed.parts import PARTS, Part, missing_programs
from testbed.world import World

READY_SECONDS = 30.0
CRASHER = "crasher"
RELEASES = {"blue": "v4", "green": "v5"}


def up(folder: Path, *, free_ports: bool, say: Callable[[str], None]) -> World:
    """Start a world and return it once every part does its work.

    Raises:
        TestbedError: a program is missing, a port is taken, or a part does not become ready.
    """
    if missing := missing_programs():
        raise TestbedError(f"missing: {', '.join(missing)}; `make setup` installs it")
    with ports.reserved() if free_ports else nullcontext(dict(ports.GUIDE)) as chosen:
        return _up(folder, chosen, say)


def _up(folder: Path, chosen: dict[str, int], say: Callable[[str], None]) -> World:
    if taken := ports.taken(chosen):
        raise TestbedError(f"port taken: {', '.join(taken)}; end that program, or use --ports free")
    made = world.create(folder, chosen)
    with _undone_on_failure(made):
        certificates.write(made.folder)
        targetfiles.write(made)
        database, *others = PARTS
        start(made, [database])
        wait_ready(made, [database], say)
        migrations.prepare(made.environment["KIRANA_DATABASE_URI"])
        start(made, others)
        wait_ready(made, others, say)
    return made


@contextmanager
def _undone_on_failure(made: World) -> Iterator[None]:
    try:
        yield
    except BaseException:
        down(made)
        raise


def environment(made: World, part: str) -> dict[str, str]:
    """The environment of a part: a colour is told who it is, and nobody else gets secrets."""
    if part not in RELEASES:
        return {}
    return {
        **made.environment,
        "STORE_DEPLOYMENT": part,
        "STORE_RELEASE": RELEASES[part],
        "STORE_TRUSTED_PROXY": balancer.ADDRESS,
    }


def start(made: World, parts: list[Part]) -> None:
    """Start parts and write down their ids at once."""
    for part in parts:
        made.running[part.name] = processes.start(
            part.command(made), environment(made, part.name), made.log(part.name)
        )
        made.save()


def wait_ready(made: World, parts: list[Part], say: Callable[[str], None]) -> None:
    """Wait until each part is ready; say so for each."""
    deadline = time.monotonic() + READY_SECONDS
    waiting = list(parts)
    while waiting:
        for part in [part for part in waiting if part.is_ready(made)]:
            waiting.remove(part)
            say(f"{part.name} ready")
        for part in waiting:
            if processes.find(made.running[part.name]) is None:
                raise TestbedError(f"{part.name} ended at once: {last_words(made, part.name)}")
        if time.monotonic() > deadline:
            names = ", ".join(part.name for part in waiting)
            raise TestbedError(f"not ready after {READY_SECONDS:.0f} s: {names}")
        time.sleep(0.05)


def last_words(made: World, part: str) -> str:
    """The last lines of a part's log."""
    lines = made.log(part).read_text(errors="replace").strip().splitlines()
    return " / ".join(lines[-3:]) or "(it logged nothing)"


def part_named(name: str) -> Part:
    """The part with this name."""
    for part in PARTS:
        if part.name == name:
            return part
    raise TestbedError(f"no part {name!r}; there are {', '.join(part.name for part in PARTS)}")


def stop_part(made: World, name: str) -> None:
    """End one part."""
    processes.stop([made.running[part_named(name).name]])


def start_part(made: World, name: str, say: Callable[[str], None]) -> None:
    """Start one part again where it was."""
    part = part_named(name)
    if processes.find(made.running[name]):
        raise TestbedError(f"{name} is running already")
    start(made, [part])
    wait_ready(made, [part], say)


def crash(made: World, colour: str, *, on: bool) -> None:
    """Begin or end a crash loop of a colour."""
    crasher = made.running.pop(CRASHER, None)
    if crasher is not None:
        made.save()
        processes.stop([crasher])
    if on:
        command = [sys.executable, "-m", "testbed.crashing", "--world", str(made.folder),
                   "--colour", colour]  # fmt: skip
        made.running[CRASHER] = processes.start(command, {}, made.log(CRASHER))
        made.save()


def down(made: World) -> None:
    """End every process of the world and delete its files; who starts others ends first."""
    if CRASHER in made.running:
        processes.stop([made.running[CRASHER]])
        made = world.load(made.folder) or made
    processes.stop(list(made.running.values()))
    world.remove(made)
