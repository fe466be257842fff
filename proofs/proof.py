"""Proves that every check can fail: with each fault on, its checks are red and a sample is green.

``python proofs/proof.py`` writes out/proof.json and docs/proof-matrix.md; ``--survey`` runs all
checks under each fault and prints what turned red, for filling in tests/support/fault_table.py.
"""

import argparse
import json
import multiprocessing
import os
import random
import re
import signal
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from queue import Queue

import pytest
import tests_path  # noqa: F401 - what lies in tests/support
from fault_table import REDDENS
from fault_table_regressions import SOMETIMES
from worlds import ROOT, TestWorld, results

from gates.model import ChecksObjective
from gates.policy import policy_file as policy
from testbed import world_faults
from testbed.errors import TestbedError
from testbed.faults import FAULTS, Fault, named
from testbed.world import load

WORLDS = 4
SAMPLE = 2
SEED = 5
# The store's behaviour, its defences and the platform are proven apart, each in its own time.
SUITES = {
    "behaviour": "smoke or integration or performance",
    "security": "security",
    "platform": "platform",
}
QUICKER = ("-p", "no:allure_pytest", "-p", "no:hypothesispytest", "-p", "no:anyio")
# What is imported before pytest starts is not rewritten; only test modules need that.
FORKED = ("-W", "ignore::pytest.PytestAssertRewriteWarning")
# Starting pytest costs a second: its parts are imported once, and each run is forked from there.
FORKS = multiprocessing.get_context("forkserver")
IMPORTED_ONCE = (
    "_pytest.config",
    "_pytest.junitxml",
    "_pytest.python",
    "xdist.plugin",
    "suites.pytest_plugin.plugin",
    "suites.client",
    "suites.contract",
    "suites.testdata.ownership",
    "suites.testdata.people",
    "suites.client.websocket",
    "suites.inspection.edge",
    "hypothesis.strategies",
    "pymongo",
    "pyotp",
)
# The line of pytest's short summary for a check that an error of a fixture ended.
ENDED_BEFORE = re.compile(r"^ERROR (\S+)", re.MULTILINE)
# How long a run may take; a run without a fault has all checks of a part, shared among the worlds.
MAX_SECONDS, MAX_SECONDS_PER_CHECK = 60, 30
# Timings under the load of several worlds say nothing, and a browser is slow to start.
NOT_SAMPLED = (
    "performance.",
    "smoke.frontend",
    "mobile.sync",
    "security.injection",
    "security.xss",
    "security.input",
    "security.rate",
)


def all_checks(part: str) -> list[str]:
    """Return every check of a part of the proof that a stage of the policy requires."""
    loaded = policy.load(ROOT / "policies" / "release.toml")
    ids = {
        check
        for stage in loaded.stages
        for objective in stage.objectives
        if isinstance(objective, ChecksObjective)
        for check in objective.checks
    }
    return sorted(check for check in ids if part_of(check) == part and not check.startswith("run."))


def part_of(check: str) -> str:
    """Return the part of the proof to which a check belongs."""
    area = check.partition(".")[0]
    return area if area in SUITES else "behaviour"


def faults(part: str) -> list[Fault]:
    """Return the faults that redden a check of a part."""
    checks = set(all_checks(part))
    return [fault for fault in FAULTS if checks & REDDENS.get(fault.name, frozenset())]


def red_of(part: str, fault: str) -> frozenset[str]:
    """Return the checks of a part that a fault reddens in every run."""
    return REDDENS[fault] & frozenset(all_checks(part))


def may_redden(fault: str) -> frozenset[str]:
    """Return the checks that a fault reddens in some runs only."""
    return SOMETIMES.get(fault, frozenset())


def switch(world: TestWorld, name: str, do: str) -> None:
    """Switch a fault as ``python -m testbed fault`` does, without starting a process."""
    loaded = load(world.folder)
    if loaded is None:
        raise SystemExit(f"proof: {world.folder} is gone")
    try:
        world_faults.switch(loaded, named(name), "green", on=do == "on")
    except TestbedError as error:
        raise SystemExit(f"proof: {name} cannot be switched {do}: {error}") from error


@contextmanager
def threads(count: int) -> Iterator[ThreadPoolExecutor]:
    """Give threads for the worlds; after an error or Ctrl-C, the threads begin no other task."""
    pool = ThreadPoolExecutor(count)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


class Proof:
    """Runs checks under faults, on several worlds at once."""

    def __init__(self, folder: Path, count: int, part: str) -> None:
        self._folder = folder
        self.part = part
        self._idle: Queue[TestWorld] = Queue()
        self.seconds: dict[str, float] = {}
        self.printed: dict[str, str] = {}
        self.worlds = [TestWorld(folder / f"world-{number}") for number in range(count)]

    def up(self) -> None:
        """Start the worlds one after the other, because each start needs both cores."""
        for world in self.worlds:
            done = world.testbed("up", "--ports", "free")
            if done.code:
                raise SystemExit(f"proof: {done.err}")
            self._idle.put(world)

    def down(self) -> None:
        """Stop the worlds."""
        for world in self.worlds:
            world.testbed("down")

    def all_outcomes(self) -> dict[str, str]:
        """Return the outcome of each check without a fault; each world runs some checks."""
        checks, count = all_checks(self.part), len(self.worlds)
        with threads(count) as pool:
            parts = pool.map(self.outcomes, [""] * count, [checks[n::count] for n in range(count)])
            return {check: outcome for part in parts for check, outcome in part.items()}

    def outcomes(self, fault: str, checks: Iterable[str]) -> dict[str, str]:
        """Return the outcome of each check with a fault on; an empty name means no fault."""
        world, began = self._idle.get(), time.monotonic()
        out = self._folder / "out" / (fault or f"none-{time.time_ns()}")
        try:
            if fault:
                switch(world, fault, "on")
            output = forked_pytest(world, out, checks, SUITES[self.part])
            if not (out / "latest").exists():
                raise SystemExit(f"proof: {fault}: no record\n{output}")
            if fault:
                self.printed[fault] = output
            outcomes = results(out)
            if not fault and set(outcomes.values()) != {"passed"}:
                print(output, flush=True)
            return outcomes
        finally:
            if fault:
                switch(world, fault, "off")
            self.seconds[fault] = time.monotonic() - began
            self._idle.put(world)


def forked_pytest(world: TestWorld, out: Path, checks: Iterable[str], suites: str) -> str:
    """Run checks in a forked process as ``pytest --check …`` does, and return what it printed."""
    chosen = [part for check in checks for part in ("--check", check)]
    places = (f"--targets={world.targets}", f"--out={out}", "-p", "no:cacheprovider")
    arguments = ("--target", "green", *places, "-m", suites, "-q", *QUICKER, *FORKED, *chosen)
    printed = out.with_name(f"{out.name}.txt")
    printed.parent.mkdir(exist_ok=True)
    child = FORKS.Process(target=_pytest_main, args=(arguments, printed))
    child.start()
    child.join(MAX_SECONDS + MAX_SECONDS_PER_CHECK * len(chosen) // 2)
    if child.is_alive():
        child.kill()
        child.join()
    return printed.read_text()


def _pytest_main(arguments: tuple[str, ...], printed: Path) -> None:
    with printed.open("w") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    sys.exit(int(pytest.main(list(arguments))))


def wanted(part: str, fault: str) -> list[str]:
    """Return the checks that a fault must or may redden, and a sample of the other checks.

    The sample depends on the fault's name only, so another fault does not change it.
    """
    known = REDDENS[fault] | may_redden(fault)
    checks = [check for check in all_checks(part) if not check.startswith(NOT_SAMPLED)]
    random.Random(f"{SEED} {fault}").shuffle(checks)
    others = [check for check in checks if check not in known]
    may = may_redden(fault) & frozenset(checks)
    return sorted({*red_of(part, fault), *may, *others[:SAMPLE]})


def prove(proof: Proof) -> int:
    """Run the whole proof, and return the number of differences from the table."""
    names = [fault.name for fault in faults(proof.part)]
    wrong = _not_green("before", proof)
    outcomes: dict[str, dict[str, str]] = {}
    with threads(len(proof.worlds)) as pool:
        pending = {
            name: pool.submit(proof.outcomes, name, wanted(proof.part, name)) for name in names
        }
        for number, (name, future) in enumerate(pending.items(), start=1):
            outcomes[name] = future.result()
            label = f"{number:>4}/{len(names)} {proof.seconds[name]:4.1f} s  {name:<28}"
            differences = _compare(label, proof.part, name, outcomes[name])
            if differences:
                print(proof.printed[name], flush=True)
            wrong += differences
    wrong += _not_green("after", proof)
    _print_errors(proof)
    wrong += _caught_twice() if proof.part == "behaviour" else 0
    (ROOT / "out").mkdir(exist_ok=True)
    (ROOT / "out" / f"proof-{proof.part}.json").write_text(
        json.dumps(outcomes, indent=1, sort_keys=True)
    )
    (ROOT / "docs" / "proof-matrix.md").write_text(matrix())
    print(f"checks run for {sum(proof.seconds.values()):.0f} s on {len(proof.worlds)} worlds")
    return wrong


def _print_errors(proof: Proof) -> None:
    """Name the checks that a fault reddens by an error of a fixture, not by a finding."""
    for fault in sorted(proof.printed):
        ended = set(ENDED_BEFORE.findall(proof.printed[fault])) & red_of(proof.part, fault)
        if ended:
            print(f"{fault}: an error of a fixture, not a finding: {sorted(ended)}", flush=True)


def _not_green(when: str, proof: Proof) -> int:
    outcomes = proof.all_outcomes()
    red = sorted(check for check, outcome in outcomes.items() if outcome != "passed")
    missing = sorted(set(all_checks(proof.part)) - set(outcomes))
    text = f"{len(outcomes)} checks, red {red or 'none'}, without a result {missing or 'none'}"
    print(f"{when} all faults: {text}", flush=True)
    return len(red) + len(missing)


def _compare(label: str, part: str, fault: str, outcomes: dict[str, str]) -> int:
    red = {check for check, outcome in outcomes.items() if outcome != "passed"}
    must = red_of(part, fault)
    missed, extra = sorted(must - red), sorted(red - must - may_redden(fault))
    lost = sorted(set(wanted(part, fault)) - set(outcomes))
    verdict = "caught" if not (missed or extra or lost) else f"MISSED {missed} EXTRA {extra} {lost}"
    print(f"{label}{len(red)} red  {verdict}", flush=True)
    return len(missed) + len(extra) + len(lost)


def _caught_twice() -> int:
    kinds = {fault.name: fault.kind for fault in FAULTS}
    weak = [
        check
        for check in all_checks("behaviour")
        if len({kinds[name] for name, checks in REDDENS.items() if check in checks}) < 2
    ]
    print(f"checks not reddened by two faults of different kinds: {weak or 'none'}")
    return len(weak)


def matrix() -> str:
    """Return the table of all checks, with the faults that redden each check."""
    checks = [check for part in SUITES for check in all_checks(part)]
    lines = [
        "# Which fault reddens which check",
        "",
        f"Written by `make proof`: {len(FAULTS)} faults, {len(checks)} checks.",
        "",
        "| check | faults |",
        "|---|---|",
    ]
    for check in checks:
        names = [
            f"{fault.name} ({fault.kind})"
            for fault in FAULTS
            if check in REDDENS.get(fault.name, frozenset())
        ]
        lines.append(f"| `{check}` | {', '.join(names)} |")
    return "\n".join(lines) + "\n"


def survey(proof: Proof, names: list[str]) -> None:
    """Print which of the checks that can be sampled are red with each fault."""
    checks = [check for check in all_checks(proof.part) if not check.startswith(NOT_SAMPLED)]
    with threads(len(proof.worlds)) as pool:
        pending = {name: pool.submit(proof.outcomes, name, checks) for name in names}
        for name, future in pending.items():
            red = [check for check, outcome in future.result().items() if outcome != "passed"]
            print(f"{name}\t{' '.join(sorted(red))}", flush=True)


def main() -> int:
    """Run the command line, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python proofs/proof.py", description=__doc__)
    parser.add_argument("--worlds", type=int, default=WORLDS)
    parser.add_argument("--survey", action="store_true")
    parser.add_argument("--part", choices=list(SUITES), default="behaviour")
    parser.add_argument("faults", nargs="*", help="only these, with --survey")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    began = time.monotonic()
    for name in [name for name in os.environ if name.startswith(("KIRANA_", "PYTEST_"))]:
        del os.environ[name]
    os.chdir(ROOT)
    FORKS.set_forkserver_preload(list(IMPORTED_ONCE))
    with tempfile.TemporaryDirectory(prefix="kirana-proof-") as folder:
        proof = Proof(Path(folder), options.worlds, options.part)
        try:
            proof.up()
            if options.survey:
                survey(proof, options.faults or [fault.name for fault in faults(options.part)])
                return 0
            wrong = prove(proof)
        finally:
            proof.down()
    seconds = time.monotonic() - began
    looked = f"{len(faults(options.part))} faults, {len(all_checks(options.part))} checks"
    print(f"proof: {looked}, {wrong} not as the table says, {seconds:.0f} s")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
