"""``gates explain``, ``log``, ``stages`` and ``lint``: what there is, and what was decided why."""

import argparse
import sys
from pathlib import Path
from typing import Any

from gates import asking, ledger, linting, places, policy, target, target_linting
from gates.cli.asking import colours
from gates.errors import ConfigurationError, UnknownNameError
from gates.exitcodes import ExitCode
from gates.model import Decision
from reports import charts, terminal

SHOWN = 20


def explain(arguments: argparse.Namespace) -> int:
    """``gates explain ID``: the decision, judged again from what it rested on."""
    out = places.out(arguments.out, Path("out")).path
    entry = _entry(out, arguments.id)
    digest = str(entry.content.get("evidence", ""))
    _, evidence, decision = asking.judged_again(out, digest)
    print(terminal.decision(decision, entry.entry_id, colours=colours()))
    for line in charts.of_evidence(evidence):
        print(line)
    return _compared(entry.content, decision)


def _entry(out: Path, wanted: str) -> ledger.Entry:
    """The decision with this id, or whose id begins so."""
    decisions = [one for one in ledger.entries(out) if one.content.get("kind") == "decision"]
    found = [one for one in decisions if one.entry_id.startswith(wanted)]
    if len(found) != 1:
        names = [one.entry_id for one in decisions[-SHOWN:]]
        raise UnknownNameError("decision", wanted, names, str(out / ledger.FILE))
    return found[0]


def _compared(written: dict[str, Any], decision: Decision) -> int:
    """Whether it comes out as it did then."""
    same = (written.get("decision"), written.get("reason")) == (
        decision.outcome.value, decision.reason,
    )  # fmt: skip
    if same:
        print("judged again from its evidence: the same decision")
        return ExitCode.GO
    print(
        f"judged again from its evidence it is {decision.outcome.value}, and the ledger says "
        f"{written.get('decision')!r}: the gate or the evidence is another one"
    )
    return ExitCode.INTERNAL


def log(arguments: argparse.Namespace) -> int:
    """``gates log``: what was decided and moved; with ``--verify``, whether it is whole."""
    out = places.out(arguments.out, Path("out")).path
    if arguments.verify:
        return _verify(out)
    reading = ledger.read(out)
    for problem in reading.problems:
        sys.stderr.write(f"gates: {out / ledger.FILE}: {problem}; gates log --verify\n")
    found = reading.entries
    for one in found[-arguments.last :]:
        print(terminal.entry(one.entry_id, one.content))
    if not found:
        print(f"no entries in {out / ledger.FILE}")
    return ExitCode.GO


def _verify(out: Path) -> int:
    good, problems = ledger.verify(out)
    for problem in problems:
        print(f"{out / ledger.FILE}: {problem}")
    if problems:
        return ExitCode.INTERNAL
    print(f"{good} entries, each follows the one before; {out / ledger.FILE}")
    return ExitCode.GO


def stages(arguments: argparse.Namespace) -> int:
    """``gates stages``: the policy's stages in order."""
    place = places.policy(arguments.policy)
    loaded = policy.load(place.path)
    print(f"{loaded.name}, {place}, sha256:{loaded.digest}")
    for stage in loaded.stages:
        print(f"{stage.name:<18}{stage.title} (guide {stage.guide})")
        for objective in stage.objectives:
            print(f"{'':<18}  {objective.name}")
    return 0


def lint(arguments: argparse.Namespace) -> int:
    """``gates lint``: read everything; the first mistake of each file is printed."""
    problems = []
    place = places.policy(arguments.policy)
    suites = places.INSTALLED / "suites"
    try:
        found = linting.problems(policy.load(place.path), suites if suites.is_dir() else None)
        problems += [f"{place.path}: {problem}" for problem in found]
    except ConfigurationError as error:
        problems.append(str(error))
    folder = places.targets(arguments.targets)
    names = target.names(folder.path)
    if not names:
        problems.append(f"{folder}: no target files")
    installed = suites if suites.is_dir() else None
    for name in names:
        try:
            loaded = target.load(name, folder.path)
        except ConfigurationError as error:
            problems.append(str(error))
            continue
        wrong = [*target_linting.problems(loaded, installed)]
        if name == arguments.target:
            wrong += target_linting.missing(loaded)
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
