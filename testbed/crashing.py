"""A colour whose process ends every few seconds and is restarted, as a container would be."""

import argparse
import os
import signal
import time
from pathlib import Path

from testbed import lifecycle, world

LIVES_SECONDS = 3.0


def main() -> None:
    """Kill the colour and start it again, until this process is ended."""
    parser = argparse.ArgumentParser(prog="python -m testbed.crashing")
    parser.add_argument("--world", type=Path, required=True)
    parser.add_argument("--colour", required=True)
    options = parser.parse_args()
    told_to_end: list[int] = []
    signal.signal(signal.SIGTERM, lambda *_: told_to_end.append(1))
    while not told_to_end:
        current = world.load(options.world)
        if current is None:
            return
        os.kill(current.running[options.colour].pid, signal.SIGKILL)
        lifecycle.stop_part(current, options.colour)
        lifecycle.start_part(current, options.colour, lambda _: None)
        until = time.monotonic() + LIVES_SECONDS
        while time.monotonic() < until and not told_to_end:
            time.sleep(0.1)


if __name__ == "__main__":
    main()
