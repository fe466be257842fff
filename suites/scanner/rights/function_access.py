"""Check whether an ordinary account can do what only administrators or other users may do.

The account calls the operations of administrators (BFLA), and sets passwords of other accounts.
"""

from collections.abc import Iterator
from dataclasses import replace

from suites.probes.api import Call, Endpoint, Exchange, Observation
from suites.probes.openapi import places
from suites.scanner.result import Gap
from suites.scanner.rights.owned_objects import (
    attempt,
    created,
    is_person,
    last_parameter,
    of_person,
    succeeded,
)
from suites.scanner.sending import UnreachableError
from suites.scanner.session import WRONG_TEXT, Login, LoginFailedError, logged_in
from suites.scanner.survey.account import Account, is_accepted, json_of
from suites.scanner.survey.bodies import GOOD_PASSWORD, full_call
from suites.scanner.survey.known_values import objects_in
from suites.scanner.survey.service import GoodCall, Survey
from suites.scanner.survey.vocabulary import (
    IDENTITY,
    PASSWORD,
    PRIVATE,
    PRIVILEGE,
    is_administration,
)

RULE = "function-access"
OLD_PASSWORD = ("old", "current", "previous", "existing")
MIN_PEOPLE = 2
FORBIDDEN = 403
# The first digit of the statuses 400 to 499.
CLIENT_ERRORS = 4


def ordinary(survey: Survey) -> Account | None:
    """Return an account without special rights; None where the scan has no such account."""
    if survey.throw_aways:
        return survey.throw_aways[0]
    if survey.user2 is not None:
        return survey.user2
    return survey.user if survey.admin is not None and survey.user.session.headers else None


def administration(survey: Survey) -> Iterator[Observation | Gap]:
    """Check whether an ordinary account can call the operations of administrators."""
    account = ordinary(survey)
    if account is None:
        reason = (
            "the scan knows no ordinary account: give --user2, or give --admin, so that --user "
            "counts as ordinary"
        )
        yield Gap(RULE, reason)
        return
    named = [
        operation
        for operation in survey.operations
        if is_administration(operation) and not survey.is_entrance(operation)
    ]
    if not named and survey.admin is None:
        yield Gap(RULE, "no operation is marked as an operation for administrators; give --admin")
    for number, endpoint in enumerate(named):
        call = _call_without_harm(survey, endpoint, f"{survey.nonce}f{number:03}")
        if call is None:
            yield Gap(
                RULE,
                f"{endpoint.name}: not called, because the scan has no object that it may change",
            )
            continue
        answer = attempt(account, endpoint, call)
        is_open = succeeded(answer) and answer is not None and "html" not in answer.content_type
        status = f"status {answer.status}" if answer else "no response"
        sentence = (
            f"{endpoint.name} is for administrators, and answers an ordinary account with {status}"
        )
        yield Observation(RULE, endpoint.name, is_open, sentence, answer)
    yield from _refused_elsewhere(survey, account, named)


def _refused_elsewhere(
    survey: Survey, account: Account, named: list[Endpoint]
) -> Iterator[Observation]:
    """Check whether an ordinary account can change objects that only administrators create."""
    if survey.admin is None:
        return
    for number, endpoint in enumerate(survey.operations):
        if endpoint in named or endpoint.method not in ("DELETE", "PUT", "PATCH"):
            continue
        _, making = survey.collection_of(endpoint)
        good = survey.good.get(making.name) if making else None
        if good is None or good.account is not survey.admin:
            continue
        owned = created(survey, endpoint, survey.admin, f"{survey.nonce}a{number:03}")
        if owned is None:
            continue
        own = survey.good.get(endpoint.name)
        call = replace(own.call if own else owned.call, path=owned.call.path)
        answer = attempt(account, endpoint, call)
        verb = "accepts" if succeeded(answer) else "refuses"
        sentence = (
            f"{endpoint.name} {verb} a request of an ordinary account for an object that only an "
            "administrator can create"
        )
        yield Observation(RULE, endpoint.name, succeeded(answer), sentence, answer)


def _call_without_harm(survey: Survey, endpoint: Endpoint, mark: str) -> Call | None:
    """Return a request that can damage only objects of the scan; None without such a request."""
    good = survey.good.get(endpoint.name)
    call = good.call if good else full_call(endpoint, survey.known, optional=True)
    if endpoint.method == "GET" or "{" not in endpoint.path:
        return call
    if is_person(endpoint):
        victim, _ = survey.new_account()
        owned = of_person(survey, endpoint, victim) if victim else None
        if owned is None and victim is not None:
            shown = _listed_value(survey, victim)
            path = {**call.path, last_parameter(endpoint): shown}
            return replace(call, path=path) if shown else None
    else:
        owned = created(survey, endpoint, survey.admin, mark) if survey.admin else None
    return replace(call, path=owned.call.path) if owned else None


def _listed_value(survey: Survey, victim: Account) -> str:
    """Return the id of an account from the lists of an administrator; empty if unknown."""
    reader = survey.admin or survey.user
    for good in survey.good.values():
        if good.endpoint.method != "GET" or "{" in good.endpoint.path:
            continue
        answer = attempt(reader, good.endpoint, good.call)
        for fields in objects_in(json_of(answer)) if answer else ():
            if victim.name in map(str, fields.values()):
                return str(fields.get("id", fields.get("_id", victim.name)))
    return ""


def lists_of_people(survey: Survey) -> Iterator[Observation]:
    """Check whether an ordinary account can list other accounts with their private fields."""
    account = ordinary(survey)
    if account is None:
        return
    for good in survey.good.values():
        endpoint = good.endpoint
        if endpoint.method != "GET" or "{" in endpoint.path:
            continue
        answer = attempt(account, endpoint, good.call)
        if (
            answer is None
            or not is_accepted(answer)
            or succeeded(attempt(survey.nobody, endpoint, good.call))
        ):
            continue
        people, fields = _people_in(survey, answer, account)
        # A directory of names may be for everybody, unless the document says who is refused.
        if FORBIDDEN not in endpoint.statuses:
            fields = {name for name in fields if PRIVILEGE.match(name)}
        is_open = len(people) >= MIN_PEOPLE and bool(fields)
        sentence = (
            f"{endpoint.name} shows {len(people)} other accounts with "
            f"{', '.join(sorted(fields))} to an ordinary account"
            if is_open
            else f"{endpoint.name} does not show a list of accounts to an ordinary account"
        )
        yield Observation(RULE, endpoint.name, is_open, sentence, answer)


def _people_in(survey: Survey, answer: Exchange, account: Account) -> tuple[set[str], set[str]]:
    """Return the names of other accounts in a response, and the names of their private fields."""
    others = {other.name for other in survey.accounts() if other is not account and other.name}
    people: set[str] = set()
    fields: set[str] = set()
    for shown in objects_in(json_of(answer)):
        names = others & set(map(str, shown.values()))
        people |= names
        if names:
            fields |= {key for key in shown if PRIVATE.search(key)}
    return people, fields


def passwords(survey: Survey) -> Iterator[Observation | Gap]:
    """Check whether an account can set the password of another account.

    The log-in of the other account with the new password is the proof.
    """
    for endpoint in survey.operations:
        call = full_call(endpoint, survey.known, optional=True)
        secret = [
            place
            for place in places(endpoint, call)
            if place.where == "body" and PASSWORD.search(place.name)
        ]
        names = [
            place
            for place in places(endpoint, call)
            if (place.where == "path" and is_person(endpoint))
            or (place.where == "body" and IDENTITY.match(place.name))
        ]
        is_change = endpoint.method in ("PUT", "PATCH", "POST") and not survey.is_entrance(endpoint)
        if not secret or not is_change or not names:
            continue
        good = GoodCall(endpoint, call, survey.user, None)
        yield _password_of_other(survey, good)


def _password_of_other(survey: Survey, good: GoodCall) -> Observation | Gap:
    endpoint, place = good.endpoint, f"{good.endpoint.name} password"
    victim, _ = survey.new_account()
    # A service may change the password of the caller instead, so the caller is new as well.
    attacker = survey.new_account()[0] or survey.user
    if victim is None:
        victim = survey.user2
    if victim is None or victim.login is None or attacker.login is None or attacker is victim:
        return Gap("object-access", f"{place}: no account whose password the scan may change")
    new = f"{GOOD_PASSWORD}-{survey.nonce}"
    answer = attempt(attacker, endpoint, _password_call(survey, good, victim, new))
    # Also an operation that fails with 500, or that does not answer, may have changed the password.
    is_refused = answer is not None and answer.status // 100 == CLIENT_ERRORS
    changed = not is_refused and _logs_in(survey, replace_password(victim.login, new))
    if changed and not victim.is_throw_away:
        attempt(attacker, endpoint, _password_call(survey, good, victim, victim.login.password))
    if not attacker.is_throw_away and _logs_in(survey, replace_password(attacker.login, new)):
        attempt(attacker, endpoint, _password_call(survey, good, attacker, attacker.login.password))
    status = answer.status if answer else "nothing"
    sentence = (
        f"{endpoint.name}: the {attacker.label} sets the password of another account, and the "
        "other account can log in with the new password"
        if changed
        else f"a request of {endpoint.name} for the password of another account got {status}, and "
        "did not change the password"
    )
    return Observation("object-access", place, changed, sentence, answer)


def _password_call(survey: Survey, good: GoodCall, victim: Account, new: str) -> Call:
    endpoint, call = good.endpoint, good.call
    for place in places(endpoint, call):
        name = place.name.rpartition(".")[2]
        if place.where == "path":
            owned = of_person(survey, endpoint, victim)
            call = (
                replace(call, path=owned.call.path)
                if owned
                else call.with_value(place, victim.name)
            )
        elif place.where == "body" and PASSWORD.search(name):
            is_old = any(part in name.lower() for part in OLD_PASSWORD)
            call = call.with_value(place, WRONG_TEXT if is_old else new)
        elif place.where == "body" and IDENTITY.match(name):
            call = call.with_value(place, victim.profile.get(name, victim.name))
    return call


def replace_password(login: Login, password: str) -> Login:
    """Return the log-in with another password."""
    return replace(login, password=password)


def _logs_in(survey: Survey, login: Login) -> bool:
    try:
        logged_in(survey.nobody.watch.sender, login, {})
    except (LoginFailedError, UnreachableError):
        return False
    return True
