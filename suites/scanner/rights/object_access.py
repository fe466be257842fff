"""Check whether an account can read, change or delete the objects of another account (BOLA).

A status alone proves nothing, because a service may answer 200 and do nothing. A read is a finding
when the response has the content that the owner sees. A change is a finding when the owner sees the
change afterwards.
"""

import re
from collections.abc import Iterator
from dataclasses import replace

from suites.probes.api import Call, Endpoint, Exchange, Observation
from suites.probes.openapi import places, value_at
from suites.scanner.result import Gap
from suites.scanner.rights.owned_objects import (
    OwnedObject,
    attempt,
    created,
    is_closed,
    is_person,
    leaves,
    list_text,
    listed_before,
    of_person,
    reader_of,
    succeeded,
)
from suites.scanner.survey.account import Account, is_accepted
from suites.scanner.survey.bodies import free_texts, is_free
from suites.scanner.survey.service import Survey
from suites.scanner.survey.vocabulary import IDENTITY, PRIVATE

RULE = "object-access"
OBJECT_ID = re.compile(r"(?:^|_|-)id$|Id$")
MIN_EQUAL = 0.6


def reading(survey: Survey) -> Iterator[Observation | Gap]:
    """Check whether a second account can read private objects of the user."""
    other = survey.second
    if other is None or not survey.user.session.headers:
        yield Gap(RULE, "the scan needs a second account: give --user2, or describe a registration")
        return
    for endpoint in survey.operations:
        names = [
            each.name
            for each in endpoint.parameters
            if each.where == "query" and each.required and OBJECT_ID.search(each.name)
        ]
        if endpoint.method == "GET" and names:
            yield Gap(
                RULE, f"{endpoint.name}: objects named by the query ({names[0]}) are not tried"
            )
    for number, endpoint in enumerate(_with_object(survey, "GET")):
        owned = _readable(survey, endpoint, f"{survey.nonce}r{number:03}")
        if owned is None:
            yield Gap(RULE, f"{endpoint.name}: the scan found no object that the user can read")
            continue
        yield _read_by(survey, endpoint, owned, other)


def _with_object(survey: Survey, *methods: str) -> list[Endpoint]:
    return [
        operation
        for operation in survey.operations
        if "{" in operation.path
        and operation.method in methods
        and not survey.is_entrance(operation)
    ]


def _readable(survey: Survey, endpoint: Endpoint, mark: str) -> OwnedObject | None:
    """Return an object that its owner can read with this operation; None without such an object."""
    candidates: list[OwnedObject | None] = []
    if is_person(endpoint):
        candidates.append(of_person(survey, endpoint, survey.user))
    else:
        candidates.append(created(survey, endpoint, survey.user, mark))
        candidates += listed_before(survey, endpoint, survey.user)
    for owned in candidates:
        if owned is not None and succeeded(attempt(owned.owner, endpoint, owned.call)):
            return owned
    return None


def _read_by(survey: Survey, endpoint: Endpoint, owned: OwnedObject, other: Account) -> Observation:
    own = attempt(owned.owner, endpoint, owned.call)
    answer = attempt(other, endpoint, owned.call)
    reason = _shown_to(survey, endpoint, owned, (own, answer), other)
    sentence = (
        f"{endpoint.name}: {other.label} reads an object of the {owned.owner.label}, {reason}"
        if reason
        else f"{endpoint.name}: {other.label} cannot read a private object of the user"
    )
    return Observation(
        RULE,
        f"{endpoint.name} read",
        bool(reason),
        sentence,
        answer,
        steps=(owned.step,) if owned.step else (),
    )


def _shown_to(
    survey: Survey,
    endpoint: Endpoint,
    owned: OwnedObject,
    answers: tuple[Exchange | None, Exchange | None],
    other: Account,
) -> str:
    """Return why the response is a leak of private data; empty when it is not a leak."""
    own, answer = answers
    if own is None or answer is None or not is_accepted(answer) or not _is_same(own, answer):
        return ""
    if not is_closed(survey, endpoint, owned.call):
        return ""
    listed = list_text(survey, endpoint, other)
    fields = _private_fields(own, answer, listed or "")
    if is_person(endpoint):
        return f"with {', '.join(fields)}" if fields else ""
    name = owned.mark or str(list(owned.call.path.values())[-1])
    if listed is None:
        return "and no list operation shows this object"
    # A list that does not even show the object to its owner, such as a first page, proves nothing.
    if name not in listed and name in (list_text(survey, endpoint, owned.owner) or ""):
        return f"which is not in the list that {other.label} can read"
    return f"with {', '.join(fields)}, which the list does not show" if fields else ""


def _is_same(own: Exchange, answer: Exchange) -> bool:
    """Return whether the response has most of the values that the owner sees."""
    mine, shown = leaves(own), leaves(answer)
    if not mine:
        return own.text.strip() != "" and own.text == answer.text
    equal = sum(bool(values & shown.get(name, set())) for name, values in mine.items())
    return equal >= MIN_EQUAL * len(mine)


def _private_fields(own: Exchange, answer: Exchange, listed: str) -> list[str]:
    """Return the private fields that are in the response and not in the list."""
    mine, shown = leaves(own), leaves(answer)
    return sorted(
        name
        for name, values in mine.items()
        if PRIVATE.search(name)
        and any(value in shown.get(name, set()) and value not in listed for value in values)
    )


def changing(survey: Survey) -> Iterator[Observation | Gap]:
    """Check whether an account can change or delete an object of another account."""
    attacker = survey.second
    if attacker is None:
        return
    operations = _with_object(survey, "PUT", "PATCH", "POST", "DELETE")
    for number, endpoint in enumerate(operations):
        if survey.changes_credentials(endpoint) and not is_person(endpoint):
            continue
        mark = f"{survey.nonce}w{number:03}"
        pair = _victim(survey, endpoint, mark)
        if pair is None:
            yield Gap(RULE, f"{endpoint.name}: the scan could not create an object to change")
            continue
        owned, other = pair
        yield _changed_by(survey, endpoint, owned, other, mark)


def _victim(survey: Survey, endpoint: Endpoint, mark: str) -> tuple[OwnedObject, Account] | None:
    """Return an object that the scan may damage, and an account that must not have access to it."""
    second = survey.second
    if second is None:
        return None
    if is_person(endpoint):
        is_lost = endpoint.method == "DELETE"
        victim = survey.new_account()[0] if is_lost else next(reversed(survey.throw_aways), None)
        if victim is None:
            return None
        owned = of_person(survey, endpoint, victim)
        others = [
            account
            for account in (survey.user2, *survey.throw_aways, survey.user)
            if account is not None and account is not victim
        ]
        return (owned, others[0]) if owned else None
    for owner in (survey.user, survey.admin):
        owned = created(survey, endpoint, owner, mark.replace("w", "c")) if owner else None
        if owned is not None:
            return owned, second if second is not owner else survey.user
    return None


def _changed_by(
    survey: Survey, endpoint: Endpoint, owned: OwnedObject, other: Account, mark: str
) -> Observation:
    """Let the other account send the change; compare what the owner sees before and after it."""
    reader = reader_of(survey, endpoint)
    call = _marked(survey, endpoint, owned, mark)
    before = _view(survey, owned, reader)
    answer = attempt(other, endpoint, call)
    after = _view(survey, owned, reader)
    is_changed = succeeded(answer) and _is_changed(endpoint, before, after, mark)
    verb = "deletes" if endpoint.method == "DELETE" else "changes"
    status = answer.status if answer else "no answer"
    sentence = (
        f"{endpoint.name}: {other.label} {verb} an object of the {owned.owner.label}; the owner "
        "sees the change afterwards"
        if is_changed
        else f"{endpoint.name}: {other.label} cannot change an object of another account; "
        f"response: {status}"
    )
    return Observation(
        RULE,
        f"{endpoint.name} change",
        is_changed,
        sentence,
        answer,
        steps=(owned.step,) if owned.step else (),
    )


def _marked(survey: Survey, endpoint: Endpoint, owned: OwnedObject, mark: str) -> Call:
    good = survey.good.get(endpoint.name)
    call = replace(good.call if good else owned.call, path=owned.call.path)
    for place in free_texts(endpoint, call):
        call = call.with_value(place, mark)
    for place in places(endpoint, call):
        if place.where == "body" and "mail" in place.name and value_at(call, place):
            call = call.with_value(place, f"{mark}@example.com")
    return call


def _view(survey: Survey, owned: OwnedObject, reader: Endpoint | None) -> list[Exchange]:
    """Return the responses that the owner gets for the object; without a mark, also the profile."""
    answers = []
    if reader is not None:
        answers.append(attempt(owned.owner, reader, Call(path=owned.call.path)))
    if not owned.mark:
        answers += [
            attempt(owned.owner, operation, Call())
            for operation in survey.profile_operations()
            if operation.secured
        ]
    return [answer for answer in answers if answer is not None]


def _is_changed(
    endpoint: Endpoint, before: list[Exchange], after: list[Exchange], mark: str
) -> bool:
    """Return whether the owner sees the mark, another value (POST) or no object (DELETE)."""
    if endpoint.method == "DELETE":
        return any(
            is_accepted(earlier) and not is_accepted(later)
            for earlier, later in zip(before, after, strict=False)
        )
    is_shown, was_shown = (any(mark in view.text for view in views) for views in (after, before))
    if is_shown and not was_shown:
        return True
    is_action = endpoint.method == "POST" and bool(before) and bool(after)
    return is_action and is_accepted(before[0]) and leaves(before[0]) != leaves(after[0])


def naming_others(survey: Survey) -> Iterator[Observation | Gap]:
    """Check whether a body with another account's name changes that account (``PUT /profile``)."""
    if len(survey.throw_aways) < MIN_ACCOUNTS:
        return
    attacker, victim = survey.throw_aways[0], survey.throw_aways[-1]
    for number, endpoint in enumerate(survey.operations):
        if endpoint.method not in ("PUT", "PATCH", "POST") or survey.is_entrance(endpoint):
            continue
        good = survey.good.get(endpoint.name)
        call = good.call if good else Call()
        naming = [
            place
            for place in places(endpoint, call)
            if place.where == "body" and IDENTITY.match(place.name.rpartition(".")[2])
        ]
        values = {place.name: victim.profile.get(place.name, victim.name) for place in naming}
        if not naming or "{" in endpoint.path:
            continue
        mark = f"{survey.nonce}b{number:03}"
        for place in places(endpoint, call):
            if place.where == "body" and place.name not in values and is_free(place):
                call = call.with_value(place, mark)
        if mark not in str(call.body):
            continue
        for place in naming:
            call = call.with_value(place, values[place.name])
        owned = OwnedObject(victim, Call(), "", is_created=True)
        before = _view(survey, owned, None)
        answer = attempt(attacker, endpoint, call)
        after = _view(survey, owned, None)
        is_changed = succeeded(answer) and _is_changed(endpoint, before, after, mark)
        verb = "changes" if is_changed else "does not change"
        sentence = f"{endpoint.name}: a body that names another account {verb} that account's data"
        yield Observation(RULE, f"{endpoint.name} named account", is_changed, sentence, answer)


MIN_ACCOUNTS = 2
