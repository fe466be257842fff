"""Has ``@check``, which gives a test a stable id, and names the capability that the test needs."""

from collections.abc import Callable
from typing import Any

import pytest

SUITES = ("smoke", "integration", "security", "performance", "platform")
CATEGORIES = (
    "access_control",
    "payment",
    "gamification",
    "mobile",
    "realtime",
    "search",
    "performance",
)


def check(check_id: str, *, needs: str, alone: bool = False) -> Callable[[Callable[..., Any]], Any]:
    """Mark a test as a check.

    Args:
        check_id: the stable id of the check, such as ``smoke.login``; run records and policies use
            this id.
        needs: the capability that a target must declare; on other targets the check is not
            applicable.
        alone: whether other checks of the run would disturb this check. With ``pytest -n``, such a
            check waits for the running checks of the other processes, and they wait for its end.
    """
    return pytest.mark.check(check_id, needs=needs, alone=alone)
