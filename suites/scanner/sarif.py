"""Findings as SARIF 2.1.0: stable rules and fingerprints, requests with their secrets masked.

Source: OASIS, Static Analysis Results Interchange Format 2.1.0.
"""

import hashlib
import json
import re
import shlex
from collections.abc import Iterable
from typing import Any

from suites.client.masking import masked, shown
from suites.probes.api import Exchange, Observation
from suites.probes.rules import RULES, Rule

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
MOST_TEXT = 2000
# What changes with every run: ids made by tests, and long random words.
VOLATILE = re.compile(r"(usr|prd|evt|ord|pay|ses)_[\w-]+|[0-9a-f]{8,}|\d{6,}")


def sarif(observations: Iterable[Observation], secrets: tuple[str, ...]) -> dict[str, Any]:
    """A SARIF log of what was found.

    Args:
        observations: what probes saw; only findings become results.
        secrets: texts that must not be in it.
    """
    seen = list(observations)
    looked_for = sorted({one.rule for one in seen})
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "kirana-probes",
                        "informationUri": "https://github.com/OWASP/ASVS",
                        "rules": [_rule(RULES[name]) for name in looked_for],
                    }
                },
                "results": [_result(one, looked_for, secrets) for one in seen if one.found],
            }
        ],
    }


def _rule(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.name,
        "shortDescription": {"text": rule.title},
        "help": {"text": f"A safe service {rule.secure}."},
        "helpUri": f"https://cwe.mitre.org/data/definitions/{rule.cwe}.html",
        "properties": {"tags": ["security", f"CWE-{rule.cwe}", f"ASVS-5.0-{rule.asvs}"]},
    }


def _result(one: Observation, rules: list[str], secrets: tuple[str, ...]) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": one.rule,
        "ruleIndex": rules.index(one.rule),
        "level": "error",
        "message": {"text": masked(one.sentence, secrets)[:MOST_TEXT]},
        "locations": [
            {"logicalLocations": [{"fullyQualifiedName": one.place, "kind": "resource"}]}
        ],
        "partialFingerprints": {"place/v1": fingerprint(one)},
    }
    if one.exchange is not None:
        result["webRequest"] = {
            "method": one.exchange.method,
            "target": masked(one.exchange.url, secrets)[:MOST_TEXT],
            "body": {"text": _hidden(one.exchange.sent, secrets)},
        }
        result["webResponse"] = {
            "statusCode": one.exchange.status,
            "body": {"text": _hidden(one.exchange.text, secrets)},
        }
    return result


def _hidden(body: str, secrets: tuple[str, ...]) -> str:
    """A body without secrets: by their names where it is JSON, else by what they look like."""
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return masked(body, secrets)[:MOST_TEXT]
    return masked(shown(content, MOST_TEXT), secrets)


def fingerprint(one: Observation) -> str:
    """The same for the same weakness at the same place, whichever run finds it."""
    place = VOLATILE.sub("*", one.place)
    return hashlib.sha256(f"{one.rule}\n{place}".encode()).hexdigest()[:32]


def curl(exchange: Exchange) -> str:
    """The curl line of a probe's request, its secrets masked; a token is left to the reader."""
    parts = ["curl", "-i", "-X", exchange.method, "-H", "Authorization: Bearer $TOKEN"]
    if exchange.sent:
        parts += ["-H", "Content-Type: application/json", "-d", _hidden(exchange.sent, ())[:500]]
    parts.append(masked(exchange.url))
    return " ".join(f'"{part}"' if "$TOKEN" in part else shlex.quote(part) for part in parts)
