"""Objectives of kind ``sign_off``: how a policy states them, and what is refused."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from worlds import ROOT

from gates.errors import ConfigurationError
from gates.model import SignOffObjective
from gates.policy import policy_file

TEXT = (ROOT / "policies" / "release.toml").read_text()
OBJECTIVE = """
[objectives.team-informed]
kind = "sign_off"
guide = "12"
item = "The team is trained for the release."
reason = "No machine knows what a person has learned."
"""
STAGE = """
[stages.people]
title = "signed by people"
guide = "12"
objectives = ["served-build", "team-informed"]
"""


def policy_with(folder: Path, objective: str) -> Path:
    """A policy file with one more objective, and a stage that asks for it."""
    path = folder / "policy.toml"
    path.write_text(TEXT + objective + STAGE)
    return path


def test_a_policy_states_what_people_sign(tmp_path: Path) -> None:
    policy = policy_file.load(policy_with(tmp_path, OBJECTIVE))
    stage = policy_file.stage_named(policy, "people", "here")
    assert stage.objectives[-1] == SignOffObjective(
        name="team-informed",
        guide="12",
        item="The team is trained for the release.",
        reason="No machine knows what a person has learned.",
        max_age=timedelta(hours=48),
        people=1,
    )


def test_a_policy_states_how_many_people_sign_and_how_old_a_sign_off_may_be(
    tmp_path: Path,
) -> None:
    keys = 'kind = "sign_off"\npeople = 2\nmax_age_seconds = 3600'
    text = OBJECTIVE.replace('kind = "sign_off"', keys)
    stage = policy_file.load(policy_with(tmp_path, text)).stages[-1]
    objective = stage.objectives[-1]
    assert isinstance(objective, SignOffObjective)
    assert (objective.people, objective.max_age) == (2, timedelta(hours=1))


@pytest.mark.parametrize(
    ("right", "wrong", "message"),
    [
        ('item = "The team is trained for the release."\n', "", "item: missing"),
        ('reason = "No machine knows what a person has learned."', 'reason = " "', "an empty text"),
        ('guide = "12"\n', "", "guide: missing"),
        ('guide = "12"', 'guide = "12"\npeople = 0', "people: expected a whole number from 1"),
        ('guide = "12"', 'guide = "12"\nmax_age = 5', "max_age: unknown key"),
    ],
)
def test_a_mistake_in_an_item_is_named(
    tmp_path: Path, right: str, wrong: str, message: str
) -> None:
    assert right in OBJECTIVE
    with pytest.raises(ConfigurationError, match=re.escape(message)):
        policy_file.load(policy_with(tmp_path, OBJECTIVE.replace(right, wrong, 1)))
