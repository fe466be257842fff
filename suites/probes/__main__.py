"""``python -m suites.probes`` is the scanner, under the name it had first."""

import runpy

runpy.run_module("suites.scanner", run_name="__main__")
