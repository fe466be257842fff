"""``gates rollback``: all traffic to blue, whatever else can or cannot be read."""

import argparse
import sys
import time
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path

from gates import ledger, places
from gates.cli.option_types import SLOTS
from gates.errors import ConfigurationError, GatesError, UnknownNameError
from gates.exitcodes import ExitCode
from gates.model import Build
from gates.policy import policy_file as policy
from gates.policy import salvage
from gates.policy import target_file as targets
from gates.process.signals import uninterrupted
from gates.process.time_limit import within
from gates.ramp import rollback as rollbacks
from gates.ramp.entries import End, entry_of
from gates.ramp.real_world import LEDGER_SECONDS, rolled_back
from gates.ramp.witness import Witness
from gates.routers import ROUTERS, router_named

CONFIG = "config"
# The policy only names the series of the second witness: it is not waited for longer than this.
POLICY_SECONDS = 3.0


@dataclass(slots=True)
class Known:
    """What is known of the balancer and the colours.

    Args:
        target: the name under which the ledger knows the ramp.
        control: the balancer's control address.
        router: the kind of router.
        slots: green's slot and blue's.
        prometheus: its address; empty where it is unknown.
        baseline: what is known of blue.
        problems: what could not be read, a sentence each.
    """

    target: str
    control: str
    router: str
    slots: tuple[str, str]
    prometheus: str
    baseline: rollbacks.Baseline
    problems: list[str] = field(default_factory=list)

    def note(self, problem: str) -> None:
        """Keep a problem for the end, once."""
        if problem not in self.problems:
            self.problems.append(problem)


def rollback(arguments: argparse.Namespace) -> int:
    """``gates rollback``: move, say so, verify; then say what could not be read."""
    with uninterrupted():
        known = _known(arguments)
        asked = rollbacks.Rollback(
            router=router_named(known.router, known.control),
            baseline=known.baseline,
            slots=known.slots,
            witness=lambda: _witness(arguments, known),
            force=arguments.force,
        )
        done = rollbacks.roll_back(asked, _say)
        _write_down(arguments, known, done)
    for problem in known.problems:
        _say(f"problem of this rollback: {problem}")
    _say(f"rollback {done.proof.value} in {done.seconds:.1f} s")
    if done.proof is not rollbacks.Proof.VERIFIED:
        _say(f"look at the balancer itself; who has the traffic: curl {known.control}/config")
    return ExitCode.GO if done.verified else ExitCode.INTERNAL


def _known(arguments: argparse.Namespace) -> Known:
    """Read what can be read.

    Raises:
        ConfigurationError: the balancer's address is not known.
    """
    if not arguments.target and not arguments.control:
        raise ConfigurationError("rollback needs --target NAME or --control URL")
    folder = places.targets(arguments.targets).path
    green = _salvaged(folder, arguments.target, must=not arguments.control)
    blue = _salvaged(folder, arguments.baseline, must=False) if arguments.target else None
    known = Known(
        target=arguments.target or "", control=arguments.control or "", router=CONFIG, slots=SLOTS,
        prometheus=arguments.prometheus or "", baseline=rollbacks.Baseline(arguments.baseline),
    )  # fmt: skip
    if green:
        _read_green(arguments, known, green)
    if blue:
        _read_blue(known, blue)
    known.slots = arguments.slots or known.slots
    known.target = known.target or known.slots[0]
    if not known.control:
        raise ConfigurationError(
            f"the balancer's address is not known: {'; '.join(known.problems)[:500]}; type it: "
            "gates rollback --control URL"
        )
    return known


def _salvaged(folder: Path, name: str | None, *, must: bool) -> salvage.Salvage | None:
    """A target file; the nearest name's is never read in its place.

    Raises:
        UnknownNameError: there is no such file, and it is needed.
    """
    if not name:
        return None
    path = folder / f"{name}.toml"
    if must and (not path.is_file() or path.parent != folder):
        raise UnknownNameError("target", name, targets.names(folder), str(folder))
    return salvage.read(path)


def _read_green(arguments: argparse.Namespace, known: Known, green: salvage.Salvage) -> None:
    known.control = known.control or green.url("balancer_control")
    known.prometheus = known.prometheus or green.url("prometheus")
    known.slots = (green.text("slot") or SLOTS[0], green.text("baseline_slot") or SLOTS[1])
    router = green.texts.get("router", "")
    if not router and not arguments.control:
        near = get_close_matches("router", list(green.texts), 1)
        if not near and not green.problems:
            raise ConfigurationError(
                f"{known.target} names no traffic router, so gates may not move its traffic; "
                f"to move the traffic anyway: gates rollback --control {known.control or 'URL'}"
            )
        known.problems.append(f"{green.path}: no router; the rollback used {CONFIG!r}")
    elif router and router not in ROUTERS:
        known.problems.append(f"{green.path}: unknown router {router!r}; {CONFIG!r} was used")
    known.router = router if router in ROUTERS else CONFIG
    known.problems += green.problems


def _read_blue(known: Known, blue: salvage.Salvage) -> None:
    health = blue.url("health")
    parts = [blue.texts.get(key, "") for key in ("release", "version", "digest")]
    known.baseline = rollbacks.Baseline(
        name=known.baseline.name,
        health=health,
        deployment=blue.texts.get("deployment", ""),
        build=Build(*parts) if all(parts) else None,
    )
    known.problems += blue.problems


def _witness(arguments: argparse.Namespace, known: Known) -> Witness:
    """The second witness; by the policy where it can be read, else by the usual series."""
    green, blue = known.slots
    if not known.prometheus:
        known.note("no address of Prometheus: name it with --prometheus URL")
        return Witness("", green, blue)
    try:
        loaded = within(POLICY_SECONDS, lambda: policy.load(places.policy(arguments.policy).path))
    except Exception as error:  # noqa: BLE001 - no policy can be so wrong that nothing is verified
        known.note(f"the policy: {error}; the usual series were asked for")
        return Witness(known.prometheus, green, blue)
    return Witness.by(loaded, known.prometheus, green, blue)


def _write_down(arguments: argparse.Namespace, known: Known, done: rollbacks.RolledBack) -> None:
    """Append to the ledger; a rollback that cannot be written down is done all the same."""
    out = places.out(arguments.out, Path("out")).path
    entries = [rolled_back(known.target, arguments.time_scale, done)]
    if done.moved:
        contradicted = done.proof is rollbacks.Proof.CONTRADICTED and not done.given_back
        how = End.NOT_ROLLED_BACK if contradicted else End.ROLLED_BACK
        content = {"how": how.value, "at": time.time(), "why": done.proof.value}
        ended = entry_of(known.target, arguments.time_scale, "ended", **content)
        entries.append({**ended, "verified": done.report.as_json()})
    try:
        within(LEDGER_SECONDS, lambda: [ledger.append(out, one) for one in entries])
    except (GatesError, TimeoutError, OSError) as error:
        known.problems.append(f"the ledger has no entry of this rollback: {error}")


def _say(line: str) -> None:
    print(line)
    sys.stdout.flush()
