"""``gates lint``: mistakes in the policy and the target files."""

import argparse
import sys

from gates import places
from gates.errors import ConfigurationError, UnknownNameError
from gates.exitcodes import ExitCode
from gates.policy import policy_file, target_file
from gates.policy.linting import policy_problems, target_problems


def lint(arguments: argparse.Namespace) -> int:
    """``gates lint``: read everything; the first mistake of each file is printed."""
    problems = []
    place = places.policy(arguments.policy)
    suites = places.INSTALLED / "suites"
    try:
        found = policy_problems.problems(
            policy_file.load(place.path), suites if suites.is_dir() else None
        )
        problems += [f"{place.path}: {problem}" for problem in found]
    except ConfigurationError as error:
        problems.append(str(error))
    folder = places.targets(arguments.targets)
    names = target_file.names(folder.path)
    if not names:
        problems.append(f"{folder}: no target files")
    installed = suites if suites.is_dir() else None
    for name in names:
        try:
            loaded = target_file.load(name, folder.path)
        except ConfigurationError as error:
            problems.append(str(error))
            continue
        wrong = [*target_problems.problems(loaded, installed)]
        if name == arguments.target:
            wrong += target_problems.missing(loaded)
        problems += [f"{folder.path / name}.toml: {problem}" for problem in wrong]
    if arguments.target and arguments.target not in names:
        problems.append(str(UnknownNameError("target", arguments.target, names, str(folder.path))))
    for problem in problems:
        print(problem)
    sys.stdout.flush()
    if problems:
        return ExitCode.USAGE
    print(f"no mistakes in {place.path} and {len(names)} targets of {folder.path}")
    return 0
