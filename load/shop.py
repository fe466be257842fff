"""Runs shoppers for a rehearsal, who reach the store through the public edge, as customers do.

The shoppers follow journeys with data of their own, until the command is ended. Their requests are
not marked as test traffic, so the gate counts these requests as requests of customers.
"""

import contextlib
import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from gates import places
from gates.errors import ConfigurationError
from gates.evidence.run_folder import new_run_id
from gates.exitcodes import ExitCode
from gates.model import Target
from gates.policy import target_file as targets
from gates.process.progress import Progress
from load import allowed
from load import plan as plans
from load.accounts import prepare
from load.assignment import Assignment, LoadProgress
from load.generator import measure
from suites.testdata.ownership import clean_up

# A shopper sends a request about every 0.9 s, just below the limit of 100 a minute per address.
MIN_PAUSE_SECONDS, MAX_PAUSE_SECONDS, PATIENCE_SECONDS = 0.7, 1.1, 5.0
ARRIVAL_SECONDS = 6.0
FILE = "shopping.json"
# The orders and payments that the store acknowledged, one JSON object a line.
ACKNOWLEDGED_FILE = "orders.jsonl"


@dataclass(slots=True)
class ShoppingProgress:
    """The progress of the shoppers, written to ``shopping.json`` about once a second.

    Args:
        at: the moment of these values, seconds since the epoch.
        users: the number of users who shop now.
        done: the number of requests with a correct response.
        failed: the number of requests with a wrong response or without a response.
        first_failed_at: when the first failure was reported, seconds since the epoch; None without
            a failure.
        last_failed_at: when the newest failure was reported, seconds since the epoch; None without
            a failure.
    """

    at: float = 0.0
    users: int = 0
    done: int = 0
    failed: int = 0
    first_failed_at: float | None = None
    last_failed_at: float | None = None

    def update(self, reported: LoadProgress) -> None:
        """Update the progress from a report of the generator."""
        totals, self.at = reported.totals, time.time()
        if totals.failed > self.failed:
            self.first_failed_at = self.first_failed_at or self.at
            self.last_failed_at = self.at
        self.users, self.done, self.failed = totals.users, totals.done, totals.failed


def shop(name: str, users: int, seconds: float, folder: str | None, out_option: str | None) -> int:
    """Run shoppers until the time is over, or until the command is interrupted.

    Args:
        name: the target whose public edge gets the requests.
        users: the number of shoppers.
        seconds: how long the shoppers send requests.
        folder: the folder of target files; None for the usual folder.
        out_option: the folder of generated files; None for the usual folder.

    Returns:
        0 when the shoppers left no data in the database, else 70.

    Raises:
        ConfigurationError: the target does not allow load, or names no public edge.
    """
    target = targets.load(name, places.targets(folder).path)
    allowed.check(target)
    if not target.shop:
        raise ConfigurationError(
            f"the target file of {name} has no [traffic] shop: set shop to "
            "the address of the public edge"
        )
    out = places.out(out_option, Path("out")).path
    run_folder = out / "shopping" / new_run_id()
    run_folder.mkdir(parents=True, exist_ok=True)
    progress = ShoppingProgress()
    try:
        _shop(target, users, seconds, run_folder, progress)
    except KeyboardInterrupt:
        pass
    finally:
        left_behind = clean_up(target, run_folder.name)
    print(json.dumps({**asdict(progress), "left_behind": left_behind}), flush=True)
    return ExitCode.INTERNAL if left_behind else ExitCode.GO


def _shop(
    target: Target, users: int, seconds: float, run_folder: Path, progress: ShoppingProgress
) -> None:
    """Log the shoppers in, and run them.

    Args:
        target: the target whose public edge gets the requests.
        users: the number of shoppers.
        seconds: how long they shop.
        run_folder: the folder of the run; its name is the run's id.
        progress: is updated with each report of the generator.
    """
    line = Progress(users)
    shopping = prepare(
        target,
        run_folder.name,
        users,
        lambda done: line.show(done, f"{done:,} of {users:,} shoppers logged in"),
    )
    line.end()
    assignment = Assignment(
        plan=_plan(run_folder.name, users, seconds),
        workers=1,
        base_url=target.shop,
        headers={"Accept": "application/json"},
        shoppers=shopping.shoppers,
        products=shopping.products,
        words=shopping.words,
        journeys=plans.everyday(),
        ca_file=str(target.addresses.edge_ca_file or ""),
        acknowledged_file=str((run_folder / ACKNOWLEDGED_FILE).resolve()),
    )

    def save(reported: LoadProgress) -> None:
        progress.update(reported)
        part = run_folder / f".{FILE}"
        part.write_text(json.dumps(asdict(progress)))
        part.rename(run_folder / FILE)

    with contextlib.suppress(BrokenPipeError):
        measure(run_folder, assignment, save)


def _plan(seed: str, users: int, seconds: float) -> plans.Plan:
    return plans.Plan(
        profile="shop",
        seed=seed,
        phases=(
            plans.Phase("arrival", 0.0, ARRIVAL_SECONDS, 0, users, ""),
            plans.Phase("shopping", ARRIVAL_SECONDS, seconds, users, users, ""),
        ),
        min_pause=MIN_PAUSE_SECONDS,
        max_pause=MAX_PAUSE_SECONDS,
        patience=PATIENCE_SECONDS,
        slow=PATIENCE_SECONDS,
    )
