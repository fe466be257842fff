"""``python -m suites.probes`` is the earlier name of ``python -m suites.scanner``."""

import runpy

runpy.run_module("suites.scanner", run_name="__main__")
