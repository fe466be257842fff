"""``gates rehearse``: run a whole ramp on a testbed that the command starts."""

import argparse
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import entry_points

from gates import places
from gates.errors import ConfigurationError

GROUP = "gates.commands"
Rehearse = Callable[[argparse.Namespace], int]


def rehearse(arguments: argparse.Namespace) -> int:
    """Run ``gates rehearse``, if the rehearsal is installed.

    Returns:
        The exit code of the ramp.
    """
    return int(_rehearsal()(arguments))


def _rehearsal() -> Rehearse:
    """Return the function that runs a rehearsal, from this checkout or an installed distribution.

    Raises:
        ConfigurationError: there is no rehearsal; the message says what to install.
    """
    if (places.BESIDE / "rehearsal" / "__init__.py").is_file():
        checkout: Rehearse = import_module("rehearsal").rehearse
        return checkout
    for entry in entry_points(group=GROUP, name="rehearse"):
        installed: Rehearse = entry.load()
        return installed
    raise ConfigurationError(
        "the rehearsal is not installed; run: pip install 'kirana-suites[testbed,load]'"
    )
