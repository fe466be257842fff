"""Switches a fault of a world: in the store, at the edge, or in another part."""

import json
import shutil
import socket
from pathlib import Path
from typing import Protocol

from testbed import balancer, lifecycle
from testbed.errors import TestbedError
from testbed.faults import Fault, named
from testbed.switch import resolve
from testbed.world import World

ANSWER_SECONDS = 5


class Change(Protocol):
    """Changes a part of a world, or undoes the change, also where it was carried out in part."""

    def __call__(self, world: World, *, on: bool) -> None: ...


def switch(world: World, fault: Fault, colour: str, *, on: bool) -> str:
    """Switch a fault on or off; a fault that is on already stays on.

    Args:
        world: a running world.
        fault: the fault.
        colour: the colour to which a fault of the store belongs.
        on: whether the fault is to be on.

    Returns:
        One sentence that says what is on.

    Raises:
        TestbedError: the fault cannot be switched; the message says why.
    """
    state = "on" if on else "off"
    if fault.change:
        _change(world, fault, on=on)
        return f"{fault.part}: {fault.name} {state}"
    if fault.crashes:
        lifecycle.crash(world, colour, on=on)
        return f"{colour}: {fault.name} {state}"
    if fault.at_edge:
        balancer.switch_fault(world, fault, on=on)
        return f"{fault.name} {state} at the edge"
    answer = ask(world.switch(colour), {"do": state, "fault": fault.name})
    if "error" in answer:
        raise TestbedError(str(answer["error"]))
    return f"{colour}: {', '.join(answer['on']) or 'no fault'} on"


def switched_on(world: World) -> list[str]:
    """The names of the faults of other parts than the store that are on."""
    folder = world.folder / "faults"
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def _change(world: World, fault: Fault, *, on: bool) -> None:
    """Change another part, or undo the change.

    The folder of the fault exists as long as the fault is on. It is there before the change begins
    and is deleted after the change is undone, so that an interrupted switch can be undone.
    """
    others = [name for name in switched_on(world) if name != fault.name]
    if on and (same := [name for name in others if named(name).part == fault.part]):
        raise TestbedError(f"{same[0]} is on and changes the same part; switch it off")
    folder = world.fault_folder(fault.name)
    if folder.exists() == on:
        return
    folder.mkdir(parents=True, exist_ok=True)
    _function(fault)(world, on=on)
    if not on:
        shutil.rmtree(folder)


def _function(fault: Fault) -> Change:
    """The function that carries out the change of a fault."""
    owner, attribute = resolve(f"testbed.defects.{fault.change}")
    function: Change = getattr(owner, attribute)
    return function


def ask(path: Path, request: dict[str, str]) -> dict[str, list[str]]:
    """Ask a colour's fault switch."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(ANSWER_SECONDS)
            connection.connect(str(path))
            connection.sendall(json.dumps(request).encode() + b"\n")
            answer: dict[str, list[str]] = json.loads(connection.makefile().readline())
            return answer
    except OSError as error:
        raise TestbedError(f"the store does not answer its fault switch: {error}") from error
