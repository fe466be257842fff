"""Attacks on rights, in the process of the test: a weakness is found, and only there."""

from collections.abc import Callable, Iterable

import clinic
import market
import odd_services
import pytest
from small_service import SmallService, served

from suites.probes.api import Observation
from suites.probes.openapi import endpoints
from suites.scanner.payloads import fetches, markup
from suites.scanner.result import Gap, ScanResult
from suites.scanner.rights import (
    assignment,
    entrances,
    exposure,
    function_access,
    object_access,
    session_probes,
)
from suites.scanner.scan import Accounts, Choice, Scan
from suites.scanner.sending import Budget, BudgetOverError, HttpSender
from suites.scanner.session import Login
from suites.scanner.survey.service import Survey

Attack = Callable[[Survey], Iterable[Observation | Gap]]
# For each service: the log-in, the names of three accounts, and the password.
NAMES = {
    "clinic": ("logIn", (clinic.MEMBER, clinic.SECOND, clinic.ADMIN), clinic.PASSWORD),
    "market": ("signIn", (market.BUYER, market.SECOND, market.ADMIN), market.PASSWORD),
}
CASES: dict[str, tuple[str, str, Attack]] = {
    "clinic: read": ("clinic", "read of another's record", object_access.reading),
    "clinic: change": ("clinic", "change of another's record", object_access.changing),
    "clinic: statistics": ("clinic", "statistics for everybody", function_access.administration),
    "clinic: registration": ("clinic", "role at registration", assignment.at_registration),
    "clinic: patch": ("clinic", "role by patch", assignment.in_changes),
    "clinic: log-in": ("clinic", "log-in names unknown users", entrances.enumeration),
    "clinic: reset": ("clinic", "reset names unknown users", entrances.enumeration),
    "clinic: hash": ("clinic", "hash in the profile", exposure.exposure),
    "clinic: guesses": ("clinic", "no limit of guesses", entrances.guessing),
    "clinic: address": ("clinic", "fetch of any address", fetches.fetches),
    "market: orders": ("market", "orders of others", object_access.reading),
    "market: passwords": ("market", "passwords of others", function_access.passwords),
    "market: registration": ("market", "administrator at registration", assignment.at_registration),
    "market: users": ("market", "users for everybody", function_access.lists_of_people),
    "market: other sites": ("market", "requests of other sites", session_probes.other_sites),
    "market: comments": ("market", "comments as markup", markup.stored),
    "market: names": ("market", "register names known users", entrances.enumeration),
}


def service(name: str, weak: set[str]) -> SmallService:
    return clinic.Clinic(weak) if name == "clinic" else market.Market(weak)


def surveyed(name: str, url: str) -> Survey:
    """The survey of a service, by its three accounts."""
    document = clinic.OPENAPI if name == "clinic" else market.OPENAPI
    operations = endpoints(document)
    log_in, names, password = NAMES[name]
    endpoint = next(operation for operation in operations if operation.name == log_in)
    user, second, admin = (Login(endpoint, name, password) for name in names)
    scan = Scan(
        operations, HttpSender(url, budget=Budget(60)), Accounts(user, second, admin), Choice()
    )
    survey = scan._begun()
    scan.survey = survey
    scan._surveyed(survey)
    return survey


def findings_of(survey: Survey, attack: Attack) -> list[tuple[str, str]]:
    outcomes = list(attack(survey))
    assert [outcome for outcome in outcomes if isinstance(outcome, Observation)] != []
    return [
        (outcome.rule, outcome.place)
        for outcome in outcomes
        if isinstance(outcome, Observation) and outcome.is_finding
    ]


@pytest.fixture(autouse=True)
def _short_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetches, "LAST_WAIT_SECONDS", 0.3)


@pytest.mark.parametrize("case", CASES)
def test_a_weakness_is_found_with_its_rule_and_place(case: str) -> None:
    name, weakness, attack = CASES[case]
    rule, part = (clinic if name == "clinic" else market).WEAKNESSES[weakness]
    with served(service(name, {weakness})) as url:
        findings = findings_of(surveyed(name, url), attack)
    assert {rule_id for rule_id, place in findings if part in place} == {rule}


@pytest.mark.parametrize("name", NAMES)
def test_the_fixed_form_has_no_finding(name: str) -> None:
    attacks = {attack: case for case, (of, _, attack) in CASES.items() if of == name}
    with served(service(name, set())) as url:
        survey = surveyed(name, url)
        findings = {case: findings_of(survey, attack) for attack, case in attacks.items()}
    assert findings == {key: [] for key in attacks.values()}


def test_a_broken_attack_does_not_lose_the_scan() -> None:
    def broken() -> Iterable[Observation]:
        yield Observation("cors", "GET x", is_finding=True, sentence="seen")
        raise KeyError("id")

    result = ScanResult()
    result.add(broken(), "objects of others")
    assert [finding.rule for finding in result.findings] == ["cors"]
    assert result.problems == ["objects of others: the attack ended with an error: KeyError: 'id'"]


def test_the_time_budget_ends_a_scan_with_what_it_found() -> None:
    with odd_services.echo() as url:
        sender = HttpSender(url, budget=Budget(0.2))
        scan = Scan(endpoints(odd_services.ECHO), sender, Accounts(None), Choice())
        result = scan.run()
    assert len(result.problems) == 1
    assert result.problems[0].startswith("the time budget of 0.2 s is over; not tested: the parts")


def test_no_request_is_sent_after_the_time() -> None:
    budget = Budget(-1.0)
    with pytest.raises(BudgetOverError):
        HttpSender("http://127.0.0.1:1", budget=budget).exchange("GET", "/", {}, None)
    assert budget.requests == 0
