"""``python -m suites load|nightly|testbed …``: the tools beside the suites."""

import sys

from suites.commands import main

main(sys.argv[1:])
