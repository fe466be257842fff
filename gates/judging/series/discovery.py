"""Finds instances that Prometheus cannot scrape, or that its service discovery no longer has."""

from gates.model import Measured, SampleSet
from gates.statistics import by_instance

UP = 1.0


def gone(up: SampleSet, max_age: float, instance_label: str = "instance") -> frozenset[str]:
    """Find the instances that are no longer in the service discovery of Prometheus.

    A gone instance has no fresh sample of ``up``, while another instance has a fresh sample. An
    instance that Prometheus cannot reach has fresh samples of 0, so it is down and not gone. Where
    all samples are old, the result is empty.

    Args:
        up: the query result of ``up``.
        max_age: the maximum age of a fresh sample, in seconds.
        instance_label: the name of the label whose value is the instance.

    Raises:
        ValueError: a time series names no instance, or several jobs scrape an instance at once.
    """
    newest = {
        instance: max(series.samples[-1].at for series in group if series.samples)
        for instance, group in by_instance(up.series, instance_label).items()
        if any(series.samples for series in group)
    }
    old = {name for name, at in newest.items() if up.evaluated_at - at > max_age}
    return frozenset(old) if len(old) < len(newest) else frozenset()


def gone_if_known(
    up: SampleSet, max_age: float, instance_label: str = "instance"
) -> frozenset[str]:
    """Find the instances that Prometheus no longer knows; empty where ``up`` cannot be read.

    Args:
        up: the query result of ``up``, with or without samples.
        max_age: the maximum age of a fresh sample, in seconds.
        instance_label: the name of the label whose value is the instance.
    """
    if up.measured is not Measured.OK:
        return frozenset()
    try:
        return gone(up, max_age, instance_label)
    except ValueError:
        return frozenset()


def down(up: SampleSet, max_age: float, now: float, instance_label: str = "instance") -> str:
    """Find an instance that Prometheus knows and cannot scrape.

    Args:
        up: the query result of ``up``.
        max_age: the maximum age of a fresh sample, in seconds.
        now: the moment of the decision, in seconds since the epoch.
        instance_label: the name of the label whose value is the instance.

    Returns:
        A sentence about the first such instance; empty where Prometheus scrapes all instances.
    """
    for series in up.series:
        at, value = series.samples[-1]
        if now - at <= max_age and value != UP:
            name = series.labels.get(instance_label, "?")
            return f"{name} is down: Prometheus cannot scrape this instance"
    return ""
