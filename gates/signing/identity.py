"""Finds the person who signs: the environment of a pipeline or the option ``--by`` has the name.

A pipeline knows who started it. The gate trusts the environment variables of the pipeline; a person
who can change these variables can use any name. A typed name is trusted less, because nobody has
verified the name.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gates.errors import ConfigurationError
from gates.judging.sign_off import INVISIBLE, has_mixed_scripts, person_key
from gates.model import Identity, Person

MAX_NAME = 80
SIGNER = "KIRANA_SIGNER"
Environment = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A pipeline that sets the name of the person who started it.

    Args:
        name: the pipeline's name.
        is_here: a function that returns whether this pipeline has set the environment variables.
        person: the environment variable with the name of the person.
        run: the environment variable with the id of the run; empty where no variable has the id.
    """

    name: str
    is_here: Callable[[Environment], bool]
    person: str
    run: str


# Sources: the documentation of GitHub Actions ("Variables reference") and of GitLab CI/CD
# ("Predefined variables").
PIPELINES = (
    Pipeline(
        "GitHub Actions",
        lambda environment: environment.get("GITHUB_ACTIONS") == "true",
        "GITHUB_ACTOR",
        "GITHUB_RUN_ID",
    ),
    Pipeline(
        "GitLab CI",
        lambda environment: environment.get("GITLAB_CI") == "true" or "CI_JOB_ID" in environment,
        "GITLAB_USER_LOGIN",
        "CI_JOB_ID",
    ),
    Pipeline(SIGNER, lambda environment: SIGNER in environment, SIGNER, ""),
)
# This variable names the person who started the run of another person again.
STARTED_AGAIN = "GITHUB_TRIGGERING_ACTOR"


def person_of(name: str | None) -> Person:
    """Return the person who signs: the person of the pipeline, or the typed name.

    Args:
        name: the typed name; None where no name was typed.

    Raises:
        ConfigurationError: no person is named, or two sources name different people.
    """
    people = [_of_pipeline(pipeline) for pipeline in PIPELINES if pipeline.is_here(os.environ)]
    if not people:
        return Person(_checked(name or "", "--by"))
    first = people[0]
    for other in people[1:]:
        if person_key(other.name) != person_key(first.name):
            raise ConfigurationError(
                f"{first.pipeline} names {first.name!r}, but {other.pipeline} names "
                f"{other.name!r}; the names must be equal"
            )
    if name is not None and person_key(name) != person_key(first.name):
        raise ConfigurationError(
            f"--by: expected {first.name!r}, the person whom {first.pipeline} names, got "
            f"{name[:MAX_NAME]!r}; leave out --by, or let that person start the pipeline"
        )
    return first


def _of_pipeline(pipeline: Pipeline) -> Person:
    name = _checked(os.environ.get(pipeline.person, ""), pipeline.person)
    again = os.environ.get(STARTED_AGAIN, name)
    if pipeline.person == "GITHUB_ACTOR" and person_key(again) != person_key(name):
        raise ConfigurationError(
            f"{name!r} started this run, and {again[:MAX_NAME]!r} started it again: the person is "
            "not certain; start a new run"
        )
    run = os.environ.get(pipeline.run, "")[:MAX_NAME] if pipeline.run else ""
    source = f"{pipeline.name} run {run}" if run else pipeline.name
    return Person(name, Identity.PIPELINE, source)


def _checked(name: str, source: str) -> str:
    """Return a name without surrounding blanks; refuse a name that may look like another name.

    Raises:
        ConfigurationError: the name is empty, too long, or has characters that are not accepted.
    """
    shown = " ".join(name.split(" "))
    looks_like_state = "(" in shown or ")" in shown  # as in "Asha Rao (verified, …)"
    if (
        not person_key(shown)
        or not shown.isprintable()
        or not INVISIBLE.isdisjoint(shown)
        or has_mixed_scripts(shown)
        or looks_like_state
        or len(shown) > MAX_NAME
    ):
        raise ConfigurationError(
            f"{source}: expected the name of the person who signs, at most {MAX_NAME} printable "
            f"characters of one alphabet, without parentheses, got {name[:MAX_NAME]!r}"
        )
    return shown.strip()
