"""``make proof-published``: the schemas that other projects publish, and what this project writes.

The project does not copy these files. The folder ``PUBLISHED`` has clones of three repositories:
``spec`` of cdevents (tag v0.5.1), ``argo-rollouts`` of argoproj and ``flagger`` of fluxcd.
"""

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import tests_path  # noqa: F401 - what lies in tests/support
import yaml
from format_documents import NASTY, document_of_all, ramp
from jsonschema import Draft202012Validator, FormatChecker, ValidationError
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012
from worlds import ROOT

from reports.formats import FORMATS, cdevents

FOLDER = os.environ.get("PUBLISHED", "")
ARGO = "argo-rollouts/manifests/crds"
DEFINITIONS = {
    "argo-rollouts/analysis-template.yaml": f"{ARGO}/analysis-template-crd.yaml",
    "argo-rollouts/rollout.yaml": f"{ARGO}/rollout-crd.yaml",
    "flagger/canary.yaml": "flagger/artifacts/flagger/crd.yaml",
}
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not FOLDER, reason="PUBLISHED names no folder with the published schemas"),
]


@cache
def event_schemas() -> tuple[dict[str, Any], Registry[Any]]:
    """The schema of each type of event, and all schemas by their ids."""
    by_type: dict[str, Any] = {}
    registry = Registry[Any]()
    for path in sorted(Path(FOLDER, "spec", "schemas").rglob("*.json")):
        schema = json.loads(path.read_text())
        resource = Resource.from_contents(schema, default_specification=DRAFT202012)
        registry = registry.with_resource(schema.get("$id", path.name), resource)
        context = schema.get("properties", {}).get("context", {}).get("properties", {})
        by_type |= dict.fromkeys(context.get("type", {}).get("enum", ()), schema)
    return by_type, registry


def validate_event(event: dict[str, Any]) -> None:
    by_type, registry = event_schemas()
    schema = by_type[event["context"]["type"]]
    Draft202012Validator(schema, registry=registry, format_checker=FormatChecker()).validate(event)


@pytest.mark.parametrize("text", NASTY, ids=range(len(NASTY)))
def test_cdevents(text: str) -> None:
    events = [
        *cdevents.of_ledger(ramp(text)),
        json.loads(FORMATS["cdevents"](document_of_all(text))),
    ]
    assert len(events) == 6
    for event in events:
        validate_event(event)
        with pytest.raises(ValidationError):
            validate_event({**event, "context": {**event["context"], "unknown": "field"}})


def refuse_unknown(schema: Any) -> None:
    """Make a schema refuse the fields that a cluster would remove without a word."""
    if isinstance(schema, list):
        for item in schema:
            refuse_unknown(item)
    if not isinstance(schema, dict):
        return
    if schema.get("x-kubernetes-int-or-string"):
        schema |= {"type": ["integer", "string"]}
    if "properties" in schema and not schema.get("x-kubernetes-preserve-unknown-fields"):
        schema.setdefault("additionalProperties", False)
    for item in schema.values():
        refuse_unknown(item)


@pytest.mark.parametrize("name", DEFINITIONS)
def test_custom_resources(name: str) -> None:
    content = yaml.safe_load((ROOT / "pipelines" / name).read_text())
    documents = yaml.safe_load_all(Path(FOLDER, DEFINITIONS[name]).read_text())
    spec = next(
        item["spec"] for item in documents if item["spec"]["names"]["kind"] == content["kind"]
    )
    group, version = content["apiVersion"].split("/")
    assert spec["group"] == group
    versions = {item["name"]: item["schema"] for item in spec["versions"]}
    schema = versions[version]["openAPIV3Schema"]
    refuse_unknown(schema)
    # The cluster itself validates the metadata.
    schema["properties"]["metadata"] = {"type": "object"}
    validator = Draft202012Validator(schema)
    assert [error.message for error in validator.iter_errors(content)] == []
    content["spec"]["unknown"] = 1
    assert [error.validator for error in validator.iter_errors(content)] == ["additionalProperties"]
