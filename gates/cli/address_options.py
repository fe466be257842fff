"""The types of the options of ``gates rollback``: slots and addresses."""

import argparse

SLOTS = ("green", "blue")


def slots(text: str) -> tuple[str, str]:
    """The names of green's and blue's slot, such as ``green,blue``.

    Raises:
        argparse.ArgumentTypeError: the text does not have two different names.
    """
    names = [name.strip() for name in text.split(",")]
    if len(names) != len(SLOTS) or not all(names) or names[0] == names[1]:
        raise argparse.ArgumentTypeError(f"expected two slots like green,blue, got {text!r}")
    return names[0], names[1]


def url(text: str) -> str:
    """An address without a trailing slash.

    Raises:
        argparse.ArgumentTypeError: the text is not the address of an HTTP server.
    """
    from gates.ramp.salvage import url_problem  # not needed by other commands

    value = text.rstrip("/").removesuffix("/config")
    if problem := url_problem(value):
        raise argparse.ArgumentTypeError(f"{problem}, got {text[:200]!r}")
    return value
