"""``gates init``: write target files and a first policy for a store that is new to the gate."""

import argparse
import os
from pathlib import Path

from gates.errors import ConfigurationError
from gates.exitcodes import ExitCode
from gates.new_store.policy_text import MARK
from gates.new_store.proposal import NewStore, Proposal, proposal_of
from reports.terminal import printable


def init(arguments: argparse.Namespace) -> int:
    """Run ``gates init``: read from the store, write the files, and print what is missing.

    Returns:
        0 where nothing is missing, else 3.

    Raises:
        ConfigurationError: a file exists that this command did not write, or a file cannot be
            written.
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
    """Refuse to replace a file that this command did not write."""
    if path.exists() and not path.read_text(errors="replace").startswith(MARK):
        raise ConfigurationError(
            f"{path} exists, and gates init did not write it; name other files with --targets "
            "DIR and --policy FILE"
        )


def _write(proposal: Proposal) -> None:
    for path, text in proposal.files.items():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise ConfigurationError(
                f"{path}: the file cannot be written: {error.strerror}"
            ) from error
