"""The form of a run: the normal form of a release, or the longer nightly form."""

import os

VARIABLE = "KIRANA_NIGHTLY"
NIGHTLY = os.environ.get(VARIABLE) == "1"
