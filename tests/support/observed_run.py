"""A run of suites whose credentials and listings of products are noted while it runs."""

import json
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from worlds import ROOT, Done, TestWorld, results

# A fault makes a check fail, so that messages and reports of failures are looked at, too.
FAULT, FAILING_CHECK = "tokens.unverified", "security.auth.tokens"


@dataclass(frozen=True, slots=True)
class ObservedRun:
    """A run: its output, the credentials it used, and the listings of its products.

    Args:
        done: exit code and printed text.
        out: the output folder.
        credentials: the values that must be in no file of the run.
        listings: the file of ``listing_spy``.
    """

    done: Done
    out: Path
    credentials: frozenset[str]
    listings: Path

    def texts(self) -> list[str]:
        """Every file of the run, and what it printed."""
        files = [path for path in self.out.rglob("*") if path.is_file()]
        printed = self.done.out + self.done.err
        return [*(path.read_text(errors="replace") for path in files), printed]

    def exposed(self) -> list[str]:
        """The beginnings of the credentials that are in some text of the run."""
        texts = self.texts()
        return [value[:6] for value in self.credentials if any(value in text for text in texts)]

    def inserted(self) -> set[str]:
        """The visibilities with which products were inserted."""
        return {event["visibility"] for event in self._events() if event["command"] == "insert"}

    def shown_seconds(self) -> dict[str, float]:
        """For how long the products of each test were on sale, in seconds.

        Raises:
            ValueError: a product was not taken off again.
        """
        changes = defaultdict(list)
        for event in self._events():
            if event["command"] != "insert":
                changes[event["test"].split("::")[-1]].append(event)
        return {test: _seconds(test, events) for test, events in changes.items()}

    def _events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.listings.read_text().splitlines()]


def _seconds(test: str, events: list[dict[str, Any]]) -> float:
    shown = [event["at"] for event in events if event["visibility"] == "listed"]
    hidden = [event["at"] for event in events if event["visibility"] == "unlisted"]
    if len(shown) != len(hidden) or not shown:
        raise ValueError(f"{test} put products on sale {len(shown)} times, off {len(hidden)} times")
    return float(sum(hidden) - sum(shown))


def observe(world: TestWorld, folder: Path, *arguments: str) -> ObservedRun:
    """Run checks on a green whose tokens are not verified, and note what the run does.

    Args:
        world: the testbed.
        folder: where to write.
        arguments: which checks; ``security.auth.tokens`` must be among them.
    """
    out, noted, listings = folder / "out", folder / "credentials", folder / "listings.json"
    with world.fault(FAULT):
        done = world.pytest(
            out,
            *arguments,
            "-q",
            "-p",
            "spying",
            "-p",
            "listing_spy",
            CREDENTIALS_FILE=str(noted),
            LISTINGS_FILE=str(listings),
            PYTHONPATH=str(ROOT / "tests" / "support"),
        )
    assert done.code == 1, done.out
    assert results(out)[FAILING_CHECK] == "failed"
    environment = world.state["environment"]
    keys = {value for name, value in environment.items() if name.endswith("_KEY")}
    credentials = set(noted.read_text().split("\n")) - {""} | keys
    return ObservedRun(done, out, frozenset(credentials), listings)
