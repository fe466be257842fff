"""How much the tests do: a sample at each change, everything under ``make prove-gate`` and alike.

The proofs set ``THOROUGH=1``: each command is then a process of its own, simulations are as long as
their rates need, and a matrix is tried in all its cells.
"""

import os
from math import sqrt

THOROUGH = bool(os.environ.get("THOROUGH"))


def runs(sample: int, *, whole: int) -> int:
    """How many runs a simulation has.

    Args:
        sample: at each change.
        whole: as a proof.
    """
    return whole if THOROUGH else sample


def at_most(rate: float, count: int) -> float:
    """How many of so many runs may have what happens at most at this rate.

    A sample may be off by chance, so that three standard deviations are added to it.

    Args:
        rate: the highest rate, 0 to 1.
        count: how many runs there were.
    """
    return rate * count + (0.0 if THOROUGH else 3 * sqrt(rate * (1 - rate) * count))
