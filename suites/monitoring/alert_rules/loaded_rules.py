"""Whether the loaded alert rules are those of the policy, and whether they are evaluated."""

from collections.abc import Iterable, Sequence

from gates.model import AlertLevel
from suites.monitoring.alert_rules.rule_files import Rule

# A rule that was just loaded, or whose group is slow, is evaluated within two intervals.
MAX_INTERVALS = 2
SPARE_SECONDS = 5.0


def alert_labels(rules: Iterable[Rule]) -> list[dict[str, str]]:
    """The labels of the alerts of alert rules, as far as the rules state them."""
    return [{**rule.labels, "alertname": rule.name} for rule in rules if rule.is_alert]


def loading_flaws(rules: Iterable[Rule], levels: Sequence[AlertLevel]) -> list[str]:
    """Alert rules that are missing, unknown, loaded twice, or of another severity.

    Args:
        rules: the loaded rules.
        levels: the policy's severities and their alerts.
    """
    expected = {name: level.severity for level in levels for name in level.alerts}
    loaded: dict[str, list[str]] = {}
    for rule in rules:
        if rule.is_alert:
            loaded.setdefault(rule.name, []).append(rule.severity)
    flaws = [f"{name}: is not loaded" for name in expected if name not in loaded]
    for name, severities in loaded.items():
        if name not in expected:
            flaws.append(f"{name}: is loaded, and the policy does not name it")
        elif len(severities) > 1:
            flaws.append(f"{name}: is loaded {len(severities)} times")
        elif severities[0] != expected[name]:
            shown = severities[0] or "none"
            flaws.append(f"{name}: has the severity {shown}, expected {expected[name]}")
    return flaws


def evaluation_flaws(rules: Iterable[Rule]) -> list[str]:
    """Rules whose evaluation failed, or is overdue.

    Args:
        rules: the loaded rules.
    """
    flaws = []
    for rule in rules:
        if rule.health != "ok" or rule.error:
            flaws.append(f"{rule.name}: health {rule.health}, {rule.error or 'no error'}")
            continue
        age = rule.seconds_since_evaluation
        longest = MAX_INTERVALS * rule.interval_seconds + SPARE_SECONDS
        if age is None or age > longest:
            shown = "never" if age is None else f"{age:.0f} s ago"
            flaws.append(f"{rule.name}: was evaluated {shown}, expected within {longest:.0f} s")
    return flaws
