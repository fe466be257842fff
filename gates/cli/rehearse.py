"""``gates rehearse``: a whole ramp on a testbed of its own."""

import argparse
import importlib


def rehearse(arguments: argparse.Namespace) -> int:
    """Run the rehearsal where it is installed; the exit code of its ramp."""
    return int(importlib.import_module("rehearsal").rehearse(arguments))
