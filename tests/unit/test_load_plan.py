"""The plan and the measurement of a load run: what is due is fixed ahead, and nothing is lost."""

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gates.evidence import codec
from gates.policy import policy_file as policy
from gates.statistics import trend_of
from load import merging, plan
from load.merging import merge, recovery
from load.recorder import MAX_REASONS, Recorder, Request, Snapshot
from load.steps import STEPS
from suites.contract import load as contract


def plan_of(profile: str = "load", users: int | None = 50, scale: float = 0.1) -> plan.Plan:
    return plan.make(profile, "seed", users=users, scale=scale, slow=1.0)


def test_every_step_of_every_journey_is_an_operation_that_can_be_taken() -> None:
    journeys = plan.journeys()
    steps = {step for journey in journeys.values() for step in journey.steps}
    assert steps == set(STEPS)
    assert all(contract().operation(step) for step in steps)
    assert all(journey.weight > 0 for journey in journeys.values())


def test_a_thousand_users_are_two_hundred_requests_a_second_and_enough_orders() -> None:
    whole = plan_of(users=1000, scale=1.0)
    due = [moment for user in range(1000) for moment in whole.due(user)]
    on_plateau = sum(60 <= moment < 180 for moment in due)
    assert on_plateau / 120 == pytest.approx(200, rel=0.02)
    journeys = plan.journeys().values()
    weights = sum(journey.weight for journey in journeys)
    steps = sum(journey.weight * len(journey.steps) for journey in journeys) / weights
    orders = (
        sum(journey.weight * journey.steps.count("place_order") for journey in journeys) / weights
    )
    assert 60 * 200 * orders / steps >= 120


@given(st.sampled_from(plan.names()), st.integers(1, 100), st.floats(0.2, 2.0), st.integers(0, 199))
def test_users_keep_to_their_phases_and_pauses(
    profile: str, users: int, scale: float, user: int
) -> None:
    chosen = plan_of(profile, users, scale)
    user %= chosen.peak
    begins, ends = chosen.active()[user]
    due = list(chosen.due(user))
    assert due == list(chosen.due(user))
    assert 0 <= begins <= ends <= chosen.seconds
    assert all(begins <= moment < ends for moment in due)
    assert all(3 <= after - before <= 7 for before, after in pairwise(due))
    assert codec.from_record(plan.Plan, codec.to_record(chosen)) == chosen


def test_a_spike_rises_and_falls() -> None:
    spike = plan_of("spike", 1000, 1.0)
    active = spike.active()

    def at(second: float) -> int:
        return sum(begin <= second < end for begin, end in active)

    assert [at(second) for second in (0, 59, 65, 100, 135, 200)] == pytest.approx(
        [100, 100, 550, 1000, 550, 100], abs=2
    )
    assert spike.users_until(100) == 1000


def recorded(chosen: plan.Plan, seconds: float, lost: int = -1) -> Snapshot:
    """What a generator saw of a server that takes so long; one user's requests are lost."""
    recorder = Recorder(chosen)
    for user in range(chosen.peak):
        for due in chosen.due(user):
            if user != lost:
                recorder.record_start(0.001)
                recorder.record_end(Request(user, "search", due, due + seconds))
    recorder.record_usage(0.0, chosen.peak)
    return recorder.snapshot()


def test_what_is_due_is_done_or_missing() -> None:
    chosen = plan_of("smoke", 20, 1.0)
    whole = merge(chosen, [recorded(chosen, 0.05)], chosen.seconds).phases[0]
    lost = merge(chosen, [recorded(chosen, 0.05, lost=7)], chosen.seconds).phases[0]
    sent = len(list(chosen.due(7)))
    assert whole.due == whole.operations["total"].done > 70
    assert (lost.due, lost.unfinished) == (whole.due, sent)
    assert lost.operations["total"].done == whole.due - sent
    assert lost.operations["total"].max == pytest.approx(lost.oldest_unfinished_seconds, rel=0.01)


def test_two_generators_are_one() -> None:
    chosen = plan_of("smoke", 20, 1.0)
    both = [Recorder(chosen), Recorder(chosen)]
    alone = Recorder(chosen)
    dice = random.Random(1)
    for user in range(chosen.peak):
        for due in chosen.due(user):
            taken = dice.lognormvariate(-3, 0.5)
            for recorder in (alone, both[user % 2]):
                recorder.record_end(Request(user, "search", due, due + taken))
    apart = merge(chosen, [recorder.snapshot() for recorder in both], chosen.seconds)
    together = merge(chosen, [alone.snapshot()], chosen.seconds)
    assert apart.phases[0].operations == together.phases[0].operations
    assert apart.phases[0].unfinished == together.phases[0].unfinished == 0


def test_a_failure_is_no_sample_but_no_answer_is_a_slow_one() -> None:
    chosen = plan_of("smoke", 2, 1.0)
    recorder = Recorder(chosen)
    recorder.record_end(Request(0, "search", 1.0, 1.1, "status 500, expected 200"))
    recorder.record_end(Request(0, "search", 2.0, 2.1, "no tier"))
    recorder.record_end(
        Request(1, "search", 1.0, 1.002, "no answer (ConnectionRefusedError)", answered=False)
    )
    merged = merge(chosen, [recorder.snapshot()], 12.0).phases[0]
    searched = merged.operations["search"]
    assert (searched.done, searched.failed, searched.unanswered, searched.samples) == (0, 3, 1, 1)
    assert searched.max == pytest.approx(10.0, rel=0.001)


def test_reasons_are_bounded() -> None:
    recorder = Recorder(plan_of("smoke", 2, 1.0))
    for number in range(1000):
        recorder.record_end(Request(0, "search", 1.0, 1.1, f"status {number}"))
    assert len(recorder.snapshot().reasons) == MAX_REASONS


@pytest.mark.parametrize(
    ("moments", "longest"),
    [
        ([0.0, 10.0], 10.0),
        ([0.0, 5.0, 10.0], 5.0),
        ([0.5, 2.0, 9.0, 10.0], 7.0),
        ([at / 10 for at in range(101)], 0.1),
        ([], 0.0),
        ([0.0, 4.0, 8.5, 18.0, 20.0], 9.5),
        ([-3.0, 4.0, 10.0], 7.0),
    ],
)
def test_the_longest_gap_is_whole_where_it_crosses_an_edge(
    moments: list[float], longest: float
) -> None:
    assert merging.longest_gap(moments, 0.0, 10.0) == longest


def test_recovery_is_the_time_until_the_last_troubled_seconds() -> None:
    spike = plan_of("spike", 100, 0.5)
    start = int(next(phase.start for phase in spike.phases if phase.is_recovery))
    quiet = [(20, 0)] * int(spike.seconds)
    quiet[start + 20] = (20, 2)  # one or two alone are no trouble
    assert recovery(spike, quiet) == 0.0
    troubled = [*quiet]
    troubled[start + 4] = (20, 9)
    assert recovery(spike, troubled) == 4 + 5.0
    never = quiet[:start] + [(20, 2)] * (len(quiet) - start)
    assert recovery(spike, never) == len(quiet) - start
    assert recovery(spike, quiet[:10]) is None
    assert recovery(plan_of(), quiet) is None


def test_the_gate_knows_the_profiles() -> None:
    assert list(policy.PROFILES) == plan.names()


def test_a_trend_is_told_from_noise() -> None:
    dice = random.Random(3)
    flat = [(float(at), 100 + dice.gauss(0, 5)) for at in range(40)]
    steep = [(at, value * (1 + 0.01 * at)) for at, value in flat]
    rising, level = trend_of(steep), trend_of(flat)
    assert rising is not None
    assert rising.growth == pytest.approx(0.4, abs=0.08)
    assert rising.p_value < 0.001
    assert level is not None
    assert abs(level.growth) < 0.1
    assert trend_of(flat[:3]) is None
    assert trend_of([(1.0, 0.0)] * 10) is None


def test_a_trend_is_seen_by_chance_no_more_often_than_said() -> None:
    dice = random.Random(4)
    false_trends = 0
    for _ in range(600):
        trend = trend_of([(float(at), dice.random()) for at in range(12)])
        false_trends += trend is not None and trend.p_value < 0.05
    assert false_trends <= 0.05 * 600 + 11  # two standard deviations
