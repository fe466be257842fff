"""Starts the tools ``load``, ``nightly`` and ``testbed``, in a checkout and in a wheel alike.

In a wheel the tools are in a folder of their own, because other distributions may have packages
with names as general as ``load``. Only the process of a tool has this folder on its path.
"""

import argparse
import runpy
import sys
from importlib import import_module
from pathlib import Path

from gates import places

BUNDLED = Path(__file__).resolve().parent / "_bundled"
TOOLS = ("load", "nightly", "testbed")


def main(arguments: list[str]) -> None:
    """Run a tool as ``python -m TOOL`` does in a checkout; the tool ends the process.

    Args:
        arguments: the name of the tool, and the arguments of the tool.
    """
    parser = argparse.ArgumentParser(
        prog="python -m suites",
        description="Runs a tool. Type --help after the name of the tool to see its options.",
    )
    parser.add_argument("tool", choices=TOOLS)
    parser.add_argument("arguments", nargs=argparse.REMAINDER)
    options = parser.parse_args(arguments)
    _put_on_path()
    sys.argv[1:] = options.arguments
    runpy.run_module(options.tool, run_name="__main__", alter_sys=True)


def rehearse(arguments: argparse.Namespace) -> int:
    """Run ``gates rehearse`` of an installed distribution, and return the exit code of the ramp.

    Args:
        arguments: the options of ``gates rehearse``.
    """
    _put_on_path()
    return int(import_module("rehearsal").rehearse(arguments))


def _put_on_path() -> None:
    """Make the tools, and the renderers that the tools use, importable."""
    places.put_on_path(BUNDLED)
    places.put_on_path(places.BUNDLED)
