"""``gates lint``: find mistakes in the policy and the target files."""

import argparse
import sys
from datetime import UTC, datetime

from gates import places
from gates.errors import ConfigurationError, UnknownNameError
from gates.exitcodes import ExitCode
from gates.policy import policy_file, target_file
from gates.policy.linting import policy_problems, target_problems


def lint(arguments: argparse.Namespace) -> int:
    """``gates lint``: print the mistakes; of a file that cannot be parsed, only the first one."""
    problems = []
    place = places.policy(arguments.policy)
    suites = places.suites_installed()
    try:
        policy = policy_file.load(place.path)
        mistakes = [
            *policy_problems.problems(policy, suites),
            *policy_problems.trial_problems(policy, datetime.now(UTC)),
        ]
        problems += [f"{place.path}: {mistake}" for mistake in mistakes]
    except ConfigurationError as error:
        problems.append(str(error))
    folder = places.targets(arguments.targets)
    names = target_file.names(folder.path)
    if not names:
        problems.append(f"{folder}: no target files")
    for name in names:
        try:
            target = target_file.load(name, folder.path)
        except ConfigurationError as error:
            problems.append(str(error))
            continue
        mistakes = [*target_problems.problems(target, suites)]
        if name == arguments.target:
            mistakes += target_problems.missing(target)
        problems += [f"{folder.path / name}.toml: {mistake}" for mistake in mistakes]
    if arguments.target and arguments.target not in names:
        problems.append(str(UnknownNameError("target", arguments.target, names, str(folder.path))))
    for problem in problems:
        print(problem)
    sys.stdout.flush()
    if problems:
        return ExitCode.USAGE
    print(f"no mistakes in {place.path} and {len(names)} targets of {folder.path}")
    return 0
