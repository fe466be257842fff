"""``python -m suites load|nightly|testbed …`` starts a tool that belongs to the suites."""

import sys

from suites.commands import main

main(sys.argv[1:])
