"""``gates stages``: list the stages of the policy."""

import argparse

from gates import places
from gates.policy import policy_file
from reports.terminal import trial_text


def stages(arguments: argparse.Namespace) -> int:
    """Run ``gates stages``: print the stages of the policy in order, each with its objectives."""
    place = places.policy(arguments.policy)
    loaded = policy_file.load(place.path)
    print(f"{loaded.name}, {place}, sha256:{loaded.digest}")
    for stage in loaded.stages:
        print(f"{stage.name:<18}{stage.title} (guide {stage.guide})")
        for objective in stage.objectives:
            trial = stage.advisories.get(objective.name)
            note = f"  (advisory, {trial_text(trial)})" if trial else ""
            print(f"{'':<18}  {objective.name}{note}")
    return 0
