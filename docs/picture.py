"""Draws docs/verify.svg from a real run: ``make up``, then ``python docs/picture.py``.

``python docs/picture.py LOG`` draws docs/rehearsal.svg from what a rehearsal wrote to stderr.
"""

import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

WIDTH = 110
COMMANDS = (
    (
        "pytest -m smoke --target green",
        ["pytest", "-m", "smoke", "--target", "green", "-p", "no:xdist", "--color", "yes"],
    ),
    (
        "gates check green-ready --target green",
        ["gates", "check", "green-ready", "--target", "green"],
    ),
)


def main() -> None:
    """Run the commands and record what they print."""
    console = Console(record=True, width=WIDTH, file=Path("/dev/null").open("w"))  # noqa: SIM115 - open until the end
    for shown, command in COMMANDS:
        console.print(Text(f"$ {shown}", style="bold"))
        done = subprocess.run(
            [sys.executable, "-m", *command], capture_output=True, text=True, check=True
        )
        lines = [line for line in done.stdout.splitlines() if "rootdir" not in line]
        root = str(Path.cwd())
        console.print(Text.from_ansi("\n".join(lines).replace(root, "~/kirana")))
    console.save_svg("docs/verify.svg", title="make verify")


COLOURS = {"GO": "green", "HOLD": "yellow", "NO-GO": "red", "ROLLBACK": "red"}


def rehearsal(log: Path) -> None:
    """Draw the live table, a line or two a step; the findings are left out."""
    console = Console(record=True, width=WIDTH + 20, file=Path("/dev/null").open("w"))  # noqa: SIM115 - open until the end
    console.print(Text("$ gates rehearse", style="bold"))
    for line in log.read_text().splitlines():
        held = " HOLD " in line and " 0 of " not in line
        if line.startswith("  ") or not line or " %  " in line[:12] or held:
            continue
        first = line.split()[0]
        console.print(Text(line[: WIDTH + 18], style=COLOURS.get(first, "")))
    console.save_svg("docs/rehearsal.svg", title="gates rehearse")


if __name__ == "__main__":
    rehearsal(Path(sys.argv[1])) if sys.argv[1:] else main()
