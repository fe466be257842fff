"""Chooses a new store's indicators: a ready-made set with changes, or new tables."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gates import places
from gates.model import SLOT, ServedBuild
from gates.model.selector import metric_name, parse
from gates.new_store.observation import Metrics

Table = dict[str, object]
ESSENTIAL = ("requests", "request_errors", "processes")
SELECTORS = ("total", "good", "bad", "events", "up", "start_time", "build", "weights")
MIN_PART_OF_SET = 0.5
# Every other status counts as a failure, also a status whose form nobody knows.
KNOWN_GOOD = "|[1-4]([0-9][0-9]|xx|XX)"
STATUS = re.compile(r"[1-5](\d\d|xx|XX)\Z")
REQUESTS = re.compile(r"(request|http|call|rpc)", re.IGNORECASE)
DURATIONS = re.compile(r"(duration|latency|time|seconds|milliseconds)", re.IGNORECASE)
INFO = re.compile(r"_?(build_)?info\Z")
# Labels that tell where a time series comes from; the other labels tell what was counted.
STRUCTURAL = frozenset({"__name__", "instance", "job", "le"})
# Labels of replicas of Prometheus: two replicas have the same event in two time series.
REPLICAS = frozenset({"replica", "prometheus_replica", "__replica__", "prometheus", "cluster"})
LIMITS = {"slow_requests": 1.0, "very_slow_requests": 5.0}
SCALES = {"milliseconds": 1000.0, "seconds": 1.0}
USUAL_INFO = "build_info"
START_TIMES = ("process_start_time_seconds", "container_start_time_seconds")
BUILD_LABELS = ("release", "version", "digest", "deployment")


@dataclass(slots=True)
class IndicatorTables:
    """The indicators of a starting policy.

    Args:
        include: the file of the ready-made set, such as ``indicators/istio.toml``; empty where no
            set fits.
        tables: the policy's own tables, keyed by the indicator's name; an own table replaces the
            table of the set that has the same name.
        counter: the metric that counts the requests; empty where no metric counts them.
        status_label: the label of the counter that has the HTTP status; empty where none is known.
        without: the indicators of the set that have no time series; no objective may use them.
        notes: what a person should know, one sentence each.
        missing: what a person must do, one sentence each.
    """

    include: str = ""
    tables: dict[str, Table] = field(default_factory=dict)
    counter: str = ""
    status_label: str = ""
    without: set[str] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    def has(self, name: str) -> bool:
        """Whether the policy has an indicator: in a table of its own, or in the set."""
        in_set = name in _tables_of_set(self.include) and name not in self.without
        return name in self.tables or in_set


def indicators_of(metrics: Metrics) -> IndicatorTables:
    """Choose the indicators that fit the metrics of a store.

    Args:
        metrics: the metrics of the store's Prometheus.
    """
    fitting = [
        (part, f"indicators/{path.name}")
        for path in sorted(_folder().glob("*.toml"))
        if (part := _fitting_part(_tables_of_set(f"indicators/{path.name}"), metrics))
        >= MIN_PART_OF_SET
    ]
    if not fitting:
        return _own_indicators(metrics)
    part, include = max(fitting)
    tables = _tables_of_set(include)
    indicators = IndicatorTables(include, counter=metric_name(str(tables["requests"]["total"])))
    indicators.status_label = _status_label(metrics, indicators.counter)
    indicators.notes.append(f"{include}: {part:.0%} of the indicators of this set have time series")
    _fit_durations(indicators, tables, metrics)
    return indicators


def _fit_durations(
    indicators: IndicatorTables, tables: Mapping[str, Table], metrics: Metrics
) -> None:
    """Change the indicators of slow requests, so that their selectors match existing buckets."""
    for name, limit in LIMITS.items():
        if name in tables and metric_name(str(tables[name]["good"])) in metrics.names:
            _mend_boundary(indicators, name, dict(tables[name]), limit, metrics)
        else:
            indicators.without.add(name)
    if indicators.without:
        _add_durations(indicators, metrics)


def _folder() -> Path:
    return places.policy_installed().parent / "indicators"


def _tables_of_set(include: str) -> Mapping[str, Table]:
    if not include:
        return {}
    content = tomllib.loads((_folder().parent / include).read_text())
    tables: Mapping[str, Table] = content["indicators"]
    return tables


def _fitting_part(tables: Mapping[str, Table], metrics: Metrics) -> float:
    """Return the fraction (0 to 1) of indicators with series; 0 if an essential one has none."""
    fitting = {name for name, table in tables.items() if _has_series(table, metrics)}
    if not set(ESSENTIAL) <= fitting:
        return 0.0
    return len(fitting) / len(tables)


def _has_series(table: Table, metrics: Metrics) -> bool:
    """Whether the metric of each selector exists with the labels that the selector needs."""
    for key in SELECTORS:
        if key not in table:
            continue
        name = metric_name(str(table[key]))
        if name and name not in metrics.names:
            return False
        needed = parse(str(table[key]), any_colour=True).asks_for
        if name and needed and not any(needed <= labels.keys() for labels in metrics.series(name)):
            return False
    return True


def _status_label(metrics: Metrics, counter: str) -> str:
    """Find the label of a counter whose values are HTTP statuses; empty without such a label."""
    candidates = {
        label: sum(STATUS.match(value) is not None for value in values) / len(values)
        for label, values in metrics.values(counter).items()
    }
    best = max(candidates, key=candidates.__getitem__, default="")
    return best if best and candidates[best] > MIN_PART_OF_SET else ""


def _own_indicators(metrics: Metrics) -> IndicatorTables:
    """Write indicators from the names of the store's own metrics."""
    indicators = IndicatorTables()
    counters = [
        name
        for name in sorted(metrics.names)
        if name.endswith(("_total", "_count")) and REQUESTS.search(name)
    ]
    with_status = [name for name in counters if _status_label(metrics, name)]
    if not with_status:
        indicators.notes.append(
            "Prometheus has no counter of requests with a status; write [indicators.requests] and "
            "[indicators.request_errors] by hand"
        )
        return indicators
    indicators.counter = max(
        with_status, key=lambda name: ("http" in name, len(metrics.series(name)))
    )
    indicators.status_label = _status_label(metrics, indicators.counter)
    labels = _declared_labels(metrics, indicators.counter)
    colour = f'slot="{SLOT}"'
    total = f"{indicators.counter}{{{colour}}}"
    bad = f'{indicators.counter}{{{colour},{indicators.status_label}!~"{KNOWN_GOOD}"}}'
    indicators.tables["requests"] = {"reads": "requests", "total": total, "labels": labels}
    indicators.tables["request_errors"] = {"reads": "requests failed", "bad": bad, "total": total}
    _add_durations(indicators, metrics)
    start = next((name for name in START_TIMES if name in metrics.names), "")
    indicators.tables["processes"] = {"up": f"up{{{colour}}}"} | (
        {"start_time": f"{start}{{{colour}}}"} if start else {"fall_is_restart": True}
    )
    if not start:
        indicators.notes.append(
            "Prometheus has no start times, so a fall of a counter counts as a restart"
        )
    indicators.tables["traffic_weights"] = {
        "weights": 'haproxy_server_weight{proxy="store"}',
        "server_label": "server",
    }
    return indicators


def _declared_labels(metrics: Metrics, name: str) -> list[str]:
    """Return the labels of a metric that tell the time series of one instance apart."""
    return sorted(metrics.values(name).keys() - STRUCTURAL - REPLICAS)


def _add_durations(indicators: IndicatorTables, metrics: Metrics) -> None:
    """Add the indicators of slow requests, from the histogram with the most similar name."""
    buckets = [
        name
        for name in sorted(metrics.names)
        if name.endswith("_bucket")
        and DURATIONS.search(name)
        and REQUESTS.search(name)
        and name.removesuffix("_bucket") + "_count" in metrics.names
    ]
    if not buckets:
        indicators.notes.append(
            "Prometheus has no histogram of request durations (a metric NAME_bucket), so the "
            "policy has no objective of latency; a native histogram needs "
            "always_scrape_classic_histograms in Prometheus"
        )
        return
    bucket = max(
        buckets, key=lambda name: (len(_common_start(name, indicators.counter)), -len(name))
    )
    unit = next((unit for unit in SCALES if unit in bucket), "seconds")
    for name, limit in LIMITS.items():
        table: Table = {
            "reads": f"requests took over {limit:g} s",
            "good_reads": f"requests took under {limit:g} s",
            "good": f'{bucket}{{slot="{SLOT}",le="{limit * SCALES[unit]:g}"}}',
            "total": f'{bucket.removesuffix("_bucket")}_count{{slot="{SLOT}"}}',
            "unit": unit,
            "labels": _declared_labels(metrics, bucket),
        }
        indicators.tables[name] = table
        _mend_boundary(indicators, name, table, limit, metrics)


def _common_start(left: str, right: str) -> str:
    length = next(
        (
            at
            for at, (first, second) in enumerate(zip(left, right, strict=False))
            if first != second
        ),
        min(len(left), len(right)),
    )
    return left[:length]


def _mend_boundary(
    indicators: IndicatorTables, name: str, table: Table, limit: float, metrics: Metrics
) -> None:
    """Change an indicator to an existing bucket: at the limit, the next larger, or the largest."""
    bucket = metric_name(str(table["good"]))
    spellings = metrics.values(bucket).get("le", frozenset())
    matches = [le for le in spellings if _matches_boundary(str(table["good"]), bucket, le)]
    if matches or not spellings:
        return
    scale = SCALES[str(table.get("unit", "seconds"))]
    ends = sorted({float(le) for le in spellings if _is_finite(le)})
    if not ends:
        return
    end = next((end for end in ends if end >= limit * scale), ends[-1])
    old, new = f"{limit:g} s", f"{end / scale:g} s"
    table = {key: _renamed(value, old, new) for key, value in table.items()}
    same = sorted(le for le in spellings if _is_finite(le) and float(le) == end)
    values = "|".join(le.replace(".", "[.]").replace("+", "[+]") for le in same)
    matcher = f'le="{same[0]}"' if len(same) == 1 else f'le=~"{values}"'
    table["good"] = re.sub(r'le=~?"[^"]*"', lambda _: matcher, str(table["good"]))
    indicators.tables[name] = table
    indicators.notes.append(f"{name}: no bucket ends at {old}, so the limit is the boundary {new}")


def _renamed(value: object, old: str, new: str) -> object:
    return value.replace(f" {old}", f" {new}") if isinstance(value, str) else value


def _matches_boundary(selector: str, bucket: str, le: str) -> bool:
    tests = [test for label, test in parse(selector, any_colour=True).matchers if label == "le"]
    return bool(bucket) and all(test(le) for test in tests)


def _is_finite(le: str) -> bool:
    try:
        return abs(float(le)) < float("inf")
    except ValueError:
        return False


def replica_labels_of(indicators: IndicatorTables, metrics: Metrics) -> list[str]:
    """Find the labels in which replicas of Prometheus differ: each replica has its own series.

    Args:
        indicators: the indicators, which name the counter of requests.
        metrics: the metrics of the store's Prometheus.
    """
    values = metrics.values(indicators.counter)
    return sorted(label for label in REPLICAS & values.keys() if len(values[label]) > 1)


def name_colours(indicators: IndicatorTables, label: str) -> None:
    """Write the store's own label for blue and green in the selectors, instead of ``slot``.

    Args:
        indicators: the indicators, whose tables are changed.
        label: the name of the store's own label; this name is removed from the key ``labels`` of
            each table.
    """
    for table in indicators.tables.values():
        for key in SELECTORS:
            if key in table:
                table[key] = str(table[key]).replace(f'slot="{SLOT}"', f'{label}="{SLOT}"')
        labels = table.get("labels")
        if isinstance(labels, list):
            table["labels"] = [name for name in labels if name != label]
            if not table["labels"]:
                del table["labels"]


def add_build(
    indicators: IndicatorTables, metrics: Metrics, served: ServedBuild, slot: str
) -> None:
    """Add the indicator ``build``: the info series whose labels have the health answer's values.

    Args:
        indicators: the indicators; where no info series fits, ``missing`` gets a sentence.
        metrics: the metrics of the store's Prometheus.
        served: green's health answer.
        slot: the value of the colour label for green; empty where the value is not known.
    """
    for name in sorted(filter(INFO.search, metrics.names)):
        for labels in metrics.series(name):
            if slot and slot not in labels.values():
                continue
            keys = dict(_build_keys(labels, served))
            if "version_label" in keys or "digest_label" in keys:
                indicators.tables["build"] = {"build": f'{name}{{slot="{SLOT}"}}', **keys}
                return
    if served.build is None and indicators.has("build"):
        return
    indicators.tables["build"] = {
        "build": f'{USUAL_INFO}{{slot="{SLOT}"}}',
        "version_label": "version",
    }
    indicators.missing.append(
        f"no info series has the build of the health answer: let each process export "
        f"{USUAL_INFO} with a label version, or correct [indicators.build]"
    )


def _build_keys(labels: Mapping[str, str], served: ServedBuild) -> Iterator[tuple[str, str]]:
    if served.build is None:
        return
    values = (served.build.release, served.build.version, served.build.digest, served.deployment)
    for kind, value in zip(BUILD_LABELS, values, strict=True):
        names = [name for name, shown in labels.items() if shown == value]
        # Where two labels have the same value, the label with the name of the key is used.
        if names:
            yield f"{kind}_label", kind if kind in names else min(names)
