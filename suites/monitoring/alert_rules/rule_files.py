"""Alert and recording rules, as a rule file has them or as Prometheus has loaded them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import yaml

from suites.monitoring.promql.expressions import duration

MAX_FILE_BYTES = 4_000_000
MAX_RULES = 10_000


class RuleFileError(Exception):
    """A rule file is not a rule file; the message names the place."""


@dataclass(frozen=True, slots=True)
class Rule:
    """An alert rule or a recording rule.

    Args:
        name: the alert, or the recorded metric.
        expression: PromQL.
        is_alert: whether it is an alert rule.
        for_seconds: how long the condition must hold before the alert fires.
        labels: labels that the rule adds, such as ``severity``.
        annotations: texts for people.
        group: the name of its group.
        health: ``ok``, ``err`` or ``unknown``; empty for a rule of a file.
        error: the error of the last evaluation; empty without an error.
        seconds_since_evaluation: the age of the last evaluation; None for a rule of a file.
        interval_seconds: how often the group is evaluated; 0 where it is not known.
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
        """The label ``severity``; empty without one."""
        return self.labels.get("severity", "")


def rules_of_file(text: str) -> tuple[Rule, ...]:
    """The rules of a rule file.

    Args:
        text: the file's YAML.

    Raises:
        RuleFileError: the text is no rule file of Prometheus.

    Source: Prometheus documentation, defining recording rules and alerting rules.
    """
    if len(text) > MAX_FILE_BYTES:
        raise RuleFileError(f"the file has more than {MAX_FILE_BYTES} bytes")
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
        raise RuleFileError("the file has no list of groups")
    return groups


def _rules(groups: list[Mapping[str, object]]) -> Iterator[Rule]:
    for group in groups:
        name = str(group.get("name", ""))
        listed = group.get("rules")
        if not isinstance(listed, list):
            raise RuleFileError(f"group {name}: no list of rules")
        interval = _seconds(group.get("interval"), f"group {name}: interval")
        for content in listed:
            yield _rule(content, name, interval)


def _rule(content: object, group: str, interval: float) -> Rule:
    if not isinstance(content, dict) or "expr" not in content:
        raise RuleFileError(f"group {group}: a rule without expr")
    name = content.get("alert") or content.get("record")
    if not isinstance(name, str):
        raise RuleFileError(f"group {group}: a rule without the name of an alert or a record")
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
        raise RuleFileError(f"{place}: {content!r} is not a duration") from error


def _texts(content: object, place: str) -> dict[str, str]:
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise RuleFileError(f"{place}: expected names and texts")
    return {str(name): str(text) for name, text in content.items()}
