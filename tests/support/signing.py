"""A place whose policy has a stage that people sign, and the commands with which they sign."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

from in_process import gates
from proving import Place, passing
from worlds import ROOT, Done

from gates.ledger import SignOffEntry, entries

RELEASE = ROOT / "policies" / "release.toml"
STAGE = "people"
TRAINED = "The team is trained for the release."
TABLES = f"""
[objectives.team-informed]
kind = "sign_off"
guide = "12"
item = "{TRAINED}"
reason = "No machine knows what a person has learned."
[objectives.plan-reviewed]
kind = "sign_off"
guide = "12"
item = "Two people have reviewed the plan of the rollback."
reason = "No machine understands the plan."
people = 2
[stages.people]
title = "signed by people"
guide = "12"
objectives = ["served-build", "smoke", "team-informed"]
[stages.two-people]
title = "signed by two people"
guide = "12"
objectives = ["served-build", "plan-reviewed"]
"""
NOTHING: Mapping[str, str] = MappingProxyType({})


@contextmanager
def signing(folder: Path) -> Iterator[Place]:
    """A place in which only sign-offs are missing."""
    with passing(folder) as place:
        place.policy = folder / "policy.toml"
        place.policy.write_text(RELEASE.read_text() + TABLES)
        yield place


def command(place: Place, *arguments: str, variables: Mapping[str, str] = NOTHING) -> Done:
    """Run a command of ``gates`` in a place."""
    places = ["--out", str(place.out)]
    if arguments[0] != "revoke":
        places += [
            "--targets",
            str(place.folder / "targets"),
            "--policy",
            str(place.policy),
            "--target",
            "green",
        ]
    return gates(*arguments, *places, variables=variables)


def sign(
    place: Place,
    *options: str,
    by: str = "Asha Rao",
    item: str = "team-informed",
    stage: str = STAGE,
    variables: Mapping[str, str] = NOTHING,
) -> Done:
    """Sign an item in a place."""
    return command(
        place,
        "sign",
        item,
        "--stage",
        stage,
        "--by",
        by,
        "--note",
        "seen",
        *options,
        variables=variables,
    )


def newest_sign_off(place: Place) -> str:
    """The ledger entry of the newest sign-off."""
    records = [entry for entry in entries(place.out) if isinstance(entry.entry, SignOffEntry)]
    return records[-1].entry_id


def status(place: Place, stage: str = STAGE) -> dict[str, Any]:
    """The status of a stage: an object for each objective, by name."""
    done = command(place, "status", "--stage", stage, "--json")
    assert done.code == 0, done.err
    (content,) = json.loads(done.out)["stages"]
    return {objective["objective"]: objective for objective in content["objectives"]}
