"""What happens to series on other people's stacks: each function changes the series of a store."""

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from field_series import (
    LIVE,
    Change,
    Pod,
    Store,
    evidence_of,
    is_counter,
    is_of,
    labelled,
    shifted,
    with_values,
)
from judging import AT, GREEN, decide, stage_of

from gates.model import (
    AvailabilityObjective,
    Decision,
    LiveBuildObjective,
    LiveObjective,
    Sample,
    Series,
    Stage,
)
from gates.model.selector import NAME

if TYPE_CHECKING:
    from gates.model import (
        Objective,
    )

METRIC = "http_requests_total"


def decided(store: Store, **target: object) -> Decision:
    """The decision about a store, for a target with other values."""
    changed = replace(GREEN, **target)  # type: ignore[arg-type]
    return decide(evidence_of(store, LIVE, changed), LIVE)


def sentences(decision: Decision) -> dict[str, str]:
    return {finding.objective: finding.sentence for finding in decision.findings}


def replicas(
    series: Series, *, on: str = "", gap: tuple[float, float] = (0.0, 0.0)
) -> Iterator[Series]:
    """Two replicas of Prometheus; the first has a gap between so many seconds ago."""
    if not series.labels[NAME].startswith(on):
        yield series
        return
    kept = tuple(
        sample for sample in series.samples if not gap[1] <= AT - sample.at <= gap[0] or gap[0] == 0
    )
    yield labelled(replace(series, samples=kept), replica="a")
    yield labelled(shifted(series, 7.0), replica="b")


def of_replicas(series: Series) -> Iterator[Series]:
    return replicas(series)


def on_counters_only(series: Series) -> Iterator[Series]:
    return replicas(series, on="http_")


def with_a_gap(series: Series) -> Iterator[Series]:
    return replicas(series, gap=(500.0, 200.0))


def one_after_the_other(series: Series) -> Iterator[Series]:
    """The first replica ends 300 s ago, and the second begins then."""
    first, second = replicas(series)
    yield replace(first, samples=tuple(s for s in first.samples if AT - s.at > 300))
    yield replace(second, samples=tuple(s for s in second.samples if AT - s.at <= 300))


REPLICAS = [of_replicas, on_counters_only, with_a_gap, one_after_the_other]


def second_job(series: Series) -> Iterator[Series]:
    yield series
    if not series.labels[NAME].startswith("haproxy"):
        yield labelled(shifted(series, 5.0), job="store-pods")


def federated(series: Series) -> Iterator[Series]:
    """Copies in another Prometheus that keeps the labels, and adds its own."""
    yield series
    if not series.labels[NAME].startswith("haproxy"):
        yield labelled(series, prometheus="edge")


def federated_instance(series: Series) -> Iterator[Series]:
    """Copies whose instance is the other Prometheus."""
    yield series
    if not series.labels[NAME].startswith("haproxy"):
        labels = {"exported_instance": series.labels["instance"], "instance": "prometheus:9090"}
        yield labelled(series, **labels, exported_job="store", job="federate")


def federated_without_names(series: Series) -> Iterator[Series]:
    """Copies whose labels do not say of which instance they are."""
    yield series
    if not series.labels[NAME].startswith("haproxy"):
        slot = series.labels["slot"]
        yield labelled(series, instance=f"{slot}-federation:9090", job="federate")


def pod_and_address(series: Series) -> Iterator[Series]:
    """One process, found as a pod and as an address of a service."""
    if series.labels[NAME].startswith("haproxy"):
        yield series
        return
    yield labelled(series, pod="shop-7f9-x2x", slot=series.labels["slot"])
    slot = series.labels["slot"]
    yield labelled(shifted(series, 4.0), pod="shop-7f9-x2x", instance=f"{slot}-service:80")


def one_more_label(series: Series) -> Iterator[Series]:
    """A label that the indicators do not declare, on some metrics only."""
    if series.labels[NAME] == METRIC:
        yield labelled(series, shard="1")
        yield labelled(series, shard="2")
        return
    yield series


THREE = tuple(Pod(f"green-{n}:8000", part=1 / 3) for n in range(3))


def relabelled(series: Series) -> Iterator[Series]:
    """A new label of the scrape configuration, 300 s ago: the process is the same."""
    if series.labels[NAME].startswith("haproxy"):
        yield series
        return
    yield replace(series, samples=tuple(s for s in series.samples if AT - s.at > 300))
    kept = replace(series, samples=tuple(s for s in series.samples if AT - s.at <= 300))
    yield labelled(kept, env="production", job="store-2")


def stepped_back(slot: str, by: float, *, part: float = 0.0) -> Change:
    """One sample, 330 s ago, steps back."""

    def change(series: Series) -> Iterator[Series]:
        if not (is_counter(series) and is_of(series, slot)):
            yield series
            return
        values = [sample.value for sample in series.samples]

        def value(age: int, sample: Sample) -> float:
            if age != 22:
                return sample.value
            before = values[len(values) - 2 - age]
            return max(0.0, before - by - part * before)

        yield with_values(series, value)

    return change


def silent_reset(series: Series) -> Iterator[Series]:
    """Green's counters begin again, and the start time stays."""
    if not (is_counter(series) and is_of(series, "green")):
        yield series
        return
    base = series.samples[-20].value
    yield with_values(series, lambda age, s: s.value - base if age < 20 else s.value)


def workers(*, start_times: bool, slot: str = "green") -> Change:
    """Each scrape is answered by one of four processes behind one address."""

    def change(series: Series) -> Iterator[Series]:
        if not is_of(series, slot):
            yield series
            return

        def value(age: int, sample: Sample) -> float:
            worker = (age * 7 + age // 3) % 4
            if is_counter(series):
                return float(int(sample.value * (0.2, 0.24, 0.26, 0.3)[worker]))
            is_start = series.labels[NAME] == "process_start_time_seconds"
            return sample.value + (3 * worker if is_start and start_times else 0)

        yield with_values(series, value)

    return change


def restarted(series: Series) -> Iterator[Series]:
    """Green's process restarts 307 s ago, and another start time says so."""
    if not is_of(series, "green"):
        yield series
        return
    base = series.samples[-21].value
    if is_counter(series):
        yield with_values(series, lambda age, s: s.value - base if age < 20 else s.value)
    elif series.labels[NAME] == "process_start_time_seconds":
        yield with_values(series, lambda age, s: AT - 290 if age < 20 else s.value)
    else:
        yield series


def without(name: str, instance: str = "") -> Change:
    def change(series: Series) -> Iterator[Series]:
        if series.labels[NAME] != name or instance not in series.labels["instance"]:
            yield series

    return change


def falls() -> Stage:
    """The stage with a policy that declares that a fall is a restart."""
    objectives: list[Objective] = []
    for objective in LIVE.objectives:
        if isinstance(objective, LiveObjective | AvailabilityObjective | LiveBuildObjective):
            declared = replace(objective.processes, start_time="")
            objectives.append(replace(objective, processes=declared))
        else:
            objectives.append(objective)
    return replace(LIVE, objectives=tuple(objectives))


def without_start_times(change: Change) -> Change:
    def changed(series: Series) -> Iterator[Series]:
        if series.labels[NAME] != "process_start_time_seconds":
            yield from change(series)

    return changed


def unchanged(series: Series) -> Iterator[Series]:
    yield series


def down(series: Series) -> Iterator[Series]:
    """Prometheus knows green-2 and cannot scrape it."""
    if series.labels["instance"] != "green-2:8000":
        yield series
    elif series.labels[NAME] == "up":
        yield with_values(series, lambda age, _: 0.0 if age < 20 else 1.0)
    else:
        yield replace(series, samples=series.samples[:-20])


def frozen(series: Series) -> Iterator[Series]:
    """The counters of green-2 end, while Prometheus scrapes it."""
    if series.labels["instance"] == "green-2:8000" and is_counter(series):
        yield replace(series, samples=series.samples[:-20])
    else:
        yield series


def nothing_is_scraped(series: Series) -> Iterator[Series]:
    if series.labels[NAME].startswith("haproxy"):
        yield series
    else:
        yield replace(series, samples=series.samples[:-20])


def silent(series: Series) -> Iterator[Series]:
    """Green-2 runs and counts no events."""
    if series.labels["instance"] != "green-2:8000" or not is_counter(series):
        yield series


def renamed_status(series: Series) -> Iterator[Series]:
    labels = {
        ("code" if name == "status" else name): value for name, value in series.labels.items()
    }
    is_requests = series.labels[NAME] == METRIC and series.labels.get("status") == "200"
    if series.labels[NAME] != METRIC or is_requests:
        yield replace(series, labels=labels if is_requests else series.labels)


def of_one_instance(series: Series) -> Iterator[Series]:
    """The other instances do not have the label of the status."""
    if series.labels["instance"] == "green-2:8000" and series.labels[NAME] == METRIC:
        yield from renamed_status(series)
    else:
        yield series


def native(series: Series) -> Iterator[Series]:
    """Prometheus keeps the histogram as a native one."""
    if not series.labels[NAME].startswith("http_request_duration"):
        yield series


REPLACED = (
    *THREE[:2],
    Pod("green-2:8000", died=300, part=1 / 3),
    Pod("green-9:8000", born=299, part=1 / 3),
)


WINDOW = stage_of("live-build", "traffic-share", "error-ratio", "latency-p95", share=0.1)
