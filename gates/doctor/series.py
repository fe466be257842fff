"""Examines the indicators' time series: whether they exist, and whether an event counts twice."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import combinations

from gates.doctor.report import Line, fail, look, ok
from gates.model import (
    BuildIndicator,
    EventIndicator,
    Indicator,
    Part,
    Policy,
    ProcessIndicator,
    Target,
    WeightIndicator,
)
from gates.model.selector import colour_label, matchers_of, metric_name, of_colour
from gates.sources.series_names import Labels, Listing, metric_names, recent_series

MAX_SHOWN = 8
# Labels that each time series may have and that never tell two events apart.
ALWAYS = frozenset({"__name__", "job", "le"})
USED_LE = "le"


@dataclass(frozen=True, slots=True)
class Examination:
    """Asks Prometheus about the time series of a target.

    Args:
        target: the target that is examined.
        names: the names of all metrics of the target's Prometheus.
    """

    target: Target
    names: frozenset[str]

    def series(self, selector: str, slot: str) -> Listing:
        """Ask Prometheus for the recent time series that a selector matches for one colour."""
        text = of_colour(selector, slot, self.target.colour_label)
        return recent_series(self.target.addresses.prometheus, self.target.access.prometheus, text)

    def colours(self) -> Mapping[str, str]:
        """Return the value of the colour label for ``green`` and for ``blue``."""
        return {"green": self.target.slot, "blue": self.target.baseline_slot}

    def mend(self, selector: str, indicator: str) -> str:
        """Return how a person can correct a selector that matches no time series."""
        name = metric_name(selector)
        if name and name not in self.names:
            near = get_close_matches(name, self.names, 3, cutoff=0.5)
            hint = f"; similar metrics: {', '.join(near)}" if near else ""
            return f"Prometheus has no metric {name}; correct [indicators.{indicator}]{hint}"
        if USED_LE in {matcher.label for matcher in matchers_of(selector)}:
            listing = recent_series(
                self.target.addresses.prometheus, self.target.access.prometheus, name
            )
            ends = sorted({labels.get(USED_LE, "") for labels in listing.series}, key=_as_number)
            if ends:
                return (
                    f"change the matcher of le in [indicators.{indicator}] to a boundary of the "
                    f"buckets: {', '.join(ends[:30])}"
                )
        label = self.target.colour_label or colour_label(selector)
        return (
            f"the metric exists, but no series matches; compare the labels of the metric with "
            f"[indicators.{indicator}] and with slot, baseline_slot and colour_label ({label}) in "
            "[metrics] of the target file"
        )


def _as_number(end: str) -> float:
    try:
        return float(end)
    except ValueError:
        return 0.0


def examine_series(policy: Policy, target: Target) -> Iterator[Line]:
    """Ask Prometheus for the time series of each indicator, and yield lines about the answers.

    Args:
        policy: the policy that has the indicators.
        target: the target whose Prometheus is asked.
    """
    listing = metric_names(target.addresses.prometheus, target.access.prometheus)
    if listing.problem:
        problem, _, mend = listing.problem.partition("; ")
        yield fail("series", problem, mend or "correct addresses.prometheus")
        return
    yield ok("series", f"Prometheus has {len(listing.names)} metrics")
    examination = Examination(target, listing.names)
    for name, indicator in policy.indicators.items():
        yield from _indicator(examination, name, indicator)


def _indicator(examination: Examination, name: str, indicator: Indicator) -> Iterator[Line]:
    if isinstance(indicator, EventIndicator):
        yield from _events(examination, indicator)
    elif isinstance(indicator, ProcessIndicator):
        yield from _processes(examination, indicator)
    elif isinstance(indicator, BuildIndicator):
        yield from _presence(examination, name, "info series", indicator.selector)
    else:
        yield _weights(examination, indicator)


def _events(examination: Examination, indicator: EventIndicator) -> Iterator[Line]:
    for colour, slot in examination.colours().items():
        subject = f"indicator {indicator.name} of {colour}"
        total = examination.series(indicator.total, slot)
        if total.problem or not total.series:
            text = total.problem or "no series matches"
            yield fail(subject, text, examination.mend(indicator.total, indicator.name))
            continue
        selected = examination.series(indicator.selected, slot)
        if not selected.series and indicator.part is Part.GOOD:
            mend = examination.mend(indicator.selected, indicator.name)
            yield fail(subject, "no bucket or time series counts good events", mend)
            continue
        none = "" if selected.series else "; no such event has occurred yet"
        counts = f"{len(selected.series)} of {len(total.series)} series"
        yield ok(subject, f"{counts} count {indicator.reads}{none}")
        yield from _labels(examination, indicator, colour, total.series)


def _labels(
    examination: Examination, indicator: EventIndicator, colour: str, series: Sequence[Labels]
) -> Iterator[Line]:
    """Yield a failure if series of one instance differ only in labels that the indicator lacks."""
    label = examination.target.colour_label or colour_label(indicator.total)
    declared = indicator.labels | ALWAYS | {label, "instance"}
    replicas = examination.target.replica_labels
    groups: dict[tuple[tuple[str, str], ...], list[Labels]] = {}
    without = {
        tuple(sorted((k, v) for k, v in labels.items() if k not in replicas)) for labels in series
    }
    for labels in map(dict, sorted(without)):
        key = tuple(sorted((k, v) for k, v in labels.items() if k in declared and k != "job"))
        groups.setdefault(key, []).append(labels)
    doubled = next((group for group in groups.values() if len(group) > 1), None)
    subject = f"labels of {indicator.name} of {colour}"
    if doubled is None:
        yield ok(subject, "each event counts in one time series only")
        return
    first, second = next(combinations(doubled, 2))
    differing = sorted(
        name for name in first.keys() | second.keys() if first.get(name) != second.get(name)
    )
    yield fail(
        subject,
        f"two series differ only in the label {', '.join(differing)}: "
        f"{first.get(differing[0], '')!r} and {second.get(differing[0], '')!r}",
        "if these series count different events, add the label to labels of "
        f"[indicators.{indicator.name}]; if the label names a replica of Prometheus, add the "
        "label to replica_labels in [metrics] of the target file",
    )


def _processes(examination: Examination, indicator: ProcessIndicator) -> Iterator[Line]:
    yield from _presence(examination, indicator.name, "up series", indicator.up)
    if indicator.fall_is_restart:
        yield look(
            "start times",
            "the policy names no start time, so every fall of a counter counts as a restart",
            "let the processes export process_start_time_seconds, and name this metric as "
            f"start_time in [indicators.{indicator.name}] of the policy",
        )
    else:
        yield from _presence(examination, indicator.name, "start times", indicator.start_time)


def _presence(examination: Examination, name: str, subject: str, selector: str) -> Iterator[Line]:
    for colour, slot in examination.colours().items():
        listing = examination.series(selector, slot)
        if listing.series:
            yield ok(f"{subject} of {colour}", f"{len(listing.series)} series")
        else:
            text = listing.problem or "no series matches"
            yield fail(f"{subject} of {colour}", text, examination.mend(selector, name))


def _weights(examination: Examination, indicator: WeightIndicator) -> Line:
    listing = examination.series(indicator.selector, "")
    servers = sorted({labels.get(indicator.server_label, "") for labels in listing.series})
    if not listing.series:
        return look(
            "traffic weights",
            "Prometheus has no weights of a balancer; the ledger of gates ramp has the moves",
            f"let Prometheus scrape the balancer, and name the metric of the weights in "
            f"[indicators.{indicator.name}]",
        )
    missing = [name for name in examination.target.servers if name not in servers]
    if missing:
        return fail(
            "traffic weights",
            f"Prometheus has no weight of {', '.join(missing)}; its servers: {', '.join(servers)}",
            "correct the value of servers in the table [metrics] of the target file",
        )
    return ok("traffic weights", f"servers {', '.join(servers[:MAX_SHOWN])}")
