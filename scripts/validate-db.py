#!/usr/bin/env python3
"""Guide sections 4 and 6: validates the database. TARGET names it; arguments go to pytest."""

import os
import sys
from pathlib import Path

# The system's python starts this file; the checks need the packages of the folder .venv.
PYTHON = str(Path(__file__).resolve().parent.parent / ".venv" / "bin" / "python")
CHECKS = ("suites.platform.test_database", "suites.platform.test_integrity", "-m", "platform")
TARGET = ("--target", os.environ.get("TARGET", "green"))
COMMAND = [PYTHON, "-m", "pytest", "--pyargs", *CHECKS, *TARGET, *sys.argv[1:]]

os.execv(PYTHON, COMMAND)  # noqa: S606 - no shell is wanted
