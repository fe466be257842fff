"""The named faults, by what they break."""

from difflib import get_close_matches

from testbed.errors import TestbedError
from testbed.faults.behaviour import BEHAVIOUR
from testbed.faults.careless import CARELESS
from testbed.faults.contract import CONTRACT
from testbed.faults.data import DATA
from testbed.faults.defences import DEFENCES
from testbed.faults.fault import Fault
from testbed.faults.load import IN_A_RAMP, UNDER_LOAD
from testbed.faults.monitoring import MONITORING
from testbed.faults.operations import OPERATIONS
from testbed.faults.regressions import REGRESSIONS
from testbed.faults.shipped import SHIPPED

__all__ = ["FAULTS", "IN_A_RAMP", "UNDER_LOAD", "Fault", "named"]

FAULTS = (
    *BEHAVIOUR,
    *DEFENCES,
    *UNDER_LOAD,
    *IN_A_RAMP,
    *MONITORING,
    *OPERATIONS,
    *DATA,
    *REGRESSIONS,
    *SHIPPED,
    *CARELESS,
    *CONTRACT,
)


def named(name: str) -> Fault:
    """The fault with this name.

    Raises:
        TestbedError: with the nearest name.
    """
    known = {fault.name: fault for fault in FAULTS}
    if name not in known:
        near = get_close_matches(name, known, 1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise TestbedError(f"no fault {name!r}{hint} `fault list` shows them all")
    return known[name]
