"""Numbers for people: as many digits as count, and never an exponent."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gates.model.figures import significant

EXAMPLES = {
    2470.4: "2,470",
    9720.0: "9,720",
    999.6: "1,000",
    100.0: "100",
    99.96: "100",
    54.52: "54.5",
    2.0: "2",
    0.5: "0.5",
    0.000123456: "0.000123",
    0.0: "0",
    -3.14159: "-3.14",
    1_234_567.0: "1,234,567",
    float("nan"): "nan",
    float("inf"): "inf",
}


@pytest.mark.parametrize("value", EXAMPLES)
def test_three_digits_count(value: float) -> None:
    assert significant(value) == EXAMPLES[value]


def test_two_digits_of_a_whole_are_no_exponent() -> None:
    assert significant(100.0, 2) == "100"
    assert significant(0.0349, 2) == "0.035"


@given(st.floats(min_value=1e-9, max_value=1e12))
def test_the_text_is_the_value_within_its_last_digit(value: float) -> None:
    text = significant(value)
    assert "e" not in text
    assert float(text.replace(",", "")) == pytest.approx(value, rel=0.0051)
