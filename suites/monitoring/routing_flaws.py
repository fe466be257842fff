"""Find flaws of an Alertmanager configuration: alerts that are lost, late or wrongly routed."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from itertools import product
from typing import Any

import yaml

from gates.model import AlertLevel
from suites.monitoring.routing import Inhibition, Labels, Matcher, Route, Routing

CRITICAL = "critical"
ROUTED_BY = ("alertname", "severity")
ANY_ALERT = "AnyAlert"
MAX_CANDIDATES = 64
MAX_ALTERNATIVES = 8


def receiver_flaws(routing: Routing) -> list[str]:
    """Find receivers that do not exist, that no route names, or that no alert can reach.

    Args:
        routing: the Alertmanager configuration.

    Returns:
        A sentence for each flaw.
    """
    all_selected = [routing.root.selected(labels) for labels in _candidates(routing)]
    selected = {route.receiver for routes in all_selected for route in routes}
    named = {route.receiver for route in routing.root.walk()}
    undefined = sorted(named - routing.receivers.keys())
    flaws = [
        f"receiver {name}: a route names this receiver, but no receiver has this name"
        for name in undefined
    ]
    for receiver in routing.receivers:
        if receiver not in named:
            flaws.append(f"receiver {receiver}: no route names this receiver")
        elif receiver not in selected:
            flaws.append(
                f"receiver {receiver}: no alert reaches this receiver; another route takes its "
                "alerts, or the matchers of its route contradict the matchers of a parent route"
            )
    return flaws


def severity_flaws(
    routing: Routing, levels: Sequence[AlertLevel], alerts: Iterable[Labels] = ()
) -> list[str]:
    """Find alerts that do not go to exactly the receivers that the policy states.

    Args:
        routing: the Alertmanager configuration.
        levels: the policy's severities, with their receivers and alerts.
        alerts: the labels of each loaded alert rule, with ``alertname``.

    Returns:
        A sentence for each flaw.
    """
    known = {labels["alertname"]: labels for labels in alerts}
    flaws: list[str] = []
    for level in levels:
        for name in (ANY_ALERT, *level.alerts):
            labels = {**known.get(name, {}), "alertname": name, "severity": level.severity}
            flaws += _of_alert(routing, level, labels)
        for receiver in level.receivers:
            if not routing.receivers.get(receiver):
                flaws.append(
                    f"{level.severity}: receiver {receiver} has no integration, so the "
                    "receiver notifies nobody"
                )
    return _shortened(flaws)


def _of_alert(routing: Routing, level: AlertLevel, labels: Labels) -> Iterator[str]:
    routes = routing.root.selected(labels)
    receivers = sorted({route.receiver for route in routes})
    if receivers != sorted(level.receivers):
        yield (
            f"{level.severity}: {_shown(labels['alertname'])} goes to {', '.join(receivers)} "
            f"(by {', '.join(route.place for route in routes)}), "
            f"expected {', '.join(level.receivers)}"
        )
    for route in routes:
        if route.muted_by:
            yield (
                f"{level.severity}: {_shown(labels['alertname'])} is muted by {route.place} at "
                f"these times: {', '.join(route.muted_by)}"
            )


def time_flaws(
    routing: Routing, alerts: Iterable[Labels], longest: Mapping[str, timedelta]
) -> list[str]:
    """Find routes that send or repeat the notifications of critical alerts too late.

    Args:
        routing: the Alertmanager configuration.
        alerts: the labels of each loaded alert rule, with ``alertname`` and ``severity``.
        longest: the largest allowed ``group_wait``, ``group_interval`` and ``repeat_interval``,
            keyed by name.

    Returns:
        A sentence for each flaw.
    """
    criticals = [labels for labels in alerts if labels.get("severity") == CRITICAL]
    any_alert = {"alertname": ANY_ALERT, "severity": CRITICAL}
    routes = {
        route.place: route
        for labels in (any_alert, *criticals)
        for route in routing.root.selected(labels)
    }
    return [
        f"{route.place}: {name} is {route.times[name].total_seconds():.0f} s; for critical alerts "
        f"it must be at most {limit.total_seconds():.0f} s"
        for route in routes.values()
        for name, limit in longest.items()
        if route.times[name] > limit
    ]


def _shown(alert: str) -> str:
    return "any alert" if alert == ANY_ALERT else alert


def _shortened(flaws: list[str]) -> list[str]:
    """Leave out a flaw of a single alert if the same flaw is reported for any alert."""
    general = {flaw.replace("any alert ", "", 1) for flaw in flaws if "any alert " in flaw}
    kept = []
    for flaw in flaws:
        severity, _, rest = flaw.partition(": ")
        without_name = f"{severity}: {rest.partition(' ')[2]}"
        if "any alert " in flaw or without_name not in general:
            kept.append(flaw)
    return list(dict.fromkeys(kept))


def inhibition_flaws(
    routing: Routing, alerts: Iterable[Labels], severity: str = CRITICAL
) -> list[str]:
    """Find inhibition rules that can mute a critical alert.

    A label that both alerts lack counts as equal, as in Alertmanager. If the conditions do not
    state the value of a label, such as ``instance``, both alerts may have the same value.

    Args:
        routing: the Alertmanager configuration.
        alerts: the labels of each alert rule, with ``alertname`` and ``severity``.
        severity: the severity of the alerts that no inhibition rule may mute.

    Returns:
        A sentence for each flaw.
    """
    listed = list(alerts)
    criticals = [labels for labels in listed if labels.get("severity") == severity]
    targets = [{"alertname": ANY_ALERT, "severity": severity}, *criticals]
    return [
        f"{rule.place}: an alert with {_conditions(rule.source)} mutes {severity} alerts, "
        f"because the inhibition rule mutes alerts with {_conditions(rule.target)}"
        for rule in routing.inhibitions
        if any(_is_muted(target, rule, listed) for target in targets)
    ]


def _is_muted(target: Labels, rule: Inhibition, alerts: Sequence[Labels]) -> bool:
    """Return whether a known alert, or any other possible alert, mutes the target by this rule."""
    sources = [*alerts, *_fitting(rule.source)]
    return any(rule.mutes(_with_equal(source, target, rule), target) for source in sources)


def _conditions(matchers: Sequence[Matcher]) -> str:
    return ", ".join(map(str, matchers)) or "any labels"


def silence_flaws(
    silences: Iterable[tuple[str, tuple[Matcher, ...]]],
    alerts: Iterable[Labels],
    severity: str = CRITICAL,
) -> list[str]:
    """Find active silences that mute all alerts of a critical alert rule.

    Args:
        silences: the name and the matchers of each active silence.
        alerts: the labels of each alert rule, with ``alertname`` and ``severity``.
        severity: the severity of the alerts that no silence may mute.

    Returns:
        A sentence for each flaw.
    """
    criticals = [labels for labels in alerts if labels.get("severity") == severity]
    return [
        f"{name} mutes the {severity} alert {labels['alertname']}"
        for name, matchers in silences
        for labels in criticals
        if matchers and all(matcher.holds(labels) for matcher in matchers)
    ]


def forwarding_flaws(configuration: str, alerts: Iterable[Labels]) -> list[str]:
    """Find alerts that Prometheus drops or relabels instead of sending them unchanged.

    Args:
        configuration: the loaded configuration of Prometheus as YAML.
        alerts: the labels of each alert rule, with ``alertname`` and ``severity``.

    Returns:
        A sentence for each flaw.

    Source: Prometheus documentation, ``alert_relabel_configs`` and ``relabel_config``.
    """
    alerting = (yaml.safe_load(configuration) or {}).get("alerting") or {}
    steps = list(alerting.get("alert_relabel_configs") or ())
    for server in alerting.get("alertmanagers") or ():
        steps += server.get("alert_relabel_configs") or ()
    return [
        f"{labels['alertname']}: {problem}"
        for labels in alerts
        for step in steps
        if (problem := _relabel_problem(step, labels))
    ]


def _relabel_problem(step: Mapping[str, Any], labels: Labels) -> str:
    """Return how a relabel step drops an alert or changes its routing labels; empty if neither."""
    action, pattern = str(step.get("action", "replace")).lower(), str(step.get("regex", "(.*)"))
    names = step.get("source_labels") or ()
    content = str(step.get("separator", ";")).join(labels.get(name, "") for name in names)
    fits = re.fullmatch(pattern, content) is not None
    if (action == "drop" and fits) or (action == "keep" and not fits):
        return f"alert_relabel_configs drop the alert ({action} {', '.join(names)} {pattern!r})"
    if action in ("labeldrop", "labelkeep"):
        removes = action == "labeldrop"
        lost = [name for name in ROUTED_BY if bool(re.fullmatch(pattern, name)) == removes]
        return f"alert_relabel_configs remove the label {lost[0]}" if lost else ""
    changes = action not in ("drop", "keep") and fits and step.get("target_label") in ROUTED_BY
    return f"alert_relabel_configs change the label {step['target_label']}" if changes else ""


def _with_equal(source: Labels, target: Labels, rule: Inhibition) -> Labels:
    """Return the source labels, plus the target's values of labels that must be equal."""
    fixed = {matcher.label for matcher in rule.source if matcher.symbol == "="}
    is_rule = source.get("alertname", ANY_ALERT) != ANY_ALERT
    labels = dict(source)
    for label in rule.equal:
        if label in fixed or (is_rule and label in source):
            continue
        if label in target:
            labels[label] = target[label]
    return labels


def _candidates(routing: Routing) -> list[Labels]:
    """Return the labels of example alerts, each of which can take some route."""
    candidates: list[Labels] = [{"alertname": ANY_ALERT}]
    for path in _paths(routing.root, ()):
        matchers = [matcher for route in path for matcher in route.matchers]
        candidates += _fitting(matchers)
        candidates += _fitting([*matchers, *_excluded(routing.root)])
    return candidates


def _excluded(root: Route) -> list[Matcher]:
    """Return a matcher for each label value that some route excludes with ``!=``."""
    excluded = {
        matcher.label: Matcher(matcher.label, "=", matcher.value)
        for route in root.walk()
        for matcher in route.matchers
        if matcher.symbol == "!="
    }
    return list(excluded.values())


def _paths(route: Route, above: tuple[Route, ...]) -> Iterator[tuple[Route, ...]]:
    path = (*above, route)
    yield path
    for below in route.routes:
        yield from _paths(below, path)


def _fitting(matchers: Sequence[Matcher]) -> list[Labels]:
    """Return label sets that satisfy all matchers; several when a pattern has alternatives."""
    names = list(dict.fromkeys(matcher.label for matcher in matchers))
    choices = [_values([entry for entry in matchers if entry.label == name]) for name in names]
    fitting: list[Labels] = []
    for values in product(*choices):
        labels: dict[str, str] = {"alertname": ANY_ALERT}
        labels.update({name: value for name, value in zip(names, values, strict=True) if value})
        if all(matcher.holds(labels) for matcher in matchers):
            fitting.append(labels)
        if len(fitting) >= MAX_CANDIDATES:
            break
    return fitting


def _values(matchers: Sequence[Matcher]) -> list[str]:
    """Return values of one label that satisfy its matchers."""
    values = ["", "x", ANY_ALERT]
    for matcher in matchers:
        if matcher.symbol == "=":
            values.append(matcher.value)
        elif matcher.symbol == "=~":
            values += _examples(matcher.value)[:MAX_ALTERNATIVES]
    fitting = [value for value in values if all(_fits(entry, value) for entry in matchers)]
    return list(dict.fromkeys(fitting))


def _fits(matcher: Matcher, value: str) -> bool:
    return matcher.holds({matcher.label: value})


def _examples(pattern: str) -> list[str]:
    """Return texts that a pattern of label values may match: its alternatives without wildcards."""
    alternatives = [pattern]
    while any("(" in entry for entry in alternatives):
        expanded = [text for entry in alternatives for text in _first_group(entry)]
        if expanded == alternatives:
            break
        alternatives = expanded[:MAX_CANDIDATES]
    parts = [part for entry in alternatives for part in entry.split("|")]
    return [re.sub(r"\\(.)", r"\1", re.sub(r"\.[*+?]", "x", part)).strip("^$") for part in parts]


def _first_group(pattern: str) -> list[str]:
    """Replace the first innermost group by each alternative: ``a(b|c)`` gives ``ab`` and ``ac``."""
    match = re.search(r"\((?:\?[:i])?([^()]*)\)", pattern)
    if match is None:
        return [pattern]
    before, after = pattern[: match.start()], pattern[match.end() :]
    return [f"{before}{part}{after}" for part in match[1].split("|")]
