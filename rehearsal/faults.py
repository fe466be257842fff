"""Switches a fault of the testbed on when green's share of the traffic reaches ``--at``."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gates.errors import UnknownNameError
from gates.routers import TrafficRouter
from rehearsal.parts import run_command, say


@dataclass(slots=True)
class FaultSwitch:
    """Switches the fault of a rehearsal on, once.

    Args:
        world: the folder of the testbed.
        fault: the name of the fault; empty for a rehearsal without a fault.
        share: green's share at which the fault is switched on, 0 to 1.
        on_at: when the fault was switched on, seconds since the epoch; None before.
    """

    world: Path
    fault: str
    share: float
    on_at: float | None = None

    def refuse_unknown(self) -> None:
        """Raise an error for an unknown fault now, and not in the middle of a ramp.

        Raises:
            UnknownNameError: the testbed has no such fault.
        """
        known = run_command("testbed", "--world", str(self.world), "fault", "list")
        names = [line.split()[0] for line in known.splitlines() if line.strip()]
        if self.fault and self.fault not in names:
            raise UnknownNameError("fault", self.fault, names, "the testbed")

    def switch_on(self) -> None:
        """Switch the fault on; later calls do nothing."""
        if self.fault and self.on_at is None:
            self.on_at = time.time()
            world = str(self.world)
            run_command("testbed", "--world", world, "fault", "on", self.fault, "--on", "green")
            say(f"fault {self.fault} is on")


@dataclass(slots=True)
class ObservedRouter:
    """A router that switches the fault on, and records when green lost its traffic.

    Args:
        router: the router that moves the traffic.
        switch: switches the fault on when green's share of the traffic reaches ``--at``.
        zero_at: when green got the share 0, seconds since the epoch; None before.
    """

    router: TrafficRouter
    switch: FaultSwitch
    zero_at: float | None = None

    def shares(self) -> Mapping[str, float]:
        """Return the present share of the traffic of each slot, 0 to 1."""
        return self.router.shares()

    def move(self, shares: Mapping[str, float]) -> None:
        """Move the traffic; switch the fault on once green has the traffic share of ``--at``."""
        self.router.move(shares)
        if shares.get("green") == 0:
            self.zero_at = time.time()
        elif shares.get("green", 0) >= self.switch.share - 1e-9:
            self.switch.switch_on()
