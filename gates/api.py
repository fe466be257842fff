"""What a program calls instead of the ``gates`` command; ``gates`` exports it."""

import os
from dataclasses import replace

from gates import places
from gates.decisions import ContextOptions, decide_within, open_context, record
from gates.model import Decision, Policy, Target
from gates.policy import policy_file, target_file

FilePath = str | os.PathLike[str]


def check(  # noqa: PLR0913 - the options of the command, each by its name
    stage: str,
    target: str,
    *,
    policy: FilePath | None = None,
    targets: FilePath | None = None,
    out: FilePath | None = None,
    runs: FilePath | None = None,
    time_scale: float = 1.0,
    wait_seconds: float = 0.0,
) -> Decision:
    """Ask whether the release may go on past a stage, as ``gates check`` does.

    The evidence and the decision are in the ledger before this function returns.

    Args:
        stage: the name of a stage of the policy, such as ``ramp-10``.
        target: the name of a target file, such as ``green``.
        policy: the policy file; else KIRANA_POLICY, else the installed policy.
        targets: the folder of target files; else KIRANA_TARGETS, else the installed folder.
        out: the folder of generated files; else KIRANA_OUT, else ``./out``.
        runs: the folder of suite runs and load runs; else ``runs`` in the folder ``out``.
        time_scale: the factor by which every duration of the policy is divided; over 1 in a
            rehearsal.
        wait_seconds: how long to ask again while the answer is a hold.

    Returns:
        The decision; ``entry_id`` is the id of its entry in the ledger. Only ``Outcome.GO`` means
        that the release may go on.

    Raises:
        UnknownNameError: no stage or no target has this name.
        ConfigurationError: the policy, the target file or an argument is wrong.
        LedgerError: the decision could not be written, so there is no decision.
    """
    options = ContextOptions(
        target, policy=_text(policy), targets=_text(targets), runs=_text(runs), out=_text(out),
        time_scale=time_scale,
    )  # fmt: skip
    context = open_context(options)
    required_stage = context.stage(stage)
    answer = decide_within(context, required_stage, wait_seconds, lambda *_: None)
    document = record(context, answer)
    return replace(answer.decision, entry_id=document.entry_id)


def load_policy(path: FilePath | None = None) -> Policy:
    """Read a policy file.

    Args:
        path: the file; else KIRANA_POLICY, else the installed policy.

    Raises:
        ConfigurationError: the file cannot be read, or is wrong; the message names file and key.
    """
    return policy_file.load(places.policy(_text(path)).path)


def load_target(name: str, folder: FilePath | None = None) -> Target:
    """Read a target file, and the secrets that it names from the environment.

    Args:
        name: the name of the target, such as ``green``.
        folder: the folder of target files; else KIRANA_TARGETS, else the installed folder.

    Raises:
        UnknownNameError: the folder has no such target.
        ConfigurationError: the file cannot be read, or is wrong; the message names file and key.
    """
    return target_file.load(name, places.targets(_text(folder)).path)


def _text(path: FilePath | None) -> str | None:
    """A path as an option of the command."""
    return None if path is None else os.fspath(path)


__all__ = ["check", "load_policy", "load_target"]
