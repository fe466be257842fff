"""Switches faults in a running store: a fault replaces one function by a defective one."""

import importlib
from types import ModuleType
from typing import Any

from testbed.faults import FAULTS, Fault


class Switchboard:
    """The faults that are on in this process, and the functions that they replaced."""

    def __init__(self) -> None:
        self._originals: dict[str, list[tuple[ModuleType | type, str, Any]]] = {}

    def handle(self, request: dict[str, str]) -> dict[str, Any]:
        """Carry out ``{"do": "on" | "off" | "list", "fault": NAME}``."""
        known = {fault.name: fault for fault in FAULTS}
        name = request.get("fault", "")
        if request.get("do") == "on":
            for other in self._originals:
                if other != name and places(known[other]) & places(known[name]):
                    return {"error": f"{other} is on and breaks the same place; switch it off"}
            self.on(known[name])
        elif request.get("do") == "off":
            self.off(name)
        return {"on": sorted(self._originals)}

    def on(self, fault: Fault) -> None:
        """Replace the functions of a fault; a fault that is on stays on."""
        if fault.name in self._originals:
            return
        replaced: list[tuple[ModuleType | type, str, Any]] = []
        for place, defect in fault.replaces:
            owner, attribute = resolve(f"testbed.store.{place}")
            defective_owner, defective = resolve(f"testbed.defects.{defect}")
            replaced.append((owner, attribute, getattr(owner, attribute)))
            setattr(owner, attribute, getattr(defective_owner, defective))
        self._originals[fault.name] = replaced

    def off(self, name: str) -> None:
        """Restore the functions that the fault replaced."""
        for owner, attribute, original in self._originals.pop(name, []):
            setattr(owner, attribute, original)


def places(fault: Fault) -> set[str]:
    """The places in the store that a fault replaces."""
    return {place for place, _ in fault.replaces}


def resolve(place: str) -> tuple[ModuleType | type, str]:
    """The owner (a module or class) and the attribute of ``module:Class.attribute``."""
    module, _, path = place.partition(":")
    owner: Any = importlib.import_module(module)
    *classes, attribute = path.split(".")
    for name in classes:
        owner = getattr(owner, name)
    return owner, attribute
