"""Writes decisions and findings of the ledger as metrics in the text format of Prometheus.

Source: https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from gates import __version__
from gates.ledger import DecisionEntry, LedgerContent
from gates.model import Decision, Finding, Outcome, Verdict
from gates.serve.questions import QuestionCounts

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
# A dashboard needs the newest decisions; more stages and targets than these are left out.
MAX_NEWEST_DECISIONS = 200
MAX_LABEL_CHARACTERS = 200


@dataclass(slots=True)
class Metric:
    """A metric of Prometheus with its samples.

    Args:
        name: the name of the metric.
        kind: the type of the metric: ``counter`` or ``gauge``.
        about: the meaning of the metric, in one line.
        samples: the value of each sample, keyed by the escaped text of its labels.
    """

    name: str
    kind: str
    about: str
    samples: dict[str, float] = field(default_factory=dict)

    def add(self, value: float, **labels: str) -> None:
        """Add a sample, unless the metric has a sample with these labels.

        Args:
            value: the value of the sample.
            labels: the values of the labels, keyed by label name; from an untrusted source.
        """
        shown = ",".join(f'{name}="{escaped(text)}"' for name, text in labels.items())
        self.samples.setdefault(f"{{{shown}}}" if shown else "", value)

    def lines(self) -> Iterator[str]:
        """Yield the lines of the metric; a metric without samples has no lines."""
        if not self.samples:
            return
        yield f"# HELP {self.name} {self.about}"
        yield f"# TYPE {self.name} {self.kind}"
        for labels, value in self.samples.items():
            yield f"{self.name}{labels} {value!r}"


def escaped(text: str) -> str:
    """Return the value of a label with escaped backslashes, quotation marks and line breaks.

    A value is cut off after 200 characters.

    Args:
        text: the value, from an untrusted source.
    """
    short = text[:MAX_LABEL_CHARACTERS].encode(errors="replace").decode()
    return short.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def metrics_of(content: LedgerContent, counts: QuestionCounts, now: datetime) -> str:
    """Return the text of all metrics of the ledger and of the server.

    Args:
        content: the content of the ledger.
        counts: the numbers of requests for a decision to this server.
        now: the time of the request for the metrics, UTC.
    """
    decisions = [
        record.entry.document.decision
        for record in content.records
        if isinstance(record.entry, DecisionEntry)
    ]
    metrics = [
        *_decision_metrics(decisions),
        *_finding_metrics(_newest(decisions), now),
        *_server_metrics(content, counts),
    ]
    return "".join(f"{line}\n" for metric in metrics for line in metric.lines())


def _newest(decisions: list[Decision]) -> list[Decision]:
    """The newest decision about each stage of each target."""
    newest = {(decision.target, decision.stage): decision for decision in decisions}
    in_order = sorted(newest.values(), key=lambda decision: decision.at)
    return in_order[-MAX_NEWEST_DECISIONS:]


def _decision_metrics(decisions: list[Decision]) -> Iterator[Metric]:
    total = Metric("gates_decisions_total", "counter", "The number of decisions in the ledger.")
    counted = Counter((each.target, each.stage, each.outcome) for each in decisions)
    for (target, stage, outcome), number in counted.items():
        total.add(number, target=target, stage=stage, decision=outcome.value)
    last = Metric(
        "gates_last_decision",
        "gauge",
        "1 for the outcome of the newest decision about a stage, else 0.",
    )
    at = Metric(
        "gates_last_decision_timestamp_seconds",
        "gauge",
        "The time of the newest decision about a stage.",
    )
    for decision in _newest(decisions):
        names = {"target": decision.target, "stage": decision.stage}
        at.add(decision.at.timestamp(), **names)
        for outcome in Outcome:
            last.add(int(decision.outcome is outcome), **names, decision=outcome.value)
    yield from (total, last, at)


def _finding_metrics(newest: list[Decision], now: datetime) -> Iterator[Metric]:
    verdicts = Metric(
        "gates_findings", "gauge", "The number of findings of the newest decision, by verdict."
    )
    trials = Metric(
        "gates_advisory_findings",
        "gauge",
        "The number of findings of an advisory objective, by verdict.",
    )
    ages = Metric(
        "gates_finding_age_seconds",
        "gauge",
        "The present age of the oldest measurement of an objective.",
    )
    values = Metric("gates_finding_value", "gauge", "The measured value of an objective.")
    limits = Metric("gates_finding_limit", "gauge", "The limit of the value of an objective.")
    for decision in newest:
        passed = (now - decision.at).total_seconds()
        for objective, findings in _by_objective(decision).items():
            names = {"target": decision.target, "stage": decision.stage, "objective": objective}
            is_trial = any(finding.advisory for finding in findings)
            counted = Counter(finding.verdict for finding in findings)
            for verdict in Verdict:
                metric = trials if is_trial else verdicts
                metric.add(counted[verdict], **names, verdict=verdict.value)
            known = [age for finding in findings if (age := _age(finding)) is not None]
            if known:
                ages.add(passed + max(known), **names)
            for figure in [finding.figure for finding in findings if finding.figure]:
                values.add(figure.value, **names)
                if figure.limit is not None:
                    limits.add(figure.limit, **names)
    yield from (verdicts, trials, values, limits, ages)


def _by_objective(decision: Decision) -> dict[str, list[Finding]]:
    grouped: dict[str, list[Finding]] = {}
    for finding in decision.findings:
        grouped.setdefault(finding.objective, []).append(finding)
    return grouped


def _age(finding: Finding) -> float | None:
    """The age of the oldest measurement at the moment of the decision, seconds."""
    ages = [each.age_seconds for each in finding.measurements if each.age_seconds is not None]
    return max(ages, default=None)


def _server_metrics(content: LedgerContent, counts: QuestionCounts) -> Iterator[Metric]:
    damaged = Metric(
        "gates_ledger_damaged_lines", "gauge", "The number of damaged lines in the ledger."
    )
    damaged.add(len(content.problems))
    questions = Metric(
        "gates_serve_questions_total", "counter", "Requests for a decision to this server."
    )
    questions.add(counts.arrived)
    shared = Metric(
        "gates_serve_questions_shared_total",
        "counter",
        "Requests that got the decision of an equal request.",
    )
    shared.add(counts.shared)
    failed = Metric(
        "gates_serve_questions_failed_total",
        "counter",
        "Requests for a decision that got no decision.",
    )
    failed.add(counts.failed)
    build = Metric("gates_build_info", "gauge", "The version of the gate.")
    build.add(1, version=__version__)
    yield from (damaged, questions, shared, failed, build)
