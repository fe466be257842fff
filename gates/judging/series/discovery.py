"""Which instances Prometheus scrapes now, which are down, and which left its discovery."""

from gates.model import Measured, SampleSet
from gates.statistics import by_instance

UP = 1.0


def gone(up: SampleSet, max_age: float, instance_label: str = "instance") -> frozenset[str]:
    """The instances that left the discovery: no fresh sample of ``up``, while others have one.

    An instance that Prometheus knows and cannot reach has fresh samples of 0; it is down and not
    gone. Without any fresh sample Prometheus does not scrape, and nothing is known to be gone.

    Args:
        up: the answer about ``up``.
        max_age: the maximum age of a fresh sample, seconds.
        instance_label: the label that names the instance.

    Raises:
        ValueError: a series without an instance, or an instance scraped by several jobs at once.
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
    """The instances that left the discovery; none where the answer does not show it.

    Args:
        up: the answer about ``up``.
        max_age: the maximum age of a fresh sample, seconds.
        instance_label: the label that names the instance.
    """
    if up.measured is not Measured.OK:
        return frozenset()
    try:
        return gone(up, max_age, instance_label)
    except ValueError:
        return frozenset()


def down(up: SampleSet, max_age: float, now: float, instance_label: str = "instance") -> str:
    """Which instance Prometheus knows and cannot reach; empty where all instances are reached.

    Args:
        up: the answer about ``up``.
        max_age: the maximum age of a fresh sample, seconds.
        now: seconds since the epoch.
        instance_label: the label that names the instance.
    """
    for series in up.series:
        at, value = series.samples[-1]
        if now - at <= max_age and value != UP:
            name = series.labels.get(instance_label, "?")
            return f"{name} is down: Prometheus cannot scrape it"
    return ""
