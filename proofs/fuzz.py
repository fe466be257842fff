"""Schemathesis on the contract against a running store: no 500, nothing undocumented.

Runs it once for each role, logged in, on a world of its own. Its requests carry the exemption
from the rate limit, as those of any sender that cannot choose its address.
"""

import argparse
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import requests
import tests_path  # noqa: F401 - what lies in tests/support
from pymongo import MongoClient
from worlds import TestWorld

from gates.model import Target
from gates.policy import target_file as targets
from suites.client import StoreClient, exemption, loopback_source
from suites.contract import load
from suites.contract.operations import FILE
from suites.testdata.ownership import Ownership
from suites.testdata.people import log_in

ROOT = Path(__file__).resolve().parent.parent
TOOL = ROOT / ".venv" / "tools" / "bin" / "st"
EXAMPLES = 60
SEED = 11
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
)
# WebSockets are not HTTP operations; a log-out would end the session the run lives on.
LEFT_OUT = ("order_updates", "delivery_updates", "logout")
MIN_USED = 0.1
ROLES = ("customer", "admin")


def arguments(target: Target, token: str, examples: int) -> list[str]:
    """Schemathesis' command line."""
    headers = {
        "X-Kirana-Exemption": exemption(target.secrets["exemption_key"], time.time()),
        "X-Kirana-Synthetic": "fuzz",
        **({"Authorization": f"Bearer {token}"} if token else {}),
    }
    return [
        str(TOOL),
        "run",
        str(FILE),
        "--url",
        target.addresses.api,
        "--checks",
        ",".join(CHECKS),
        "--max-examples",
        str(examples),
        "--seed",
        str(SEED),
        "--continue-on-failure",
        "--generation-database",
        "none",
        "--no-color",
        "--warnings",
        "off",
        *[part for name, value in headers.items() for part in ("-H", f"{name}: {value}")],
    ]


def fuzz(target: Target, world: TestWorld, examples: int) -> int:
    """Run Schemathesis as each role, then the log-out alone; return the number of failed runs."""
    left_out = [part for name in LEFT_OUT for part in ("--exclude-operation-id", name)]
    failed_runs = 0
    with MongoClient[dict[str, Any]](target.secrets["database_uri"], tz_aware=True) as database:
        own = Ownership(database.get_default_database(), "fuzz")
        for role in ROLES:
            token = _token(target, own, role)
            before = _answers(target)
            failed_runs += _run(
                role, [*arguments(target, token, examples), *left_out], world.folder
            )
            answers = _answers(target) - before
            print(f"answers by status: {dict(sorted(answers.items()))}", flush=True)
            if answers["200"] + answers["201"] < MIN_USED * answers.total():
                raise SystemExit("fuzz: too few requests were let in to say anything")
        alone = ["--include-operation-id", "logout"]
        failed_runs += _run("log-out", [*arguments(target, "", examples), *alone], world.folder)
    return failed_runs


def _token(target: Target, own: Ownership, role: str) -> str:
    client = StoreClient(target, load(), "fuzz", loopback_source())
    try:
        return log_in(client, own.user(role=role)).client.token
    finally:
        client.close()


def _answers(target: Target) -> Counter[str]:
    """How many answers of each status the store has counted."""
    text = requests.get(target.addresses.api + "/metrics", timeout=5).text
    counted = re.findall(r'^http_requests_total\{.*status="(\d+)".*\} (\S+)$', text, re.MULTILINE)
    answers: Counter[str] = Counter()
    for status, value in counted:
        answers[status] += round(float(value))
    return answers


def _run(name: str, command: Sequence[str], folder: Path) -> int:
    print(f"== {name}", flush=True)
    return int(subprocess.run(command, cwd=folder, check=False).returncode != 0)


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python proofs/fuzz.py", description=__doc__)
    parser.add_argument("--examples", type=int, default=EXAMPLES)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kirana-fuzz-") as folder:
        world = TestWorld(Path(folder) / "world")
        up = world.testbed("up", "--ports", "free")
        if up.code:
            raise SystemExit(f"fuzz: {up.err}")
        try:
            failed_runs = fuzz(targets.load("green", world.targets), world, options.examples)
        finally:
            world.testbed("down")
    print(f"fuzz: {failed_runs} of {len(ROLES) + 1} runs found something")
    return int(failed_runs > 0)


if __name__ == "__main__":
    sys.exit(main())
