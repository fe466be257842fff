"""The testbed's command line: ``python -m testbed up|down|migrate|status|start|stop|fault …``."""

import argparse
import signal
import sys
import time
from pathlib import Path

from testbed import balancer, faults, lifecycle, migrations, processes, world, world_faults
from testbed.errors import TestbedError
from testbed.parts import PARTS
from testbed.world import World


def main() -> int:
    """Run one command; the exit code is 0 for success, 1 for a failure, 2 for wrong usage."""
    options = parser().parse_args()
    # SIGTERM interrupts as Ctrl-C does, so that an interrupted start ends what it has started.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return int(options.run(options))
    except (TestbedError, balancer.BalancerError) as error:
        print(f"testbed: {error}", file=sys.stderr)
        return 1


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(prog="python -m testbed", description=__doc__)
    top.add_argument(
        "--world",
        type=Path,
        default=world.DEFAULT_FOLDER,
        metavar="DIR",
        help="the folder of this testbed (default: %(default)s)",
    )
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    started = commands.add_parser("up", help="start everything and wait until it works")
    started.add_argument("--ports", choices=("guide", "free"), default="guide")
    started.set_defaults(run=up)
    commands.add_parser("down", help="end everything, leave nothing").set_defaults(run=down)
    commands.add_parser(
        "migrate", help="apply the database migrations that are missing"
    ).set_defaults(run=migrate)
    commands.add_parser("status", help="what runs where").set_defaults(run=status)
    for name, action in (("start", start), ("stop", stop), ("restart", restart)):
        command = commands.add_parser(name, help=f"{name} one part")
        command.add_argument("part", choices=[part.name for part in PARTS])
        command.set_defaults(run=action)
    fault = commands.add_parser("fault", help="switch a named defect")
    fault.add_argument("do", choices=("on", "off", "list"))
    fault.add_argument("name", nargs="?", default="")
    fault.add_argument("--on", dest="colour", choices=("blue", "green"), default="green")
    fault.set_defaults(run=switch)
    return top


def existing(options: argparse.Namespace) -> World:
    """The world that the options name."""
    current = world.load(options.world)
    if current is None:
        raise TestbedError(f"nothing is up in {options.world}; `python -m testbed up` starts it")
    return current


def up(options: argparse.Namespace) -> int:
    """``up``: start the world, or report that it runs already."""
    current = world.load(options.world)
    if current is not None:
        if all(processes.find(running) for running in current.running.values()):
            print("up already")
            show(current)
            return 0
        dead = [name for name, running in current.running.items() if not processes.find(running)]
        raise TestbedError(
            f"half of it is up ({', '.join(dead)} ended); `python -m testbed down` clears it"
        )
    began = time.monotonic()
    current = lifecycle.up(options.world, free_ports=options.ports == "free", say=tell)
    show(current)
    print(f"up in {time.monotonic() - began:.1f} s; `python -m testbed down` ends it")
    return 0


def tell(line: str) -> None:
    """Print a line of progress."""
    print(f"  {line}", file=sys.stderr, flush=True)


def show(current: World) -> int:
    """Print the addresses of all parts; returns the number of parts that do not run."""
    addresses = {
        "database": f"mongodb://127.0.0.1:{current.ports['database']}",
        "blue": web(current, "blue"),
        "green": web(current, "green"),
        "balancer": f"https://localhost:{current.ports['edge_tls']}"
        f"  http://localhost:{current.ports['edge_http']} (redirects)",
        "control": f"http://127.0.0.1:{current.ports['control']}/config",
        "notifications": f"http://127.0.0.1:{current.ports['notifications']}/received"
        f"  smtp://127.0.0.1:{current.ports['mail']}",
        "node-exporter": f"http://127.0.0.1:{current.ports['node_exporter']}",
        **{
            name: f"http://127.0.0.1:{current.ports[name]}"
            for name in ("prometheus", "alertmanager", "grafana")
        },
    }
    ended = 0
    for name, running in current.running.items():
        alive = processes.find(running) is not None
        ended += not alive
        print(
            f"{name:<14}{'up' if alive else 'ENDED':<7}{running.pid:>7}  {addresses.get(name, '')}"
        )
    print(f"targets       {current.targets}")
    return ended


def web(current: World, colour: str) -> str:
    """A colour's addresses."""
    release = lifecycle.RELEASES[colour]
    api, frontend = current.ports[f"{colour}_api"], current.ports[f"{colour}_web"]
    return f"http://127.0.0.1:{api}  frontend http://127.0.0.1:{frontend} ({release})"


def status(options: argparse.Namespace) -> int:
    """``status``: 0 when all parts run."""
    return min(show(existing(options)), 1)


def down(options: argparse.Namespace) -> int:
    """``down``: also when only some parts run."""
    current = world.load(options.world)
    if current is None:
        print(f"nothing is up in {options.world}")
        return 0
    lifecycle.down(current)
    print("down")
    return 0


def migrate(options: argparse.Namespace) -> int:
    """``migrate``: a database that has all migrations stays as it is."""
    versions = migrations.apply_missing(existing(options).environment["KIRANA_DATABASE_URI"])
    print(f"applied {', '.join(map(str, versions)) or 'nothing'}")
    return 0


def start(options: argparse.Namespace) -> int:
    """``start PART``."""
    lifecycle.start_part(existing(options), options.part, tell)
    return 0


def stop(options: argparse.Namespace) -> int:
    """``stop PART``."""
    lifecycle.stop_part(existing(options), options.part)
    return 0


def restart(options: argparse.Namespace) -> int:
    """``restart PART``: a restarted balancer gets its weights back."""
    current = existing(options)
    if options.part != "balancer":
        return stop(options) or start(options)
    weights = balancer.weights(current.balancer_socket)
    stop(options)
    start(options)
    balancer.set_weights(current.balancer_socket, weights)
    return 0


def switch(options: argparse.Namespace) -> int:
    """``fault on|off NAME --on COLOUR``, ``fault list``."""
    if options.do == "list":
        for fault in faults.FAULTS:
            print(f"{fault.name:<28}{fault.breaks}")
        return 0
    fault = faults.named(options.name)
    current = existing(options)
    print(world_faults.switch(current, fault, options.colour, on=options.do == "on"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
