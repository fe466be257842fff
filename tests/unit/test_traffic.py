"""Two shares of traffic are the same within half a percentage point."""

import pytest

from gates.model import SAME_SHARE, is_same_share


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        (0.1, 0.1, True),
        (0.1, 0.104, True),
        (0.104, 0.1, True),
        (0.1, 0.106, False),
        (0.0, SAME_SHARE, True),
        (0.0, 0.0051, False),
        (1.0, 0.99, False),
    ],
)
def test_shares_are_the_same_within_half_a_point(first: float, second: float, same: bool) -> None:
    assert is_same_share(first, second) is same
