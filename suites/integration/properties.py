"""How Hypothesis tries the rules that are properties: few examples here, many in a nightly run."""

import os

from hypothesis import HealthCheck, Phase, settings

VARIABLE = "KIRANA_EXAMPLES"
FEW = 6

tried = settings(
    max_examples=int(os.environ.get(VARIABLE, FEW)),
    deadline=None,
    database=None,
    phases=[Phase.generate],  # a failure is told at once, not shrunk against a live store
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
