"""Draws docs/verify.svg from a real run: ``make up``, then ``python docs/picture.py``."""

import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

WIDTH = 110
COMMANDS = (
    ("pytest -m smoke --target green", ["pytest", "-m", "smoke", "--target", "green", "-p",
                                        "no:xdist", "--color", "yes"]),
    ("gates check green-ready --target green", ["gates", "check", "green-ready", "--target",
                                                "green"]),
)  # fmt: skip


def main() -> None:
    """Run the commands and record what they print."""
    console = Console(record=True, width=WIDTH, file=Path("/dev/null").open("w"))  # noqa: SIM115
    for shown, command in COMMANDS:
        console.print(Text(f"$ {shown}", style="bold"))
        done = subprocess.run(
            [sys.executable, "-m", *command], capture_output=True, text=True, check=True
        )
        lines = [line for line in done.stdout.splitlines() if "rootdir" not in line]
        root = str(Path.cwd())
        console.print(Text.from_ansi("\n".join(lines).replace(root, "~/kirana")))
    console.save_svg("docs/verify.svg", title="make verify")


if __name__ == "__main__":
    main()
