"""What only the performance suite reads: the policy's limits."""

import pytest

from gates import places
from gates import policy as policies
from gates.model import Policy


@pytest.fixture(scope="session")
def policy() -> Policy:
    """The release policy: KIRANA_POLICY, or the installed one."""
    return policies.load(places.policy(None).path)
