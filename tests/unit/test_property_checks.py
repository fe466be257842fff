"""The properties of the suites try the explicit examples of a check in every run."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from suites.integration.properties import property_settings


def test_explicit_examples_run_first_and_do_not_replace_random_examples() -> None:
    tried: list[int] = []

    @property_settings
    @example(-7)
    @example(-8)
    @given(st.integers(0, 1_000))
    def tries_a_number(number: int) -> None:
        tried.append(number)

    tries_a_number()
    assert sorted(tried[:2]) == [-8, -7]
    assert len(tried) == 2 + property_settings.max_examples


def test_the_first_explicit_example_that_fails_ends_the_property() -> None:
    tried: list[int] = []

    @property_settings
    @example(777)
    @example(5)
    @example(778)
    @given(st.integers(0, 3))
    def is_small(number: int) -> None:
        tried.append(number)
        assert number < 10

    with pytest.raises(AssertionError):
        is_small()
    failed = [number for number in tried if number >= 10]
    assert failed == tried[-1:]
