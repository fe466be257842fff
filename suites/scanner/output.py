"""The result of a scan as text and as JSON."""

from collections.abc import Mapping

from suites.probes.rules import RULES
from suites.scanner.sarif import curl, fingerprint
from suites.scanner.scan import ScanResult


def as_json(result: ScanResult) -> Mapping[str, object]:
    """The findings, the outcome of every probe, and the parts that could not be tested."""
    return {
        "findings": [
            {
                "rule": finding.rule,
                "cwe": RULES[finding.rule].cwe,
                "place": finding.place,
                "sentence": finding.sentence,
                "fingerprint": fingerprint(finding),
            }
            for finding in result.observations
            if finding.is_finding
        ],
        "probes": {name: _outcome(name, result) for name in RULES},
        "not_looked_at": [*result.problems, *result.notes],
    }


def as_text(result: ScanResult) -> list[str]:
    """The result in lines for a person: first the findings, one for each rule and place."""
    lines = []
    for finding in result.observations:
        if finding.is_finding:
            rule = RULES[finding.rule]
            heading = f"{rule.name} (CWE-{rule.cwe}, ASVS {rule.asvs})"
            lines.append(f"FINDING  {heading}: {finding.sentence}")
            if finding.exchange:
                lines.append(f"         again: {curl(finding.exchange)}")
    outcomes = [f"{name:<24}{_outcome(name, result)}" for name in RULES]
    gaps = [f"could not be tested: {text}" for text in (*result.problems, *result.notes)]
    return [*lines, *outcomes, *gaps]


def _outcome(name: str, result: ScanResult) -> str:
    if name in result.not_applicable:
        return f"not applicable: {result.not_applicable[name]}"
    places = [observation for observation in result.observations if observation.rule == name]
    findings = sum(observation.is_finding for observation in places)
    return f"{findings} findings" if findings else f"no finding in {len(places)} places"
