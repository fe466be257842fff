"""A fault: a function of the store is replaced by a defective one, or another part is changed."""

from dataclasses import dataclass
from typing import Literal

# The formatter is off here, so that each row of the table stays on one line.
Kind = Literal[
    "wrong value",
    "missing effect",
    "wrong person",
    "wrong time",
    "lost update",
    "off by one",
    "accepted forgery",
    "malfunction",
]


@dataclass(frozen=True, slots=True)
class Fault:
    """One switchable defect.

    Args:
        name: area and defect.
        kind: what sort of defect it is.
        breaks: what a user of the store would notice.
        replaces: pairs of a place in ``testbed.store`` and a function in ``testbed.defects``.
        edge_variable: for a fault of the edge, the balancer variable that causes it.
        crashes: whether it is the process that fails, again and again.
        edge_certificate: for a fault of the edge, the certificate file it serves.
        part: for a fault of another part, what it changes; only one such fault is on at a time.
        change: for a fault of another part, ``module:function`` in ``testbed.defects``; called with
            the world and whether the fault is to be on, it changes the part or undoes the change.
            With ``replaces``, the function switches the fault in the store as well.
    """

    name: str
    kind: Kind
    breaks: str
    replaces: tuple[tuple[str, str], ...] = ()
    edge_variable: str = ""
    edge_certificate: str = ""
    crashes: bool = False
    part: str = ""
    change: str = ""

    @property
    def at_edge(self) -> bool:
        return bool(self.edge_variable or self.edge_certificate)
