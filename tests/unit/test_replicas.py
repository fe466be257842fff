"""Replicas of Prometheus: the turns in which one replica at a time is read."""

from collections.abc import Mapping, Sequence

import pytest

from gates.judging.series.replicas import Replica, Turn, schedule

A, B, C = ("a",), ("b",), ("c",)


def every(begin: float, end: float) -> list[float]:
    """Scrapes each 15 s."""
    return [begin + 15.0 * number for number in range(int((end - begin) // 15) + 1)]


HOLED = every(0, 90) + every(180, 300)


@pytest.mark.parametrize(
    ("times", "turns"),
    [
        ({A: every(0, 300), B: every(7, 307)}, [Turn(A, 0, 300)]),
        # The replica without a gap, though it is the second by name.
        ({A: HOLED, B: every(7, 307)}, [Turn(B, 7, 307)]),
        # Another replica in the gap, as far as it has samples.
        (
            {A: HOLED, B: every(97, 172) + every(247, 292)},
            [Turn(A, 0, 90), Turn(B, 97, 172), Turn(A, 180, 300)],
        ),
        ({A: every(0, 90), B: every(97, 300)}, [Turn(A, 0, 90), Turn(B, 97, 292)]),
        # A third replica where the other two have gaps.
        (
            {A: every(0, 90), B: every(200, 300), C: every(101, 191)},
            [Turn(A, 0, 90), Turn(C, 101, 191), Turn(B, 200, 290)],
        ),
        ({A: [5.0]}, [Turn(A, 5, 5)]),
        ({}, []),
    ],
)
def test_a_replica_is_read_until_its_gap(
    times: Mapping[Replica, Sequence[float]], turns: list[Turn]
) -> None:
    assert sorted(schedule(times), key=lambda turn: turn.first) == turns
