"""The functions that a program calls instead of the ``gates`` command; ``gates`` exports them."""

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
    """Decide whether the release may go on past a stage, as ``gates check`` does.

    The function writes the evidence and the decision to the ledger before it returns.

    Args:
        stage: the name of a stage of the policy, such as ``ramp-10``.
        target: the name of a target file, such as ``green``.
        policy: the policy file. None means the file that KIRANA_POLICY names, or else the
            installed policy.
        targets: the folder of target files. None means the folder that KIRANA_TARGETS names, or
            else the installed folder.
        out: the folder of generated files. None means the folder that KIRANA_OUT names, or else
            ``./out``.
        runs: the folder of suite runs and load runs. None means ``runs`` in the folder ``out``.
        time_scale: the factor by which every duration of the policy is divided; over 1 in a
            rehearsal.
        wait_seconds: the longest time, in seconds, in which the function repeats a decision that is
            a hold. 0 decides once.

    Returns:
        The decision; ``entry_id`` is the id of its entry in the ledger. Only ``Outcome.GO`` means
        that the release may go on.

    Raises:
        UnknownNameError: no stage or no target has this name.
        ConfigurationError: the policy, the target file or an argument is wrong.
        LedgerError: the gate could not write the decision to the ledger, so there is no decision.
    """
    options = ContextOptions(
        target,
        policy=_text(policy),
        targets=_text(targets),
        runs=_text(runs),
        out=_text(out),
        time_scale=time_scale,
    )
    context = open_context(options)
    required_stage = context.stage(stage)
    answer = decide_within(context, required_stage, wait_seconds, lambda *_: None)
    document = record(context, answer)
    return replace(answer.decision, entry_id=document.entry_id)


def load_policy(path: FilePath | None = None) -> Policy:
    """Read a policy file.

    Args:
        path: the policy file. None means the file that KIRANA_POLICY names, or else the installed
            policy.

    Returns:
        The policy, with its stages and objectives.

    Raises:
        ConfigurationError: the file cannot be read, or is wrong; the message names the file
            and the key.
    """
    return policy_file.load(places.policy(_text(path)).path)


def load_target(name: str, folder: FilePath | None = None) -> Target:
    """Read a target file, and read from the environment the secrets that the file names.

    Args:
        name: the name of the target, such as ``green``.
        folder: the folder of target files. None means the folder that KIRANA_TARGETS names, or else
            the installed folder.

    Returns:
        The target, with the secrets that the environment has.

    Raises:
        UnknownNameError: the folder has no target of this name.
        ConfigurationError: the file cannot be read, or is wrong; the message names the file
            and the key.
    """
    return target_file.load(name, places.targets(_text(folder)).path)


def _text(path: FilePath | None) -> str | None:
    """Return a path as the text of a command-line option; None stays None."""
    return None if path is None else os.fspath(path)


__all__ = ["check", "load_policy", "load_target"]
