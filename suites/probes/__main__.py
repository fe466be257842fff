"""``python -m suites.probes``: the earlier name of ``python -m suites.scanner``, still accepted."""

import runpy

runpy.run_module("suites.scanner", run_name="__main__")
