"""``gates lint``: find mistakes in the policy and the target files."""

import argparse
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from gates import places
from gates.backtest import recording_file
from gates.errors import ConfigurationError, RecordingError, UnknownNameError
from gates.evidence.bucket_edges import edges_of_target
from gates.exitcodes import ExitCode
from gates.model import EventIndicator, Indicator
from gates.policy import policy_file, target_file
from gates.policy.linting import bucket_problems, policy_problems, target_problems


def lint(arguments: argparse.Namespace) -> int:
    """Run ``gates lint``: print the mistakes in the policy and in the target files.

    If a file cannot be read as a policy or a target, the command prints only its first mistake.

    Returns:
        2 where a file has a mistake, else 0.
    """
    problems: list[str] = []
    place = places.policy(arguments.policy)
    suites = places.suites_installed()
    indicators: Mapping[str, Indicator] = {}
    try:
        policy = policy_file.load(place.path)
        indicators = policy.indicators
        mistakes = [
            *policy_problems.problems(policy, suites),
            *policy_problems.trial_problems(policy, datetime.now(UTC)),
        ]
        problems += [f"{place.path}: {mistake}" for mistake in mistakes]
    except ConfigurationError as error:
        problems.append(str(error))
    for recorded in arguments.recording:
        problems += _missing_in_recording(indicators, Path(recorded))
    folder = places.targets(arguments.targets)
    names = target_file.names(folder.path)
    if not names:
        problems.append(
            f"{folder}: the folder has no target files; name another folder with --targets DIR"
        )
    for name in names:
        try:
            target = target_file.load(name, folder.path)
        except ConfigurationError as error:
            problems.append(str(error))
            continue
        mistakes = [*target_problems.problems(target, suites)]
        if name == arguments.target:
            mistakes += target_problems.missing(target)
            mistakes += _missing_edges(indicators, edges_of_target(indicators, target, time.time()))
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


def _missing_in_recording(indicators: Mapping[str, Indicator], path: Path) -> list[str]:
    """Return a problem for each indicator whose bucket is missing in a recording."""
    try:
        edges = recording_file.read(path, indicators).edges
    except RecordingError as error:
        return [str(error)]
    return [f"{path}: {problem}" for problem in _missing_edges(indicators, edges)]


def _missing_edges(
    indicators: Mapping[str, Indicator], edges: Mapping[str, frozenset[str]]
) -> list[str]:
    return [
        f"indicators.{indicator.name}: {problem}"
        for indicator in indicators.values()
        if isinstance(indicator, EventIndicator)
        and (problem := bucket_problems.missing(indicator, edges))
    ]
