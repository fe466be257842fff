"""Defines the fixtures of the security suite, and writes the suite's findings as SARIF."""

import fcntl
import json
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from gates.model import Target
from suites.client import StoreClient, masked
from suites.client.sandbox import pay_by_card
from suites.probes.api import Observation
from suites.probes.injection import SEED
from suites.probes.rules import RULES
from suites.pytest_plugin.state import SUMMARY, TARGET, run_folder
from suites.scanner.sarif import curl, joined, sarif, write
from suites.security.accepted import read, still_open
from suites.security.surface import ROLES, WRONG_TEXT, NoFindingAssertion, Surface
from suites.testdata.people import NewPerson, Person, log_in

if TYPE_CHECKING:
    from suites.testdata.ownership import Ownership, OwnProduct

OBSERVATIONS = pytest.StashKey[list[Observation]]()
FILE = "security.sarif"
MAX_FINDINGS = 3


@pytest.fixture(scope="module")
def surface(target: Target, run_id: str) -> Surface:
    """The surface of the target, which makes senders of requests for the probes."""
    return Surface(target, run_id)


@pytest.fixture
def people(new_person: NewPerson) -> dict[str, Person]:
    """One logged-in user of each role, keyed by the role."""
    return dict(zip(ROLES, new_person.several(*ROLES), strict=True))


@pytest.fixture
def owner(new_client: Callable[[], StoreClient], ownership: "Ownership") -> Person:
    """A logged-in user with the role owner, who may use every operation."""
    return log_in(new_client(), ownership.user(role="owner"))


@pytest.fixture
def values(
    owner: Person, ownership: "Ownership", product: "OwnProduct", new_order: Callable[..., Any]
) -> dict[str, object]:
    """Valid values for the parameters of every operation, with data of the owner."""
    paid, order = new_order(owner), new_order(owner)
    payment = pay_by_card(owner.client, paid["id"], paid["total_paise"]).body
    return {
        "user_id": ownership.user().user_id,
        "order_id": order["id"],
        "payment_id": payment["id"],
        "product_id": product.product_id,
        "amount_paise": order["total_paise"],
        "permission": "orders:read",
        "role": "staff",
        "resource_id": "till",
        "level": "read",
        "quantity": 1,
        "q": "rice",
        "client_order_id": f"{owner.user.user_id[-30:]}-probe",
        "identifier": owner.user.phone,
        "password": WRONG_TEXT,
    }


@pytest.fixture
def no_finding(request: pytest.FixtureRequest, target: Target) -> NoFindingAssertion:
    """A function that fails the check if there is an open finding, or no observation at all."""
    all_observations = request.config.stash.setdefault(OBSERVATIONS, [])

    def assert_no_finding(observations: Iterable[Observation]) -> None:
        new_observations = list(observations)
        all_observations.extend(new_observations)
        findings = still_open(new_observations, read())
        if not new_observations:
            pytest.fail("no probe returned an observation: this check has no result", pytrace=False)
        if findings:
            secrets = tuple(target.secrets.values())
            lines = [_finding_text(finding) for finding in findings[:MAX_FINDINGS]]
            if len(findings) > MAX_FINDINGS:
                hidden = len(findings) - MAX_FINDINGS
                lines.append(f"findings not shown here: {hidden}; see {FILE} in the run's folder")
            pytest.fail(masked("\n".join(lines), secrets), pytrace=False)

    return assert_no_finding


@pytest.fixture
def say(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """A function that adds a line to the summary at the end of the run."""
    return request.config.stash.setdefault(SUMMARY, []).append


def _finding_text(finding: Observation) -> str:
    """Return a finding as text: rule, sentence, what a safe service does, and a curl command."""
    rule = RULES[finding.rule]
    again = f"\n  again: {curl(finding.exchange)}" if finding.exchange else ""
    return (
        f"{rule.name} (CWE-{rule.cwe}, ASVS {rule.asvs}): {finding.sentence}\n"
        f"  a safe service {rule.secure}{again}"
    )


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Add the findings of this process to the SARIF file in the folder of the run record."""
    config = session.config
    observations = config.stash.get(OBSERVATIONS, [])
    if not observations:
        return
    # The seed repeats the payloads.
    summary = config.stash.setdefault(SUMMARY, [])
    summary.append(f"{len(observations)} observations; payload seed {SEED}")
    secrets = tuple(config.stash[TARGET].secrets.values())
    _add_findings(run_folder(config), sarif(observations, secrets))


def _add_findings(folder: Path, log: Mapping[str, object]) -> None:
    """Add a log to the SARIF file of the run, which all processes of the run share."""
    path = folder / FILE
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if path.exists():
            log = joined(json.loads(path.read_text()), log)
        write(path, log)
    finally:
        os.close(descriptor)
