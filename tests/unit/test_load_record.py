"""The record of a load run: what was changed, cut, forged or is missing gives no GO."""

import dataclasses
import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest
from jsonschema import Draft202012Validator
from judging import GREEN, NOW, POLICY, SERVED, STAGES, decide
from worlds import ROOT

from gates.evidence import codec, load_record, load_runs
from gates.evidence.load_record import Announcement, LoadRecord, Measurements, PlanSummary
from gates.evidence.run_folder import Subject
from gates.model import Evidence, Outcome, RunState
from gates.sources.json_values import Amount, Count

BUILD = GREEN.expected

SUBJECT = Subject("green", GREEN.addresses.api, GREEN.digest, BUILD, POLICY.limits_digest)
MEASURED_JSON: dict[str, Any] = {
    "phases": [{
        "name": "plateau", "start_seconds": 60.0, "end_seconds": 180.0, "judged": "all",
        "users_planned": 1000, "users_reached": 1000, "due": 24000, "unfinished": 0,
        "oldest_unfinished_seconds": 0.0, "longest_gap_seconds": 0.2,
        "operations": {
            name: {"done": done, "failed": 0, "unanswered": 0, "samples": done, "p50": 0.01,
                   "p95": 0.1, "p95_at_least": 0.09, "p95_at_most": 0.11, "p99": 0.2, "max": 0.5}
            for name, done in (("total", 24000), ("search", 5000), ("place_order", 400),
                               ("process_payment", 400))},
    }],
    "reasons": {}, "bad_by_second": [[0, 0]], "memory": [], "recovery_seconds": None,
    "ended_after": 180.0,
    "generator": {"processor_share": [0.1], "memory_bytes": [10**8], "lag_p99_seconds": 0.003,
                  "lag_max_seconds": 0.02, "workers_gone": 0},
}  # a table, one row a line # fmt: skip
MEASURED = codec.from_record(Measurements, MEASURED_JSON)
ANNOUNCEMENT = Announcement("load 1", "load", PlanSummary(1000, 180.0, 1, 120.0, "l1"))


def written(folder: Path, *, key: str = "") -> Path:
    load_record.begin(folder / "l1", "l1", SUBJECT, ANNOUNCEMENT)
    load_record.end(folder / "l1", BUILD, MEASURED, "", key)
    return folder / "l1" / load_record.FILE


def outcome_of(folder: Path, key: str = "") -> Outcome:
    read = load_runs.read_loads(folder, key)
    assert len(read) == 1
    # Written just now, read at the tests' noon.
    ended = read[0].ended_at and NOW - timedelta(minutes=1)
    moved = replace(read[0], started_at=NOW - timedelta(minutes=4), ended_at=ended)
    return decide(Evidence(GREEN, SERVED, (), {}, (moved,)), STAGES["load-test"]).outcome


def test_a_record_is_read_as_it_was_written_and_fits_its_schema(tmp_path: Path) -> None:
    path = written(tmp_path)
    schema = json.loads((ROOT / "gates" / "schemas" / "load.schema.json").read_text())
    Draft202012Validator(schema).validate(json.loads(path.read_text()))
    assert outcome_of(tmp_path) is Outcome.GO


ORIGINS: dict[Any, dict[str, Any]] = {
    Count: {"type": "integer", "minimum": 0},
    Amount: {"type": "number", "minimum": 0},
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    str: {"type": "string"},
    datetime: {"type": "string"},
}
NOTES = ("description", "title", "format", "pattern", "$schema", "$defs", "dependentRequired")


def schema_of(kind: Any) -> dict[str, Any]:  # noqa: PLR0911 - a case each
    """The JSON schema of a type, as far as the type tells it."""
    arguments = get_args(kind)
    if kind in ORIGINS:
        return ORIGINS[kind]
    if dataclasses.is_dataclass(kind):
        hints = get_type_hints(kind, include_extras=True)
        fields = dataclasses.fields(kind)
        required = [field.name for field in fields if field.default is dataclasses.MISSING]
        return {
            "type": "object",
            "additionalProperties": False,
            "required": required,
            "properties": {field.name: schema_of(hints[field.name]) for field in fields},
        }
    if get_origin(kind) is Literal:
        return {"enum": list(arguments)}
    if get_origin(kind) is Mapping:
        return {"type": "object", "additionalProperties": schema_of(arguments[1])}
    if get_origin(kind) is tuple:
        if arguments[1] is Ellipsis:
            return {"type": "array", "items": schema_of(arguments[0])}
        size = len(arguments)
        return {
            "type": "array",
            "items": schema_of(arguments[0]),
            "minItems": size,
            "maxItems": size,
        }
    (kind,) = (argument for argument in arguments if argument is not type(None))
    return schema_of(kind)


def shape(schema: Any, definitions: dict[str, Any]) -> Any:
    """A schema without its notes, with its references resolved, and without null."""
    if isinstance(schema, list):
        return [kind for kind in schema if kind != "null"]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return shape(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    if "const" in schema:
        return {"type": "integer"}
    content = {}
    for name, inside in schema.items():
        if name == "properties":
            content[name] = {key: shape(part, definitions) for key, part in inside.items()}
        elif name == "type" and isinstance(inside, list):
            content[name] = next(part for part in inside if part != "null")
        elif name not in NOTES:
            content[name] = inside if name == "enum" else shape(inside, definitions)
    return content


def sorted_lists(value: Any) -> Any:
    if isinstance(value, list):
        return sorted(value)
    if isinstance(value, dict):
        return {name: sorted_lists(part) for name, part in value.items()}
    return value


def test_the_schema_is_that_of_the_types() -> None:
    schema = json.loads((ROOT / "gates" / "schemas" / "load.schema.json").read_text())
    published = sorted_lists(shape(schema, schema["$defs"]))
    assert published == sorted_lists(schema_of(LoadRecord))
    # Negative control: a type with one field more or less has another schema.
    assert schema_of(PlanSummary) != schema_of(Announcement)


def test_a_record_of_an_older_gate_is_read(tmp_path: Path) -> None:
    """It has ``null`` for a bound without samples enough, and no quantiles without samples."""
    path = written(tmp_path)
    content = json.loads(path.read_text())
    operations = content["measured"]["phases"][0]["operations"]
    operations["search"]["p95_at_most"] = None
    operations["facets"] = {"done": 0, "failed": 0, "unanswered": 0, "samples": 0}
    reseal(content)
    path.write_text(json.dumps(content))
    (run,) = load_runs.read_loads(tmp_path, "")
    assert run.state is RunState.FINISHED
    assert run.phases[0].operations["search"].p95_at_most is None
    assert run.phases[0].operations["facets"].p95 is None


def test_a_record_without_an_end_is_a_hold(tmp_path: Path) -> None:
    load_record.begin(tmp_path / "l1", "l1", SUBJECT, ANNOUNCEMENT)
    assert outcome_of(tmp_path) is Outcome.HOLD


def reseal(content: dict[str, Any]) -> None:
    content.update(load_record.sealed(content, ""))


BROKEN: dict[str, Callable[[dict[str, Any]], object]] = {
    "changed": lambda record: record["measured"]["phases"][0].update(unfinished=0, due=100),
    "no seal": lambda record: record.pop("sha256"),
    "another run's": lambda record: record.update(run="l2"),
    "another schema": lambda record: record.update(schema=2),
    "no plan": lambda record: record.pop("plan"),
    "no phases": lambda record: record["measured"].pop("phases"),
}
# Sealed again by who changed it: what is no record of measurements is none with a seal either.
RESEALED: dict[str, Callable[[dict[str, Any]], object]] = {
    "negative": lambda record: record["measured"]["phases"][0].update(unfinished=-1),
    "a text for a number": lambda record: record["measured"]["phases"][0].update(due="24000"),
    "true for a number": lambda record: record["measured"]["phases"][0].update(due=True),
    "a number beyond all numbers": lambda record: record["plan"].update(judged_seconds=10**400),
    "judged by what": lambda record: record["measured"]["phases"][0].update(judged=True),
    "time without zone": lambda record: record.update(ended_at="2026-11-22T12:00:00"),
}


@pytest.mark.parametrize("name", [*BROKEN, *RESEALED])
def test_a_broken_record_is_a_hold(tmp_path: Path, name: str) -> None:
    path = written(tmp_path)
    content = json.loads(path.read_text())
    {**BROKEN, **RESEALED}[name](content)
    if name in RESEALED:
        reseal(content)
    path.write_text(json.dumps(content))
    assert load_runs.read_loads(tmp_path, "")[0].state is RunState.DAMAGED
    assert outcome_of(tmp_path) is Outcome.HOLD


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where anything stands in a record."""
    inside = value.items() if isinstance(value, dict) else enumerate(value)
    for name, part in inside:
        yield (*path, name)
        if isinstance(part, dict | list):
            yield from places(part, (*path, name))


def with_change(content: dict[str, Any], path: tuple[Any, ...], value: object) -> dict[str, Any]:
    """A copy with another value at a place; without the place, for Ellipsis."""
    changed: dict[str, Any] = json.loads(json.dumps(content))
    inside: Any = changed
    for name in path[:-1]:
        inside = inside[name]
    if value is ...:
        del inside[path[-1]]
    else:
        inside[path[-1]] = value
    return changed


def test_no_change_of_a_sealed_record_is_a_go_and_none_of_a_resealed_one_is_a_crash(
    tmp_path: Path,
) -> None:
    path = written(tmp_path)
    content = json.loads(path.read_text())
    values: tuple[object, ...] = (..., None, True, "x", -1, 0, 1e308, [], {})
    tried = 0
    for place in places(content):
        for value in values:
            changed = with_change(content, place, value)
            if json.dumps(changed) == json.dumps(content):
                continue
            path.write_text(json.dumps(changed))
            assert outcome_of(tmp_path) is not Outcome.GO, (place, value)
            if place != ("sha256",):
                reseal(changed)
            path.write_text(json.dumps(changed))
            outcome_of(tmp_path)
            tried += 1
    assert tried > 500


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b"{",
        b"null",
        b"NaN",
        b"\xff",
        b'{"schema": NaN}',
        b"[" * 100_000,
        b" " * (load_runs.MAX_BYTES + 1),
    ],
)
def test_anything_else_in_its_place_is_a_hold(tmp_path: Path, raw: bytes) -> None:
    written(tmp_path).write_bytes(raw)
    assert outcome_of(tmp_path) is Outcome.HOLD


def test_with_a_key_only_records_signed_with_it_count(tmp_path: Path) -> None:
    written(tmp_path, key="k")
    assert outcome_of(tmp_path, "k") is Outcome.GO
    assert outcome_of(tmp_path, "other") is Outcome.HOLD
    written(tmp_path)
    assert outcome_of(tmp_path, "k") is Outcome.HOLD


def test_a_record_that_was_taken_away_is_a_hold(tmp_path: Path) -> None:
    written(tmp_path).unlink()
    assert [run.state for run in load_runs.read_loads(tmp_path, "")] == [RunState.DAMAGED]
    assert outcome_of(tmp_path) is Outcome.HOLD
    shutil.rmtree(tmp_path / "l1")
    assert load_runs.read_loads(tmp_path, "") == ()


def test_a_folder_in_its_place_is_a_hold(tmp_path: Path) -> None:
    path = written(tmp_path)
    path.unlink()
    path.mkdir()
    assert outcome_of(tmp_path) is Outcome.HOLD


def test_the_folder_of_a_suite_run_is_none_of_a_load_run(tmp_path: Path) -> None:
    (tmp_path / "r1").mkdir()
    (tmp_path / "r1" / "checks.jsonl").write_text("{}")
    written(tmp_path)
    assert [run.run_id for run in load_runs.read_loads(tmp_path, "")] == ["l1"]


def test_more_runs_than_can_be_read_are_a_hold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(tmp_path)
    monkeypatch.setattr(load_runs, "MAX_RUNS", 0)
    assert outcome_of(tmp_path) is Outcome.HOLD
