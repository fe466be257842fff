"""Tells whether a run has the normal form, for a release, or the longer nightly form."""

import os

VARIABLE = "KIRANA_NIGHTLY"
NIGHTLY = os.environ.get(VARIABLE) == "1"
