"""Mutation testing: how many small changes of the store's code the suites notice.

``python proofs/mutation.py`` makes copies of the project, starts a world from each copy, changes
one place of a copy at a time, restarts green on each change, and runs the suites until the first
failure. Half of the changes are those of cosmic-ray, half are those of ``mutation_operators``.
Each result is written to ``out/mutation/results.jsonl`` as soon as it is known; with ``--resume``,
changes with a result are not tried again. ``--try`` is the test of a change.
"""

import argparse
import json
import random
import signal
import sqlite3
import sys
import tempfile
import threading
import time
import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import mutation_operators
import tests_path  # noqa: F401 - what lies in tests/support
from mutation_shard import MIGRATIONS, Mutant, Result, Shard, cosmic_ray, try_mutant
from worlds import TestWorld

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "out" / "mutation" / "results.jsonl"
EXPLAINED = ROOT / "proofs" / "mutation_explained.toml"
MUTANTS, SHARDS, SEED = 160, 2, 20
MIN_KILLED = 0.9
# Not the code of the faults, and not the stand-ins for the gateway and the courier.
NO_STORE = frozenset({"__init__", "malfunctions", "gateway", "courier"})
# `|` and decorators stand in annotations and dataclasses only: changing them stops the import,
# which would be a kill without merit.
NOT_MUTATED = ("BitOr", "RemoveDecorator")
CONFIG = """[cosmic-ray]
module-path = [{modules}]
timeout = 60
excluded-modules = []
test-command = "true"
[cosmic-ray.distributor]
name = "local"
"""


def modules() -> list[str]:
    """The files that are changed."""
    store = sorted((ROOT / "testbed" / "store").glob("*.py"))
    names = [f"testbed/store/{path.name}" for path in store if path.stem not in NO_STORE]
    return [*names, MIGRATIONS]


def ours(module: str) -> list[Mutant]:
    """Every change of a file by our own operators."""
    counts: Counter[str] = Counter()
    mutants = []
    for change in mutation_operators.changes((ROOT / module).read_text()):
        mutants.append(Mutant(module, change.operator, counts[change.operator]))
        counts[change.operator] += 1
    return mutants


def of_tool(folder: Path, names: Sequence[str]) -> list[Mutant]:
    """Every change of the files by cosmic-ray."""
    listed = ", ".join(f'"{name}"' for name in names)
    (folder / "mutation.toml").write_text(CONFIG.format(modules=listed))
    session = folder / "session.sqlite"
    cosmic_ray(ROOT, "init", str(folder / "mutation.toml"), str(session))
    with sqlite3.connect(session) as database:
        rows = database.execute(
            "SELECT module_path, operator_name, occurrence, start_pos_row, start_pos_col "
            "FROM mutation_specs ORDER BY module_path, operator_name, occurrence"
        ).fetchall()
    database.close()
    return [
        Mutant(str(module), operator, occurrence)
        for module, operator, occurrence, row, column in rows
        if not any(name in operator for name in NOT_MUTATED)
        and not changes_nothing((ROOT / module).read_text().splitlines()[row - 1], column)
    ]


def changes_nothing(line: str, column: int) -> bool:
    """Whether a change at this place of a line changes nothing that a user could notice.

    Args:
        line: the line: the options of a dataclass, or the marker of keyword-only parameters.
        column: the place, counted from 0.
    """
    return line.lstrip().startswith("@dataclass(") or line[column:].startswith("*,")


def sample(known: Mapping[str, Sequence[Mutant]], count: int, seed: int) -> list[Mutant]:
    """Return a sample that takes one mutant of each file in turn, so small files are changed, too.

    Args:
        known: the mutants of each file.
        count: how many mutants.
        seed: the seed of the random order.
    """
    chance = random.Random(seed)
    waiting = {name: chance.sample(list(known[name]), len(known[name])) for name in sorted(known)}
    chosen: list[Mutant] = []
    while len(chosen) < count and any(waiting.values()):
        for mutants in waiting.values():
            if mutants and len(chosen) < count:
                chosen.append(mutants.pop())
    return chosen


class Log:
    """The file of results, to which several threads write.

    Args:
        path: the file.
        resume: whether earlier results count.
    """

    def __init__(self, path: Path, *, resume: bool) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not resume:
            path.write_text("")
        self._path, self._lock = path, threading.Lock()

    def results(self) -> list[Result]:
        """Return the results in the file, also those of interrupted runs."""
        lines = self._path.read_text().splitlines() if self._path.exists() else []
        documents = [json.loads(line) for line in lines]
        return [
            Result(
                Mutant(**document["mutant"]),
                document["killed"],
                document["seconds"],
                document["diff"],
            )
            for document in documents
        ]

    def add(self, result: Result, wanted: int) -> None:
        """Write a result, and print a line."""
        with self._lock:
            with self._path.open("a") as file:
                file.write(json.dumps(asdict(result)) + "\n")
            number = len(self.results())
            ended = "killed" if result.killed else "SURVIVED"
            mutant = result.mutant
            print(
                f"{number}/{wanted} {ended} {mutant.module} {mutant.operator} "
                f"{mutant.occurrence} {result.seconds:.0f} s",
                flush=True,
            )


def mutate(folder: Path, options: argparse.Namespace) -> int:
    """The whole run.

    Returns:
        0 where enough mutants are killed, 1 otherwise.
    """
    names = modules()
    tool = of_tool(folder, names)
    by_module = {name: [mutant for mutant in tool if mutant.module == name] for name in names}
    half = options.mutants // 2
    own = sample({name: ours(name) for name in names}, options.mutants - half, options.seed)
    chosen = [*sample(by_module, half, options.seed), *own]
    log = Log(RESULTS, resume=options.resume)
    known = {result.mutant for result in log.results()}
    left = [mutant for mutant in chosen if mutant not in known]
    population = len(tool) + sum(len(ours(name)) for name in names)
    print(f"{len(chosen)} of {population} mutants, seed {options.seed}, {len(left)} to try")
    began = time.monotonic()
    ended = threading.Event()
    shares = [left[number :: options.shards] for number in range(options.shards)]
    shards = [
        (Shard(folder / f"shard-{number}"), share) for number, share in enumerate(shares) if share
    ]
    with ThreadPoolExecutor(options.shards) as pool:
        runs = [
            pool.submit(_run_shard, shard, share, log, len(chosen), ended)
            for shard, share in shards
        ]
        try:
            for run in runs:
                run.result()
        finally:  # after an error or Ctrl-C, each shard ends its run and stops its world
            ended.set()
            for shard, _ in shards:
                shard.interrupt()
    results = [result for result in log.results() if result.mutant in set(chosen)]
    return report(results, explained(EXPLAINED), time.monotonic() - began)


def _run_shard(
    shard: Shard, mutants: Sequence[Mutant], log: Log, wanted: int, ended: threading.Event
) -> None:
    try:
        shard.start()
        print(f"a world is ready for {len(mutants)} mutants", flush=True)
        for mutant in mutants:
            if ended.is_set():
                return
            result = shard.result(mutant)
            if not ended.is_set():  # a child that was ended from outside is no kill
                log.add(result, wanted)
        shard.require_passes()
    except BaseException:
        ended.set()  # the other shards stop, too, so that the reason is seen at once
        raise
    finally:
        shard.stop()


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why nobody can notice a change.

    Args:
        line: the line that is changed; with another line, the explanation does not count.
        reason: the reason.
    """

    line: str
    reason: str

    def explains(self, result: Result) -> bool:
        """Whether the change is the explained change."""
        removed = [line[1:].strip() for line in result.diff.split("\n") if line.startswith("-")]
        return self.line.strip() in removed


def explained(path: Path) -> dict[Mutant, Explanation]:
    """The mutants that change nothing a user could notice, each with the reason.

    Args:
        path: a TOML file with the tables ``[[survivor]]``.
    """
    if not path.exists():
        return {}
    return {
        Mutant(entry["module"], entry["operator"], entry["occurrence"]): Explanation(
            entry["line"], entry["reason"]
        )
        for entry in tomllib.loads(path.read_text()).get("survivor", [])
    }


def report(results: Sequence[Result], reasons: Mapping[Mutant, Explanation], seconds: float) -> int:
    """Print the survivors, and how many mutants were killed.

    Args:
        results: the results.
        reasons: why a mutant cannot be noticed, where a person explained it.
        seconds: how long the run took.

    Returns:
        0 where enough mutants are killed, 1 otherwise.
    """
    reason_of = {
        result.mutant: known.reason
        for result in results
        if (known := reasons.get(result.mutant)) and known.explains(result)
    }
    counted = [result for result in results if result.killed or result.mutant not in reason_of]
    for result in results:
        if not result.killed:
            reason = reason_of.get(result.mutant, "")
            print(f"--- survived {result.mutant}{': ' + reason if reason else ''}\n{result.diff}")
    killed = sum(result.killed for result in counted)
    print(
        f"mutation: {killed} of {len(counted)} mutants killed, {len(counted) - killed} survived, "
        f"{len(results) - len(counted)} explained, {seconds:.0f} s"
    )
    return int(not counted or killed < MIN_KILLED * len(counted))


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python proofs/mutation.py", description=__doc__)
    parser.add_argument("--mutants", type=int, default=MUTANTS)
    parser.add_argument("--shards", type=int, default=SHARDS)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--resume", action="store_true", help="keep the results of earlier runs")
    parser.add_argument("--try", dest="world", type=Path, help="the test of a change")
    parser.add_argument("--fresh", action="store_true", help="with --try: on a new world")
    parser.add_argument("--smoke", action="store_true", help="with --try: only the smoke suite")
    options = parser.parse_args()
    if options.world:
        world = TestWorld(options.world)
        return try_mutant(world, fresh=options.fresh, only_smoke=options.smoke)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="kirana-mutation-") as folder:
        return mutate(Path(folder), options)


if __name__ == "__main__":
    sys.exit(main())
