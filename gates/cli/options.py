"""What several commands read from the command line."""

import argparse

from gates.decisions import Context, ContextOptions, open_context

# As often as Prometheus scrapes by default, in seconds of the policy's time.
POLL_SECONDS = 15.0
MIN_POLL_SECONDS = 0.5


def context_of(arguments: argparse.Namespace) -> Context:
    """The context that a command line names."""
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


def poll_seconds(context: Context) -> float:
    """Seconds between two questions."""
    return max(MIN_POLL_SECONDS, POLL_SECONDS / context.time_scale)
