"""A policy in which every name that its author chose is another one."""

import json
import tomllib
from collections.abc import Iterable, Mapping
from typing import Any

# Tables whose keys are names; every other key is a word of the policy's form.
NAMED = ("check_sets", "indicators", "objectives", "groups", "stages")


class Renaming:
    """Other names for everything in a policy that has one.

    Args:
        text: the policy.
    """

    def __init__(self, text: str) -> None:
        self._content: dict[str, Any] = tomllib.loads(text)
        self._names = {
            table: {
                name: f"{table[0]}{number}x" for number, name in enumerate(self._content[table], 1)
            }
            for table in NAMED
        }
        shares = self._content["ramp"]["shares"]
        template = self._content["ramp"]["stage"]
        for share in shares:
            percent = f"{100 * share:g}"
            self._names["stages"][template.replace("{percent}", percent)] = f"at.{percent}"

    def stage(self, name: str) -> str:
        """The other name of a stage."""
        return self._names["stages"][name]

    def objective(self, name: str) -> str:
        """The other name of an objective, or of a part of it such as one limit."""
        whole, colon, part = name.partition(": ")
        return self._names["objectives"][whole] + colon + part

    def text(self) -> str:
        """The policy with other names, as TOML."""
        content = dict(self._content)
        for table, names in self._names.items():
            content[table] = {names[key]: value for key, value in content[table].items()}
        members = {**self._names["objectives"], **self._names["groups"]}
        content["objectives"] = {
            name: self._objective(value) for name, value in content["objectives"].items()
        }
        content["groups"] = {name: _of(members, value) for name, value in content["groups"].items()}
        for name, stage in content["stages"].items():
            content["stages"][name] = {**stage, "objectives": _of(members, stage["objectives"])}
        ramp = content["ramp"]
        content["ramp"] = {
            **ramp,
            "stage": "at.{percent}",
            "ready": self.stage(ramp["ready"]),
            "objectives": _of(members, ramp["objectives"]),
        }
        return "".join(f"{key} = {_toml(value)}\n" for key, value in content.items())

    def _objective(self, objective: dict[str, Any]) -> dict[str, Any]:
        changes = {}
        for key, table in (("checks", "check_sets"), ("indicator", "indicators")):
            if key in objective:
                changes[key] = self._names[table][objective[key]]
        return {**objective, **changes}


def _of(names: Mapping[str, str], members: Iterable[str]) -> list[str]:
    return [names[member] for member in members]


def _toml(value: object) -> str:
    """A value of TOML, tables inline."""
    if isinstance(value, dict):
        inner = ", ".join(f"{json.dumps(key)} = {_toml(part)}" for key, part in value.items())
        return f"{{ {inner} }}"
    if isinstance(value, list):
        return f"[{', '.join(_toml(part) for part in value)}]"
    return json.dumps(value)
