"""Mutation testing: how many small changes of the store's business logic the suites notice.

``python proofs/mutation.py`` copies the project, starts a world from the copy, has cosmic-ray
change the copy one place at a time, restarts green on each change and runs the suites until the
first failure. ``--try`` is that last part: cosmic-ray's test command.
"""

import argparse
import json
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import tests_path  # noqa: F401 - what lies in tests/support
from worlds import TestWorld

ROOT = Path(__file__).resolve().parent.parent
TOOL = ROOT / ".venv" / "tools" / "bin" / "cosmic-ray"
MUTANTS = 80
SEED = 20
# A timing on a busy machine is no kill, and long sweeps of attacks find other things than slips.
SUITES = "(smoke or integration or security) and not performance"
LEFT_OUT = (
    "not (test_nosql or test_sql or test_command or test_lines or test_traversal or runs or nobody)"
)
# Business logic: not the cache, the event hub, nor the stand-ins for gateway and courier.
MODULES = (
    "access", "audit", "auth", "cart", "catalogue", "loyalty", "orders", "payments", "search",
    "sessions", "sync", "tokens", "twofa",
)  # fmt: skip
# `|` and decorators stand in annotations and dataclasses only: changing them stops the import,
# which would be a kill without merit.
NOT_MUTATED = ("%BitOr%", "%RemoveDecorator%")
SECONDS = 120
CONFIG = """[cosmic-ray]
module-path = [{modules}]
timeout = {seconds}
excluded-modules = []
test-command = "{python} proofs/mutation.py --try {world}"
[cosmic-ray.distributor]
name = "local"
"""


def try_mutant(world: TestWorld) -> int:
    """Restart green on the code as it stands and run the suites; 0 when nothing is noticed."""
    restarted = world.testbed("restart", "green")
    if restarted.code:
        print(f"green does not start: {restarted.err}")
        return 1
    out = world.folder / "out"
    arguments = ("-m", SUITES, "-k", LEFT_OUT, "-q", "-x", "-n", "2", "-p", "no:allure_pytest")
    done = world.pytest(out / str(time.time_ns()), *arguments)
    print(done.out[-1500:])
    return done.code


def cosmic_ray(copy: Path, *arguments: str) -> str:
    """Run cosmic-ray in the copy; what it printed.

    Raises:
        SystemExit: it failed.
    """
    done = subprocess.run(
        [str(TOOL), *arguments], cwd=copy, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"cosmic-ray {arguments[0]}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout


def sample(session: Path, mutants: int, seed: int) -> int:
    """Keep a random sample of the session's mutants; how many there were."""
    with sqlite3.connect(session) as database:
        unwanted = " OR ".join(f"operator_name LIKE '{pattern}'" for pattern in NOT_MUTATED)
        rows = database.execute(
            f"SELECT job_id FROM mutation_specs WHERE NOT ({unwanted}) ORDER BY module_path, "  # noqa: S608 - our own patterns
            "operator_name, occurrence"
        ).fetchall()
        kept = set(random.Random(seed).sample([job for (job,) in rows], mutants))
        every = [job for (job,) in database.execute("SELECT job_id FROM work_items").fetchall()]
        for job in every:
            if job not in kept:
                database.execute("DELETE FROM mutation_specs WHERE job_id = ?", (job,))
                database.execute("DELETE FROM work_items WHERE job_id = ?", (job,))
    database.close()
    return len(rows)


def outcomes(copy: Path) -> list[tuple[str, str]]:
    """For each mutant tried, how it ended and its diff."""
    found = []
    for line in cosmic_ray(copy, "dump", "session.sqlite").splitlines():
        _, result = json.loads(line)
        if result is not None:
            ended = result["test_outcome"] or result["worker_outcome"]
            found.append((str(ended), result["diff"]))
    return found


def mutate(folder: Path, options: argparse.Namespace) -> int:
    """The whole run; 0 when enough mutants are killed."""
    copy = folder / "copy"
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".*", "out", "__pycache__"))
    world = TestWorld(folder / "world")
    modules = ", ".join(f'"testbed/store/{name}.py"' for name in MODULES)
    text = CONFIG.format(modules=modules, seconds=SECONDS, python=sys.executable,
                         world=world.folder)  # fmt: skip
    (copy / "mutation.toml").write_text(text)
    cosmic_ray(copy, "init", "mutation.toml", "session.sqlite")
    population = sample(copy / "session.sqlite", options.mutants, options.seed)
    print(f"{options.mutants} of {population} mutants, seed {options.seed}", flush=True)
    started = time.monotonic()
    try:
        _run_session(copy, world)
    finally:
        world.testbed("down")
    return _report(outcomes(copy), time.monotonic() - started)


def _run_session(copy: Path, world: TestWorld) -> None:
    up = world.testbed("up", "--ports", "free")
    if up.code:
        raise SystemExit(f"mutation: {up.err}")
    cosmic_ray(copy, "baseline", "mutation.toml")
    cosmic_ray(copy, "exec", "mutation.toml", "session.sqlite")
    cosmic_ray(copy, "baseline", "mutation.toml")


def _report(found: list[tuple[str, str]], seconds: float) -> int:
    survived = [diff for ended, diff in found if "survived" in ended.lower()]
    killed = sum("killed" in ended.lower() for ended, _ in found)
    for diff in survived:
        print(f"--- survived\n{diff}")
    print(f"mutation: {killed} of {len(found)} mutants killed, {len(survived)} survived, "
          f"{seconds:.0f} s")  # fmt: skip
    return int(killed + len(survived) != len(found) or killed < 0.85 * len(found))


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python proofs/mutation.py", description=__doc__)
    parser.add_argument("--mutants", type=int, default=MUTANTS)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--try", dest="world", type=Path, help="cosmic-ray's test command")
    options = parser.parse_args()
    if options.world:
        return try_mutant(TestWorld(options.world))
    with tempfile.TemporaryDirectory(prefix="kirana-mutation-") as folder:
        return mutate(Path(folder), options)


if __name__ == "__main__":
    sys.exit(main())
