"""``make bench-judge``: whole simulated ramps through the judge, and the table in docs/judge.md.

Every kind of ramp at 5, 50 and 500 requests a second; a seed for each ramp, so that the table can
be made again. Exit code 1 when a figure is not reached.
"""

import argparse
import sys
import time
import zlib
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from math import inf
from pathlib import Path
from statistics import median

import tests_path  # noqa: F401 - what lies in tests/support
from judge_simulation import (
    BROKEN,
    CUSTOMERS,
    HEALTHY,
    HOLDS,
    KNOWN_LIMITS,
    Change,
    scrapes,
    world_of,
)
from worlds import ROOT

from gates.backtest.recording import Recording
from gates.backtest.replay import Replay, replay
from gates.model import Outcome
from gates.policy import policy_file as policy
from gates.process.progress import Progress

RATES = (5, 50, 500)
RAMPS = 300
MAX_STOPPED = 0.01
MAX_STOPPED_IN_ALL = 0.003
PAGE = ROOT / "docs" / "judge.md"
BEGIN, END = "<!-- made by make bench-judge: begin -->", "<!-- end -->"
POLICY = policy.load(ROOT / "policies" / "release.toml")
# At the end of these steps, by their share in percent, no ramp of the kind may go on.
NEVER_GO = {
    **{kind: steps for kind, (_, steps) in HOLDS.items()},
    **{kind: range(10, 101, 10) for kind in CUSTOMERS},
}
STOPS = (Outcome.NO_GO, Outcome.ROLLBACK)


@dataclass(frozen=True, slots=True)
class Cell:
    """One kind at one rate."""

    group: str
    kind: str
    rate: int
    ramps: int

    @property
    def change(self) -> Change:
        if self.group == "healthy":
            return HEALTHY[self.kind]
        if self.group == "limit":
            return KNOWN_LIMITS[self.kind]
        return BROKEN[self.kind].change if self.group == "broken" else HOLDS[self.kind][0]


def replayed(cell: Cell, number: int) -> Replay:
    """One ramp of a cell."""
    seed = (zlib.crc32(cell.kind.encode()), cell.rate, number)
    events = list(scrapes(world_of(cell.change, cell.rate, seed)))
    return replay(Recording(Path("simulated"), events), POLICY)


def measured(cell: Cell) -> tuple[Cell, list[float], int]:
    """When each ramp was stopped (infinity for never), and how many wrong GOs there were."""
    stops, wrong = [], 0
    for number in range(cell.ramps):
        result = replayed(cell, number)
        stops.append(inf if result.stopped_at is None else result.stopped_at)
        never = NEVER_GO.get(cell.kind)
        if never is not None:
            wrong += any(
                step.decision is Outcome.GO and round(100 * step.weight) in never
                for step in result.steps
            )
    return cell, stops, wrong


def cells(ramps: int, only: str) -> Iterator[Cell]:
    """Every cell, the slow ones first."""
    for group, kinds in (
        ("healthy", HEALTHY),
        ("limit", KNOWN_LIMITS),
        ("hold", HOLDS),
        ("broken", BROKEN),
    ):
        for kind in kinds:
            if only in kind:
                rates = RATES if group != "hold" or "one request" not in kind else (5,)
                yield from (Cell(group, kind, rate, ramps) for rate in rates)


@dataclass(slots=True)
class Table:
    """What came out, as rows of a document, and what was not reached."""

    rows: dict[tuple[str, str], dict[int, str]]
    missed: list[str]
    stopped: int = 0
    healthy: int = 0

    def take(self, cell: Cell, stops: list[float], wrong: int) -> None:
        """One cell's result."""
        row = self.rows.setdefault((cell.group, cell.kind), {})
        count = sum(stop < inf for stop in stops)
        if cell.group in ("healthy", "limit"):
            row[cell.rate] = f"{100 * count / len(stops):.3g} %"
            if cell.group == "healthy":
                self.stopped, self.healthy = self.stopped + count, self.healthy + len(stops)
                if count > MAX_STOPPED * len(stops):
                    self.missed.append(f"{cell.kind} at {cell.rate}/s: {count} stopped")
        elif cell.group == "hold":
            row[cell.rate] = f"{wrong} wrong GO, {count} stopped"
            if wrong or count:
                self.missed.append(f"{cell.kind} at {cell.rate}/s: {row[cell.rate]}")
        else:
            self._broken(cell, stops, row, wrong)

    def _broken(self, cell: Cell, stops: list[float], row: dict[int, str], wrong: int) -> None:
        broken = BROKEN[cell.kind]
        after = sorted(stop - broken.breach for stop in stops)
        typical, late = median(after), after[min(len(after) - 1, int(0.95 * len(after)))]
        limits = broken.within[cell.rate]
        row[cell.rate] = f"{typical:,.0f} / {late:,.0f} ({limits[0]:,} / {limits[1]:,})"
        if wrong:
            row[cell.rate] += f", {wrong} wrong GO"
        if typical > limits[0] or late > limits[1] or wrong:
            self.missed.append(f"{cell.kind} at {cell.rate}/s: {row[cell.rate]}")

    def text(self, ramps: int) -> str:
        """The tables as Markdown."""
        heads = {
            "healthy": "healthy releases: percentage of ramps that were stopped",
            "broken": "broken releases: seconds until the stop, median / P95 (largest accepted)",
            "hold": "releases that need a hold: ramps with a wrong GO, and stopped ramps",
            "limit": "known limits (healthy releases): percentage of ramps that were stopped",
        }
        lines = [f"Each cell has the results of {ramps} simulated ramps.", ""]
        for group, head in heads.items():
            lines += [f"| {head} | 5 req/s | 50 req/s | 500 req/s |", "|---|---|---|---|"]
            for (of_group, kind), row in self.rows.items():
                if of_group == group:
                    lines.append(f"| {kind} | " + " | ".join(row.get(r, "-") for r in RATES) + " |")
            lines.append("")
        if self.healthy:
            share = 100 * self.stopped / self.healthy
            lines.append(f"Of all {self.healthy:,} healthy ramps, {share:.2g} % were stopped.")
        return "\n".join(lines)


def main() -> int:
    """Run the cells; write the table where all of them were run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ramps", type=int, default=RAMPS)
    parser.add_argument("--only", default="", help="kinds with this in their name")
    options = parser.parse_args()
    began, table = time.monotonic(), Table({}, [])
    todo = list(cells(options.ramps, options.only))
    progress = Progress(len(todo))
    with ProcessPoolExecutor() as pool:
        for number, (cell, stops, wrong) in enumerate(pool.map(measured, todo), start=1):
            table.take(cell, stops, wrong)
            progress.show(number, f"{number} of {len(todo)}  {cell.kind} at {cell.rate}/s")
    progress.end()
    if table.healthy and table.stopped > MAX_STOPPED_IN_ALL * table.healthy:
        table.missed.append(f"{table.stopped} of {table.healthy} healthy ramps stopped")
    text = table.text(options.ramps)
    print(text)
    for missed in table.missed:
        print(f"NOT REACHED  {missed}")
    print(f"{len(todo)} cells, {len(table.missed)} not reached, {time.monotonic() - began:.0f} s")
    if not options.only and PAGE.exists():
        page = PAGE.read_text()
        before, _, rest = page.partition(BEGIN)
        _, _, after = rest.partition(END)
        PAGE.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}")
    return 1 if table.missed else 0


if __name__ == "__main__":
    sys.exit(main())
