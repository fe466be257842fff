"""A whole run: no credential is in any file it leaves, and its products are on sale for seconds."""

import json
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import pytest
from worlds import ROOT, Done, TestWorld, results

ALL = "smoke or integration or security"
# Each of these tests looks at what shoppers see, which needs products that shoppers see.
OF_VISIBILITY = {"test_autocomplete", "test_catalogue", "test_facets", "test_no_text_runs",
                 "test_saved", "test_text"}  # fmt: skip
# A look takes a second or two, that of saved searches waits for a cache; the machine may be busy.
MOST_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class WholeRun:
    """A run of three suites: its output, the credentials it used, its products' listings."""

    done: Done
    out: Path
    credentials: Path
    listings: Path


@pytest.fixture(scope="module")
def whole_run(world: TestWorld, tmp_path_factory: pytest.TempPathFactory) -> WholeRun:
    folder = tmp_path_factory.mktemp("whole")
    out, noted, listings = folder / "out", folder / "credentials", folder / "listings.json"
    # A fault makes some checks fail, so that messages and reports of failures are looked at too.
    with world.fault("tokens.unverified"):
        done = world.pytest(out, "-m", ALL, "-q", "-p", "spying", "-p", "listing_spy",
                            CREDENTIALS_FILE=str(noted), LISTINGS_FILE=str(listings),
                            PYTHONPATH=str(ROOT / "tests" / "support"))  # fmt: skip
    assert done.code == 1
    assert results(out)["security.auth.tokens"] == "failed"
    return WholeRun(done, out, noted, listings)


def test_no_credential_is_in_any_file_of_a_run(world: TestWorld, whole_run: WholeRun) -> None:
    environment = world.state["environment"]
    secrets = {value for name, value in environment.items() if name.endswith("_KEY")}
    credentials = set(whole_run.credentials.read_text().split("\n")) - {""} | secrets
    assert len(credentials) > 100
    files = [path for path in whole_run.out.rglob("*") if path.is_file()]
    texts = [path.read_text(errors="replace") for path in files]
    assert len(texts) > 70
    texts.append(whole_run.done.out + whole_run.done.err)
    assert [one[:6] for one in credentials if any(one in text for text in texts)] == []


def test_products_of_a_run_are_on_sale_for_seconds(whole_run: WholeRun) -> None:
    changes = defaultdict(list)
    inserted = set()
    for event in map(json.loads, whole_run.listings.read_text().splitlines()):
        if event["command"] == "insert":
            inserted.add(event["visibility"])
        else:
            changes[event["test"].split("::")[-1]].append((event["visibility"], event["at"]))
    assert inserted == {"unlisted"}
    assert set(changes) == OF_VISIBILITY
    for name, events in changes.items():
        shown = [at for visibility, at in events if visibility == "listed"]
        hidden = [at for visibility, at in events if visibility == "unlisted"]
        assert len(shown) == len(hidden) >= 1, name
        assert sum(hidden) - sum(shown) < MOST_SECONDS, name
