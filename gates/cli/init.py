"""``gates init``: write target files and a starting policy for a store the gate does not know."""

import argparse
import os
from pathlib import Path

from gates.errors import ConfigurationError
from gates.exitcodes import ExitCode
from gates.new_store.policy_text import MARK
from gates.new_store.proposal import NewStore, Proposal, proposal_of
from reports.terminal import printable


def init(arguments: argparse.Namespace) -> int:
    """``gates init --url URL --prometheus URL``: ask, write, and say what is missing.

    Raises:
        ConfigurationError: a file exists that another hand wrote, or a file cannot be written.
    """
    targets = Path(arguments.targets or os.environ.get("KIRANA_TARGETS") or "targets")
    policy = Path(arguments.policy or os.environ.get("KIRANA_POLICY") or "policies/store.toml")
    store = NewStore(
        url=arguments.url,
        prometheus=arguments.prometheus,
        targets=targets,
        policy=policy,
        target=arguments.target,
        baseline=arguments.baseline,
        baseline_url=arguments.baseline_url or "",
        control=arguments.control or "",
        openapi=Path(arguments.openapi) if arguments.openapi else None,
    )
    for path in (targets / f"{store.target}.toml", targets / f"{store.baseline}.toml", policy):
        _refuse_other_hands(path)
    proposal = proposal_of(store)
    _write(proposal)
    lines = [
        *proposal.lines,
        *(f"written: {path}" for path in proposal.files),
        *(f"MISSING: {sentence}" for sentence in proposal.missing),
    ]
    for line in lines:
        print(printable(line))
    if proposal.missing:
        return ExitCode.HOLD
    print(f"next: gates doctor --target {store.target} --targets {targets} --policy {policy}")
    return ExitCode.GO


def _refuse_other_hands(path: Path) -> None:
    """Leave a file as it is that this command did not write."""
    if path.exists() and not path.read_text(errors="replace").startswith(MARK):
        raise ConfigurationError(
            f"{path} exists, and gates init did not write it; name another place with --targets "
            "DIR and --policy FILE"
        )


def _write(proposal: Proposal) -> None:
    for path, text in proposal.files.items():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise ConfigurationError(f"{path}: cannot be written: {error.strerror}") from error
