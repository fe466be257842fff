"""Alert rules and recording rules, from a rule file or from a Prometheus that has loaded them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import yaml

from suites.monitoring.promql.expressions import duration

MAX_FILE_BYTES = 4_000_000
MAX_RULES = 10_000


class RuleFileError(Exception):
    """A file is not a valid rule file of Prometheus; the message names the invalid part."""


@dataclass(frozen=True, slots=True)
class Rule:
    """An alert rule or a recording rule.

    Args:
        name: the name of the alert, or of the recorded metric.
        expression: the PromQL expression.
        is_alert: whether the rule is an alert rule; a recording rule otherwise.
        for_seconds: how long the condition must be true before the alert fires, in seconds.
        labels: labels that the rule adds, such as ``severity``.
        annotations: texts for people, keyed by name.
        group: the name of the rule group.
        health: ``ok``, ``err`` or ``unknown``; empty for a rule of a file.
        error: the error of the last evaluation; empty without an error.
        seconds_since_evaluation: the age of the last evaluation in seconds; None for a rule that
            was never evaluated, such as a rule of a file.
        interval_seconds: the time between evaluations of the group, in seconds; 0 if unknown.
    """

    name: str
    expression: str
    is_alert: bool = True
    for_seconds: float = 0.0
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    group: str = ""
    health: str = ""
    error: str = ""
    seconds_since_evaluation: float | None = None
    interval_seconds: float = 0.0

    @property
    def severity(self) -> str:
        """The value of the label ``severity``; empty without this label."""
        return self.labels.get("severity", "")


def rules_of_file(text: str) -> tuple[Rule, ...]:
    """Parse the alert rules and recording rules of a rule file.

    Args:
        text: the content of the file, as YAML.

    Raises:
        RuleFileError: the text is not a valid rule file of Prometheus.

    Source: Prometheus documentation, defining recording rules and alerting rules.
    """
    if len(text) > MAX_FILE_BYTES:
        raise RuleFileError(f"the file is larger than the limit of {MAX_FILE_BYTES} bytes")
    try:
        content = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise RuleFileError(f"the file is not YAML: {' '.join(str(error).split())}") from error
    rules = tuple(_rules(_groups(content)))
    if not rules:
        raise RuleFileError("the file has no rule")
    if len(rules) > MAX_RULES:
        raise RuleFileError(f"the file has more than {MAX_RULES} rules")
    return rules


def _groups(content: object) -> list[Mapping[str, object]]:
    groups = content.get("groups") if isinstance(content, dict) else None
    # A PrometheusRule of the Prometheus operator has the same groups below ``spec``.
    if groups is None and isinstance(content, dict) and isinstance(content.get("spec"), dict):
        groups = content["spec"].get("groups")
    if not isinstance(groups, list) or not all(isinstance(group, dict) for group in groups):
        raise RuleFileError("expected a list of rule groups after the key groups")
    return groups


def _rules(groups: list[Mapping[str, object]]) -> Iterator[Rule]:
    for group in groups:
        name = str(group.get("name", ""))
        listed = group.get("rules")
        if not isinstance(listed, list):
            raise RuleFileError(f"group {name}: expected a list of rules after the key rules")
        interval = _seconds(group.get("interval"), f"group {name}: interval")
        for content in listed:
            yield _rule(content, name, interval)


def _rule(content: object, group: str, interval: float) -> Rule:
    if not isinstance(content, dict) or "expr" not in content:
        raise RuleFileError(f"group {group}: a rule has no key expr")
    name = content.get("alert") or content.get("record")
    if not isinstance(name, str):
        raise RuleFileError(f"group {group}: a rule has no name after the key alert or record")
    return Rule(
        name=name,
        expression=str(content["expr"]),
        is_alert="alert" in content,
        for_seconds=_seconds(content.get("for"), f"{name}: for"),
        labels=_texts(content.get("labels"), f"{name}: labels"),
        annotations=_texts(content.get("annotations"), f"{name}: annotations"),
        group=group,
        interval_seconds=interval,
    )


def _seconds(content: object, place: str) -> float:
    if content in (None, "", 0):
        return 0.0
    try:
        return duration(str(content)).total_seconds()
    except ValueError as error:
        raise RuleFileError(f"{place}: {content!r} is not a duration such as 5m") from error


def _texts(content: object, place: str) -> dict[str, str]:
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise RuleFileError(f"{place}: expected a mapping of names to texts")
    return {str(name): str(text) for name, text in content.items()}
