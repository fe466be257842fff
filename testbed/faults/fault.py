"""A fault: a small function of the store is replaced by a defective one."""

from dataclasses import dataclass
from typing import Literal

# The formatter is off here, so that each row of the table stays on one line.
Kind = Literal[
    "wrong value", "missing effect", "wrong person", "wrong time", "lost update", "off by one",
    "accepted forgery", "malfunction",
]  # fmt: skip


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
    """

    name: str
    kind: Kind
    breaks: str
    replaces: tuple[tuple[str, str], ...] = ()
    edge_variable: str = ""
    edge_certificate: str = ""
    crashes: bool = False

    @property
    def at_edge(self) -> bool:
        return bool(self.edge_variable or self.edge_certificate)
