"""Sets the number of examples of Hypothesis: few in a usual run, and many in a nightly run."""

import os

from hypothesis import HealthCheck, Phase, settings

VARIABLE = "KIRANA_EXAMPLES"
DEFAULT_EXAMPLES = 6

property_settings = settings(
    max_examples=int(os.environ.get(VARIABLE, DEFAULT_EXAMPLES)),
    deadline=None,
    database=None,
    # The explicit examples of a check run first. A failure is not shrunk against a live store.
    phases=[Phase.explicit, Phase.generate],
    # The first failure ends the property, so the last exchange is that of the failed example.
    report_multiple_bugs=False,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
