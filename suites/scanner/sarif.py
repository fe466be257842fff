"""Write findings as SARIF 2.1.0, with stable rule ids and fingerprints, and masked secrets.

Source: OASIS, Static Analysis Results Interchange Format 2.1.0.
"""

import hashlib
import json
import re
import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from suites.client.masking import masked, masked_body
from suites.probes.api import Exchange, Observation
from suites.probes.rules import RULES, Rule
from suites.probes.severity import SEVERITIES, Severity

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
MAX_TEXT = 2000
# Schemes of the header Authorization that a curl line may show; Bearer stands for any other text.
SCHEMES = ("Bearer", "Basic", "Token")
# What differs from run to run: ids that tests make, and long random words.
VOLATILE = re.compile(r"(usr|prd|evt|ord|pay|ses)_[\w-]+|[0-9a-f]{8,}|\d{6,}")


def sarif(observations: Iterable[Observation], secrets: tuple[str, ...]) -> Mapping[str, object]:
    """Return a SARIF log of the findings.

    Args:
        observations: observations of probes; only observations that are findings become results.
        secrets: the texts to mask in the log.
    """
    all_observations = list(observations)
    rules = sorted({observation.rule for observation in all_observations})
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "kirana-probes",
                        "informationUri": "https://github.com/OWASP/ASVS",
                        "rules": [_rule(RULES[name], SEVERITIES[name]) for name in rules],
                    }
                },
                "results": [
                    _result(observation, rules, secrets)
                    for observation in all_observations
                    if observation.is_finding
                ],
            }
        ],
    }


def write(path: Path, log: Mapping[str, object]) -> None:
    """Write a SARIF log; a reader finds the whole old file or the whole new file.

    Args:
        path: the file.
        log: the log.

    Raises:
        OSError: the file cannot be written.
    """
    part = path.with_name(f"{path.name}.part")
    part.write_text(json.dumps(log, indent=1), encoding="utf-8")
    part.replace(path)


def joined(first: Mapping[str, Any], second: Mapping[str, Any]) -> Mapping[str, object]:
    """Return one SARIF log with the rules and the results of two logs of ``sarif``.

    Args:
        first: a log; its results are the first.
        second: another log.
    """
    runs = [log["runs"][0] for log in (first, second)]
    rules = {rule["id"]: rule for run in runs for rule in run["tool"]["driver"]["rules"]}
    names = sorted(rules)
    driver = {**runs[0]["tool"]["driver"], "rules": [rules[name] for name in names]}
    results = [
        {**result, "ruleIndex": names.index(result["ruleId"])}
        for run in runs
        for result in run["results"]
    ]
    return {**first, "runs": [{"tool": {"driver": driver}, "results": results}]}


def _rule(rule: Rule, severity: Severity) -> dict[str, Any]:
    return {
        "id": rule.name,
        "shortDescription": {"text": rule.title},
        "help": {"text": f"A safe service {rule.secure}."},
        "helpUri": f"https://cwe.mitre.org/data/definitions/{rule.cwe}.html",
        "defaultConfiguration": {"level": severity.level.value},
        "properties": {
            "tags": ["security", f"CWE-{rule.cwe}", f"ASVS-5.0-{rule.asvs}"],
            "security-severity": f"{severity.score:.1f}",
            "cvss": severity.vector,
        },
    }


def _result(observation: Observation, rules: list[str], secrets: tuple[str, ...]) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": observation.rule,
        "ruleIndex": rules.index(observation.rule),
        "level": SEVERITIES[observation.rule].level.value,
        "message": {"text": masked(observation.sentence, secrets)[:MAX_TEXT]},
        "locations": [
            {"logicalLocations": [{"fullyQualifiedName": observation.place, "kind": "resource"}]}
        ],
        "partialFingerprints": {"place/v1": fingerprint(observation)},
    }
    if observation.exchange is not None:
        result["webRequest"] = {
            "method": observation.exchange.method,
            "target": masked(observation.exchange.url, secrets)[:MAX_TEXT],
            "body": {"text": _hidden(observation.exchange.sent, secrets)},
        }
        result["webResponse"] = {
            "statusCode": observation.exchange.status,
            "body": {"text": _hidden(observation.exchange.text, secrets)},
        }
    return result


def _hidden(body: str, secrets: tuple[str, ...]) -> str:
    """Return a body with masked secrets, recognised by JSON keys, or else by patterns."""
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return masked(body, secrets)[:MAX_TEXT]
    return masked(masked_body(content, MAX_TEXT), secrets)


def fingerprint(observation: Observation) -> str:
    """Return an id of a weakness and its cause or place; the id is the same in every run."""
    place = VOLATILE.sub("*", observation.cause or observation.place)
    return hashlib.sha256(f"{observation.rule}\n{place}".encode()).hexdigest()[:32]


def curl(exchange: Exchange) -> str:
    """Return the curl line of a request with masked secrets; the reader sets ``$TOKEN``."""
    sent_scheme = exchange.sent_headers.get("Authorization", "").partition(" ")[0]
    scheme = sent_scheme if sent_scheme in SCHEMES else SCHEMES[0]
    parts = ["curl", "-i", "-X", exchange.method, "-H", f"Authorization: {scheme} $TOKEN"]
    if exchange.sent:
        parts += ["-H", "Content-Type: application/json", "-d", _hidden(exchange.sent, ())[:500]]
    parts.append(masked(exchange.url))
    return " ".join(f'"{part}"' if "$TOKEN" in part else shlex.quote(part) for part in parts)
