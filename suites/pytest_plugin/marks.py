"""``@check``: gives a test its stable id, and says which capability of a target it needs."""

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


def check(check_id: str, *, needs: str) -> Callable[[Callable[..., Any]], Any]:
    """Mark a test as the check with this id.

    Args:
        check_id: stable id such as ``smoke.login``; evidence and policies know the test by it.
        needs: the capability that a target must declare; on other targets the check is not
            applicable.
    """
    return pytest.mark.check(check_id, needs=needs)
