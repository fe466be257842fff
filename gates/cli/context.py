"""Reads the policy and the target that a command line names."""

import argparse

from gates.decisions import Context, ContextOptions, open_context


def context_of(arguments: argparse.Namespace) -> Context:
    """Read the policy and the target of a command line, and return their context.

    Raises:
        ConfigurationError: the policy, the target file or an option is wrong.
    """
    return open_context(
        ContextOptions(
            target=arguments.target,
            policy=arguments.policy,
            targets=arguments.targets,
            runs=getattr(arguments, "runs", None),
            out=arguments.out,
            time_scale=getattr(arguments, "time_scale", 1.0),
        )
    )
