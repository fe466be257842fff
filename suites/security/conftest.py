"""What only the security suite uses: the surface, and people to attack as."""

import json
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import pytest

from gates.model import Target
from suites.client import StoreClient, masked
from suites.client.sandbox import pay_by_card
from suites.probes.api import Observation
from suites.probes.injection import SEED
from suites.probes.rules import RULES
from suites.scanner.sarif import curl, sarif
from suites.security.accepted import read, still_open
from suites.security.surface import ROLES, Surface
from suites.testdata.people import Person, log_in

if TYPE_CHECKING:
    from suites.testdata.ownership import Ownership, OwnProduct

OBSERVATIONS = pytest.StashKey[list[Observation]]()
SAID = pytest.StashKey[list[str]]()
MOST_TOLD = 3


@pytest.fixture(scope="module")
def surface(target: Target, run_id: str) -> Surface:
    """The target's operations, and ways to send to it."""
    return Surface(target, run_id)


@pytest.fixture
def people(new_person: Callable[..., Person]) -> dict[str, Person]:
    """Somebody of each role, logged in."""
    return {role: new_person(role=role) for role in ROLES}


@pytest.fixture
def owner(new_client: Callable[[], StoreClient], ownership: "Ownership") -> Person:
    """Somebody every operation is open to."""
    return log_in(new_client(), ownership.user(role="owner"))


@pytest.fixture
def values(
    owner: Person, ownership: "Ownership", product: "OwnProduct", new_order: Callable[..., Any]
) -> dict[str, object]:
    """Values for the parameters of every operation: the owner's own things."""
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
        "password": "not the password",
    }


@pytest.fixture
def no_finding(
    request: pytest.FixtureRequest, target: Target
) -> Callable[[Iterable[Observation]], None]:
    """Judges what probes saw: something must have been looked at, and nothing be open."""
    seen = request.config.stash.setdefault(OBSERVATIONS, [])

    def judge(observations: Iterable[Observation]) -> None:
        made = list(observations)
        seen.extend(made)
        found = still_open(made, read())
        if not made:
            pytest.fail("nothing was looked at, so nothing can be said", pytrace=False)
        if found:
            secrets = tuple(target.secrets.values())
            lines = [told(one) for one in found[:MOST_TOLD]]
            if len(found) > MOST_TOLD:
                lines.append(f"{len(found) - MOST_TOLD} more: security.sarif in the run's folder")
            pytest.fail(masked("\n".join(lines), secrets), pytrace=False)

    return judge


@pytest.fixture
def say(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Says something of the run at its end."""
    return request.config.stash.setdefault(SAID, []).append


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """How much was tried, and how to try the same again."""
    said = config.stash.get(SAID, [])
    if config.stash.get(OBSERVATIONS, []):
        said = [*said, f"{len(config.stash[OBSERVATIONS])} observations; payloads of seed {SEED}"]
    for line in said:
        terminalreporter.write_line(line)


def told(one: Observation) -> str:
    """A finding as a person reads it."""
    rule = RULES[one.rule]
    again = f"\n  again: {curl(one.exchange)}" if one.exchange else ""
    return (
        f"{rule.name} (CWE-{rule.cwe}, ASVS {rule.asvs}): {one.sentence}\n"
        f"  a safe store {rule.secure}{again}"
    )


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write what was seen as SARIF, beside the run's record."""
    observations = session.config.stash.get(OBSERVATIONS, [])
    if not observations:
        return
    from suites.pytest_plugin.plugin import TARGET, run_folder

    worker = getattr(session.config, "workerinput", {}).get("workerid", "")
    path = run_folder(session.config) / f"security{'-' if worker else ''}{worker}.sarif"
    secrets = tuple(session.config.stash[TARGET].secrets.values())
    path.write_text(json.dumps(sarif(observations, secrets), indent=1))
