"""Selectors share a query of sums where one label with few values tells their series apart."""

import pytest

from gates.evidence.metrics.store_size import Split, StoreSize
from gates.evidence.metrics.sum_plan import AddedSums, SumPlan, splits
from gates.model import Sample, Series

BY = ("instance", "slot")
ALL = 'requests_total{slot="green"}'
FAILED = 'requests_total{slot="green",status=~"5.."}'
LOGINS = 'requests_total{slot="green",route="/login"}'
FAILED_LOGINS = 'requests_total{slot="green",route="/login",status=~"5.."}'
BUCKET = 'duration_bucket{slot="green",le=~"1|1[.]0"}'
SELECTORS = (FAILED_LOGINS, FAILED, ALL, LOGINS, BUCKET)


def size(routes: int = 1000, statuses: int = 4) -> StoreSize:
    """The size of a store with so many routes and statuses of all instances."""
    sums = {
        Split(ALL, BY, "status"): statuses,
        Split(ALL, BY, "route"): routes,
        Split(LOGINS, BY, "status"): statuses,
    }
    return StoreSize({ALL: 3000, BUCKET: 1000}, sums=sums)


def line(value: float, at: float = 1.0, **labels: str) -> Series:
    return Series({"instance": "a", "slot": "green", **labels}, (Sample(at, value),))


def test_only_single_labels_beyond_a_wider_selector_may_be_kept_apart() -> None:
    assert {(item.selector, item.label) for item in splits(SELECTORS, BY)} == {
        (ALL, "status"),
        (ALL, "route"),
        (LOGINS, "status"),
        (FAILED, "route"),
    }


def test_a_label_with_few_values_is_kept_apart_in_one_query() -> None:
    plan = SumPlan(SELECTORS, BY, size())
    assert plan.query_of(FAILED) is plan.query_of(ALL)
    assert plan.query_of(ALL).text == f"sum by (instance, slot, status) ({ALL})"
    assert plan.query_of(FAILED_LOGINS).text == f"sum by (instance, slot, status) ({LOGINS})"
    assert plan.query_of(BUCKET).text == f"sum by (instance, slot, le) ({BUCKET})"
    assert plan.widest(FAILED_LOGINS) == ALL


@pytest.mark.parametrize("known", [size(statuses=2000), StoreSize({})])
def test_a_label_with_many_or_unknown_values_is_not_kept_apart(known: StoreSize) -> None:
    plan = SumPlan((ALL, FAILED), BY, known)
    assert plan.query_of(FAILED).text == f"sum by (instance, slot) ({FAILED})"
    assert plan.query_of(ALL).text == f"sum by (instance, slot) ({ALL})"


def test_the_sums_of_each_selector_are_added_up() -> None:
    query = SumPlan((ALL, FAILED), BY, size()).query_of(ALL)
    sums = [line(90.0, status="200"), line(7.0, status="500"), line(3.0, status="503")]
    assert query.part(ALL, sums, AddedSums()) == (line(100.0),)
    assert query.part(FAILED, sums, AddedSums()) == (line(10.0),)
    assert query.part(FAILED, sums[:1], AddedSums()) == ()


def test_a_sum_begins_with_its_first_series() -> None:
    """A status that occurs later adds nothing before."""
    query = SumPlan((ALL, FAILED), BY, size()).query_of(ALL)
    samples = (Sample(1.0, 5.0), Sample(2.0, 6.0))
    sums = [Series(line(0.0, status="200").labels, samples), line(4.0, 2.0, status="500")]
    added = (Sample(1.0, 5.0), Sample(2.0, 10.0))
    assert query.part(ALL, sums, AddedSums()) == (Series(line(0.0).labels, added),)
    assert query.part(FAILED, sums, AddedSums()) == (line(4.0, 2.0),)


def test_two_spellings_of_a_bucket_show_in_the_sums() -> None:
    query = SumPlan((BUCKET,), BY, StoreSize({})).query_of(BUCKET)
    assert query.is_spelled_once([line(1.0, le="1.0")])
    assert not query.is_spelled_once([line(1.0, le="1.0"), line(1.0, le="1")])


def counting(values: list[float], status: str) -> Series:
    samples = tuple(Sample(15.0 * number, value) for number, value in enumerate(values))
    return Series({"instance": "a", "status": status}, samples)


def test_a_later_look_adds_up_what_is_new_and_what_changed() -> None:
    memory, name = AddedSums(), ("requests",)
    good, bad = [float(number) for number in range(300)], [0.0] * 300
    group = [counting(good[:280], "200"), counting(bad[:280], "500")]
    assert [value for _, value in memory.added(name, group)] == good[:280]
    bad[270:] = [2.0] * 30  # samples that came late, and new samples
    later = [counting(good, "200"), counting(bad, "500")]
    assert memory.added(name, later) == AddedSums().added(name, later)
    gone = [counting(good[:290], "200"), counting(bad[:290], "500")]
    assert memory.added(name, gone) == AddedSums().added(name, gone)
    other = [counting(good, "200"), counting(bad, "503")]
    assert memory.added(name, other) == AddedSums().added(name, other)


def test_an_unanswered_question_about_the_size_leaves_what_is_known() -> None:
    known = StoreSize({ALL: 3000}, 30.0)
    assert known.with_more(StoreSize({})) == known
    more = known.with_more(StoreSize({BUCKET: 1000}, 60.0))
    assert more == StoreSize({ALL: 3000, BUCKET: 1000}, 60.0)
    assert more.is_known(FAILED)
