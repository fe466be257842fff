"""Starts a world, restarts its parts, and ends it with all its files."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from testbed import (
    backups,
    balancer,
    certificates,
    migrations,
    ports,
    processes,
    targetfiles,
    world,
)
from testbed.errors import TestbedError
from testbed.monitoring import configuration
from testbed.parts import PARTS, Part, missing_programs
from testbed.world import World

READY_SECONDS = 30.0
CRASHER = "crasher"
RELEASES = {"blue": "v4", "green": "v5"}


def up(folder: Path, *, free_ports: bool, say: Callable[[str], None]) -> World:
    """Start a world, and return it when every part is ready.

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
    current = world.create(folder, chosen)
    with _undone_on_failure(current):
        configuration.write_all(current, certificates.write(current.folder))
        targetfiles.write(current)
        database, *others = PARTS
        start(current, [database])
        wait_ready(current, [database], say)
        migrations.prepare(current.environment["KIRANA_DATABASE_URI"])
        backup = backups.begin(current)
        start(current, others)
        wait_ready(current, others, say)
        backups.end(backup)
    return current


@contextmanager
def _undone_on_failure(current: World) -> Iterator[None]:
    try:
        yield
    except BaseException:
        down(current)
        raise


def environment(current: World, part: str) -> dict[str, str]:
    """The environment of a part; only a colour gets the secrets, with its own name."""
    if part not in RELEASES:
        return {}
    return {
        **current.environment,
        "STORE_DEPLOYMENT": part,
        "STORE_RELEASE": RELEASES[part],
        "STORE_TRUSTED_PROXY": balancer.ADDRESS,
    }


def start(current: World, parts: list[Part]) -> None:
    """Start parts, and save the id of each process at once."""
    for part in parts:
        current.running[part.name] = processes.start(
            part.command(current), environment(current, part.name), current.log(part.name)
        )
        current.save()


def wait_ready(current: World, parts: list[Part], say: Callable[[str], None]) -> None:
    """Wait until every part is ready, and report each."""
    deadline = time.monotonic() + READY_SECONDS
    waiting = list(parts)
    while waiting:
        for part in [part for part in waiting if part.is_ready(current)]:
            waiting.remove(part)
            say(f"{part.name} ready")
        for part in waiting:
            if processes.find(current.running[part.name]) is None:
                raise TestbedError(f"{part.name} ended at once: {last_words(current, part.name)}")
        if time.monotonic() > deadline:
            names = ", ".join(part.name for part in waiting)
            raise TestbedError(f"not ready after {READY_SECONDS:.0f} s: {names}")
        time.sleep(0.05)


def last_words(current: World, part: str) -> str:
    """The last lines of a part's log."""
    lines = current.log(part).read_text(errors="replace").strip().splitlines()
    return " / ".join(lines[-3:]) or "(it logged nothing)"


def part_named(name: str) -> Part:
    """The part with this name."""
    for part in PARTS:
        if part.name == name:
            return part
    raise TestbedError(f"no part {name!r}; there are {', '.join(part.name for part in PARTS)}")


def stop_part(current: World, name: str) -> None:
    """End one part."""
    processes.stop([current.running[part_named(name).name]])


def start_part(current: World, name: str, say: Callable[[str], None]) -> None:
    """Start one part again, on the same ports."""
    part = part_named(name)
    if processes.find(current.running[name]):
        raise TestbedError(f"{name} is running already")
    start(current, [part])
    wait_ready(current, [part], say)


def crash(current: World, colour: str, *, on: bool) -> None:
    """Begin or end a crash loop of a colour."""
    crasher = current.running.pop(CRASHER, None)
    if crasher is not None:
        current.save()
        processes.stop([crasher])
    if on:
        command = [
            sys.executable,
            "-m",
            "testbed.crashing",
            "--world",
            str(current.folder),
            "--colour",
            colour,
        ]
        current.running[CRASHER] = processes.start(command, {}, current.log(CRASHER))
        current.save()


def down(current: World) -> None:
    """End every process of the world and delete its files; parents end before their children."""
    if CRASHER in current.running:
        processes.stop([current.running[CRASHER]])
        current = world.load(current.folder) or current
    processes.stop(list(current.running.values()))
    world.remove(current)
