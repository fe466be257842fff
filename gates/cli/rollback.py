"""``gates rollback``: move all traffic to blue, even if a file or a source cannot be read."""

import argparse
import sys
import time
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import partial
from pathlib import Path

from gates import ledger, places
from gates.cli.address_options import SLOTS
from gates.cli.after_rollback import ask_after_rollback
from gates.decisions import Context, ContextOptions, open_context
from gates.errors import ConfigurationError, GatesError, UnknownNameError
from gates.exitcodes import ExitCode
from gates.ledger import RampEndEntry, RampEnding
from gates.model import NO_LOGIN, Build, TargetAccess
from gates.policy import policy_file as policy
from gates.policy import target_file as targets
from gates.process.signals import uninterrupted
from gates.process.time_limit import within
from gates.ramp import rollback as rollbacks
from gates.ramp import salvage
from gates.ramp.real_world import MAX_LEDGER_SECONDS, rollback_entry
from gates.ramp.witness import Witness
from gates.routers import ROUTERS, router_named

CONFIG = "config"
# The policy only names the time series of the second witness: it may not hold up the answer.
MAX_POLICY_SECONDS = 3.0
LOOK_AT_BALANCER = """to see which colour has the traffic, read the weights in the balancer's own
statistics, or read `deployment` in some responses of the edge to /api/health;
the response of the control endpoint may be wrong"""


@dataclass(slots=True)
class RollbackSettings:
    """The addresses and names of the balancer and of both colours that a rollback uses.

    Args:
        target: the name of the target in the ledger.
        control: the balancer's control address.
        router: the kind of router.
        slots: the slot of green and the slot of blue.
        prometheus: the address of Prometheus; empty where the address is unknown.
        baseline: the name, the health address and the build of blue, as far as known.
        servers: the names of green's servers at the balancer; empty where the names are unknown.
        access: the log-in, headers and time limits of requests to the balancer and Prometheus.
        colour_label: the label of the colour in Prometheus; empty where the label in the policy's
            selectors is used.
        problems: one sentence for each file or value that could not be read.
    """

    target: str
    control: str
    router: str
    slots: tuple[str, str]
    prometheus: str
    baseline: rollbacks.Baseline
    servers: tuple[str, ...] = ()
    access: TargetAccess = NO_LOGIN
    colour_label: str = ""
    problems: list[str] = field(default_factory=list)

    def note(self, problem: str) -> None:
        """Store a problem that the command prints once, at the end."""
        if problem not in self.problems:
            self.problems.append(problem)


def rollback(arguments: argparse.Namespace) -> int:
    """Run ``gates rollback``: move all traffic to blue, verify the move, and print the problems.

    Returns:
        0 where the rollback is verified, else 70.
    """
    with uninterrupted():
        settings = _settings(arguments)
        request = rollbacks.RollbackRequest(
            router=router_named(
                settings.router, settings.control, settings.access.balancer_control
            ),
            baseline=settings.baseline,
            slots=settings.slots,
            witness=lambda: _witness(arguments, settings),
            force=arguments.force,
        )
        result = rollbacks.roll_back(request, _say)
        _record(arguments, settings, result)
    for problem in settings.problems:
        _say(f"problem of this rollback: {problem}")
    _say(f"rollback {result.proof.value} in {result.seconds:.1f} s")
    if result.proof is not rollbacks.Proof.VERIFIED:
        _say(LOOK_AT_BALANCER)
        curl_options = settings.access.balancer_control.curl_options()
        _say(
            f"to see the control endpoint's response: curl {curl_options}{settings.control}/config"
        )
    if result.moved and arguments.target:
        ask_after_rollback(lambda: _baseline_context(arguments), _say)
    return ExitCode.GO if result.verified else ExitCode.INTERNAL


def _baseline_context(arguments: argparse.Namespace) -> Context:
    """Return the context for a decision about the baseline.

    Raises:
        ConfigurationError: the policy or the baseline's target file is wrong.
    """
    options = ContextOptions(
        arguments.baseline,
        policy=arguments.policy,
        targets=arguments.targets,
        out=arguments.out,
        time_scale=arguments.time_scale,
    )
    return open_context(options)


def _settings(arguments: argparse.Namespace) -> RollbackSettings:
    """Read the settings of the command line and of the target files, as far as possible.

    Raises:
        ConfigurationError: the balancer's address is not known.
    """
    if not arguments.target and not arguments.control:
        raise ConfigurationError("the rollback needs an option: --target NAME or --control URL")
    folder = places.targets(arguments.targets).path
    green = _salvage(folder, arguments.target, must=not arguments.control)
    blue = _salvage(folder, arguments.baseline, must=False) if arguments.target else None
    settings = RollbackSettings(
        target=arguments.target or "",
        control=arguments.control or "",
        router=CONFIG,
        slots=SLOTS,
        prometheus=arguments.prometheus or "",
        baseline=rollbacks.Baseline(arguments.baseline),
    )
    if green:
        _read_green(arguments, settings, green)
    if blue:
        _read_blue(settings, blue)
    if arguments.slots and arguments.slots != settings.slots:
        settings.slots, settings.servers = arguments.slots, ()
    settings.target = settings.target or settings.slots[0]
    if not settings.control:
        raise ConfigurationError(
            f"the balancer's address is not known: {'; '.join(settings.problems)[:500]}; name "
            "the address: gates rollback --control URL"
        )
    return settings


def _salvage(folder: Path, name: str | None, *, must: bool) -> salvage.Salvage | None:
    """Read the file of a target; never read the file of a target with a similar name instead.

    Raises:
        UnknownNameError: the target has no file, and the rollback needs the file.
    """
    if not name:
        return None
    path = folder / f"{name}.toml"
    if must and (not path.is_file() or path.parent != folder):
        raise UnknownNameError("target", name, targets.names(folder), str(folder))
    return salvage.read(path)


def _read_green(
    arguments: argparse.Namespace, settings: RollbackSettings, green: salvage.Salvage
) -> None:
    settings.control = settings.control or green.url("balancer_control")
    settings.prometheus = settings.prometheus or green.url("prometheus")
    settings.slots = (green.text("slot") or SLOTS[0], green.text("baseline_slot") or SLOTS[1])
    settings.servers = green.servers
    settings.colour_label = green.texts.get("colour_label", "")
    router = green.texts.get("router", "")
    if not router and not arguments.control:
        near = get_close_matches("router", list(green.texts), 1)
        if not near and not green.problems:
            raise ConfigurationError(
                f"{settings.target} names no traffic router, so gates may not move its traffic; to "
                "move the traffic anyway, run: "
                f"gates rollback --control {settings.control or 'URL'}"
            )
        settings.problems.append(
            f"{green.path}: the file names no router; this rollback uses the router {CONFIG!r}"
        )
    elif router and router not in ROUTERS:
        settings.problems.append(
            f"{green.path}: unknown router {router!r}; this rollback uses the router {CONFIG!r} "
            "instead"
        )
    settings.router = router if router in ROUTERS else CONFIG
    settings.access = green.access
    settings.problems += green.problems


def _read_blue(settings: RollbackSettings, blue: salvage.Salvage) -> None:
    health = blue.url("health")
    parts = [blue.texts.get(key, "") for key in ("release", "version", "digest")]
    settings.baseline = rollbacks.Baseline(
        name=settings.baseline.name,
        health=health,
        deployment=blue.texts.get("deployment", ""),
        build=Build(*parts) if all(parts) else None,
        access=blue.access.health,
    )
    settings.problems += blue.problems


def _witness(arguments: argparse.Namespace, settings: RollbackSettings) -> Witness:
    """Return Prometheus, the second witness.

    The witness has the selectors of the chosen policy, or else of the installed policy, or else
    no selectors.
    """
    green, blue = settings.slots
    witness = Witness(
        settings.prometheus,
        green,
        blue,
        settings.servers,
        colour_label=settings.colour_label,
        access=settings.access.prometheus,
    )
    if not settings.prometheus:
        settings.note(
            "the address of Prometheus is not known; name the address with --prometheus URL"
        )
        return witness
    chosen, installed = places.policy(arguments.policy).path, places.policy_installed()
    for path in dict.fromkeys((chosen, installed)):
        try:
            loaded = within(MAX_POLICY_SECONDS, partial(policy.load, path))
        except Exception as error:  # noqa: BLE001 - no mistake in a policy may prevent the verification
            used = "no" if path == installed else "the default"
            settings.note(f"the policy cannot be used: {error}; the rollback used {used} selectors")
        else:
            return witness.with_policy(loaded)
    return witness


def _record(
    arguments: argparse.Namespace, settings: RollbackSettings, result: rollbacks.RollbackResult
) -> None:
    """Append the rollback to the ledger; a failure becomes one of ``settings.problems``."""
    out = places.out(arguments.out, Path("out")).path
    scale = arguments.time_scale
    entries: list[ledger.LedgerEntry] = [rollback_entry(settings.target, scale, result)]
    if result.moved:
        is_contradicted = result.proof is rollbacks.Proof.CONTRADICTED and not result.given_back
        ending = RampEnding.NOT_ROLLED_BACK if is_contradicted else RampEnding.ROLLED_BACK
        witness = result.report.as_record()
        end = RampEndEntry(settings.target, scale, time.time(), ending, result.proof.value, witness)
        entries.append(end)
    try:
        within(MAX_LEDGER_SECONDS, lambda: [ledger.append(out, entry) for entry in entries])
    except (GatesError, TimeoutError, OSError) as error:
        settings.problems.append(f"the ledger has no entry of this rollback: {error}")


def _say(line: str) -> None:
    print(line)
    sys.stdout.flush()
