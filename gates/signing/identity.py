"""The person who signs: named by the environment of a pipeline, or by the option ``--by``.

A pipeline knows who started it. The gate believes the pipeline's environment: whoever can change
that environment can name anybody. A typed name is believed less: nobody has verified it.
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
        is_here: whether the environment is of this pipeline.
        person: the variable that names the person.
        run: the variable that names the run; empty where there is none.
    """

    name: str
    is_here: Callable[[Environment], bool]
    person: str
    run: str


# Sources: the documentation of GitHub Actions ("Variables reference") and of GitLab CI/CD
# ("Predefined variables").
PIPELINES = (
    Pipeline("GitHub Actions", lambda environment: environment.get("GITHUB_ACTIONS") == "true",
             "GITHUB_ACTOR", "GITHUB_RUN_ID"),
    Pipeline("GitLab CI", lambda environment: environment.get("GITLAB_CI") == "true"
             or "CI_JOB_ID" in environment, "GITLAB_USER_LOGIN", "CI_JOB_ID"),
    Pipeline(SIGNER, lambda environment: SIGNER in environment, SIGNER, ""),
)  # fmt: skip
# A run that another person started again has this variable beside the first person's name.
STARTED_AGAIN = "GITHUB_TRIGGERING_ACTOR"


def person_of(name: str | None) -> Person:
    """The person who signs.

    Args:
        name: the typed name; None where no name was typed.

    Raises:
        ConfigurationError: nobody names the person, or the typed name is not the pipeline's.
    """
    people = [_of_pipeline(pipeline) for pipeline in PIPELINES if pipeline.is_here(os.environ)]
    if not people:
        return Person(_checked(name or "", "--by"))
    first = people[0]
    for other in people[1:]:
        if person_key(other.name) != person_key(first.name):
            raise ConfigurationError(
                f"{first.pipeline} names {first.name!r}, but {other.pipeline} names {other.name!r}"
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
    """A name that distinguishes a person.

    Raises:
        ConfigurationError: it is empty, too long, or has characters that cannot be printed.
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
            f"characters of a single alphabet without parentheses, got {name[:MAX_NAME]!r}"
        )
    return shown.strip()
