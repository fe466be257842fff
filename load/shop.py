"""Shoppers as customers are: through the public edge, counted as customers, until told to stop.

For rehearsals: what they do is the journeys of a load run, and their data is the run's own.
"""

import contextlib
import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from gates import places
from gates.errors import ConfigurationError
from gates.evidence import suite_runs as evidence
from gates.exitcodes import ExitCode
from gates.model import Target
from gates.policy import target_file as targets
from gates.process.progress import Progress
from load import allowed
from load import plan as plans
from load.accounts import prepare
from load.generator import measure
from suites.testdata.ownership import clean_up

# One asks about every 0.9 s: the most that a limit of 100 a minute lets one address do, or nearly.
LEAST_PAUSE, MOST_PAUSE, PATIENCE = 0.7, 1.1, 5.0
ARRIVAL_SECONDS = 6.0
FILE = "shopping.json"


@dataclass(slots=True)
class Shopping:
    """How it goes; written to ``shopping.json`` about once a second.

    Args:
        at: seconds since the epoch.
        users: how many shop now.
        done: requests answered rightly.
        failed: requests that were not.
        first_failed_at: when the first failure was seen; None before.
        last_failed_at: the same of the last.
    """

    at: float = 0.0
    users: int = 0
    done: int = 0
    failed: int = 0
    first_failed_at: float | None = None
    last_failed_at: float | None = None

    def saw(self, now: dict[str, Any]) -> None:
        """Take the generator's word."""
        self.at = time.time()
        if now["failed"] > self.failed:
            self.first_failed_at = self.first_failed_at or self.at
            self.last_failed_at = self.at
        self.users, self.done, self.failed = now["users"], now["done"], now["failed"]


def shop(name: str, users: int, seconds: float, folder: str | None, out_option: str | None) -> int:
    """Shop until the time is over or somebody ends it.

    Args:
        name: the target whose public edge is shopped at.
        users: how many shoppers.
        seconds: for how long.
        folder: the folder of target files, or None.
        out_option: the folder of generated files, or None.

    Raises:
        ConfigurationError: the target does not allow it, or names no public edge.
    """
    target = targets.load(name, places.targets(folder).path)
    allowed.check(target)
    if not target.shop:
        raise ConfigurationError(f"{name} names no [traffic] shop: the address of its public edge")
    out = places.out(out_option, Path("out")).path
    run_id = evidence.new_run_id()
    place = out / "shopping" / run_id
    place.mkdir(parents=True, exist_ok=True)
    seen = Shopping()
    try:
        _shop(target, run_id, users, seconds, (place, seen))
    except KeyboardInterrupt:
        pass
    finally:
        left = clean_up(target, run_id)
    print(json.dumps({**asdict(seen), "left_behind": left}), flush=True)
    return ExitCode.GO if not left else ExitCode.INTERNAL


def _shop(
    target: Target, run_id: str, users: int, seconds: float, told: tuple[Path, Shopping]
) -> None:
    place, seen = told
    progress = Progress(users)
    shopping = prepare(
        target, run_id, users,
        lambda done: progress.show(done, f"{done:,} of {users:,} shoppers logged in"),
    )  # fmt: skip
    progress.end()
    phases = (
        plans.Phase("arrival", 0.0, ARRIVAL_SECONDS, 0, users, ""),
        plans.Phase("shopping", ARRIVAL_SECONDS, seconds, users, users, ""),
    )
    plan = plans.Plan("shop", run_id, phases, LEAST_PAUSE, MOST_PAUSE, PATIENCE, PATIENCE)
    content = {
        "plan": plan.as_json(), "workers": 1, "listen": None, "base_url": target.shop,
        "ca_file": str(target.addresses.edge_ca_file or ""),
        "headers": {"Accept": "application/json"}, "shoppers": shopping.shoppers,
        "products": shopping.products, "words": shopping.words, "journeys": plans.everyday(),
    }  # fmt: skip

    def saw(now: dict[str, Any]) -> None:
        seen.saw(now)
        part = place / f".{FILE}"
        part.write_text(json.dumps(asdict(seen)))
        part.rename(place / FILE)

    with contextlib.suppress(BrokenPipeError):
        measure(place, content, target.shop, saw)
