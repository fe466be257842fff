"""Find or create objects that belong to one account, and that no other account may access."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from suites.probes.api import Call, Endpoint, Exchange
from suites.probes.openapi import value_at
from suites.scanner.sending import UnreachableError
from suites.scanner.survey.account import Account, is_accepted, json_of
from suites.scanner.survey.bodies import with_mark
from suites.scanner.survey.known_values import KnownObject, KnownValues, objects_in
from suites.scanner.survey.service import PERSONS, Survey
from suites.scanner.survey.vocabulary import IDENTITY

REFUSED = (401, 403, 404)


@dataclass(frozen=True, slots=True)
class OwnedObject:
    """An object that belongs to an account of the scan.

    Args:
        owner: the account that owns the object.
        call: the values of a request whose path names the object.
        mark: a unique text that the scan wrote into the object; empty if it wrote no text.
        is_created: whether the scan created the object.
        step: the exchange that created the object; None when the scan did not create the object.
    """

    owner: Account
    call: Call
    mark: str
    is_created: bool
    step: Exchange | None = None


def attempt(account: Account, endpoint: Endpoint, call: Call) -> Exchange | None:
    """Send a request as an account; return the exchange, or None when no response came."""
    try:
        return account.send(endpoint, call)
    except UnreachableError:
        return None


def succeeded(answer: Exchange | None) -> bool:
    """Return whether a response came and reports success; None stands for no response."""
    return answer is not None and is_accepted(answer)


def is_closed(survey: Survey, endpoint: Endpoint, call: Call) -> bool:
    """Return whether the operation refuses a request without a session."""
    answer = attempt(survey.nobody, endpoint, call)
    return answer is not None and not is_accepted(answer)


def is_person(endpoint: Endpoint) -> bool:
    """Return whether the last parameter of the path names a person, as in ``/users/{id}``."""
    before, _, last = endpoint.path.rpartition("{")
    noun = before.rstrip("/").rpartition("/")[2].rstrip("s").lower()
    return noun in PERSONS or bool(IDENTITY.match(last.partition("}")[0]))


def last_parameter(endpoint: Endpoint) -> str:
    """Return the name of the last parameter in the path of an operation."""
    return endpoint.path.rpartition("{")[2].partition("}")[0]


def of_person(survey: Survey, endpoint: Endpoint, owner: Account) -> OwnedObject | None:
    """Return the object that describes an account, such as ``/users/{name}``; None if unknown."""
    name = last_parameter(endpoint)
    call = next(iter(survey.candidates(endpoint, owner)))
    own = {str(value) for value in owner.profile.values()} | {owner.name}
    values = [value for value in survey.path_values(endpoint, name, owner) if value in own]
    if not values:
        return None
    return OwnedObject(
        owner, replace(call, path={**call.path, name: values[0]}), "", owner.is_throw_away
    )


def created(survey: Survey, endpoint: Endpoint, owner: Account, mark: str) -> OwnedObject | None:
    """Create an object as an account; return None when this is not possible.

    Args:
        survey: the survey of the service.
        endpoint: the operation whose path names an object of this kind, such as ``/orders/{id}``.
        owner: the account that creates the object.
        mark: a unique text, which is written into the object where the service accepts it.
    """
    listing, making = survey.collection_of(endpoint)
    good = survey.good.get(making.name) if making else None
    if making is None or good is None or survey.is_entrance(making):
        return None
    call, free = with_mark(making, good.call, mark)
    answer = attempt(owner, making, call)
    if answer is None or not is_accepted(answer):
        call = survey.fresh(making, good.call)
        answer = attempt(owner, making, call)
        free = []
        if answer is None or not is_accepted(answer):
            return None
    known_values = KnownValues()
    known_values.learn(making, answer, owner.label)
    listed = attempt(owner, listing, _listing_call(survey, listing)) if listing else None
    if listed is not None and free:
        known_values.objects += [
            known for known in _known(listing, listed, owner) if mark in str(known.fields)
        ]
    name = last_parameter(endpoint)
    values = known_values.for_path(endpoint, name, owner.label)
    values += [str(value_at(call, place)) for place in free if place.name == name]
    owned = OwnedObject(owner, call, mark if free else "", is_created=True, step=answer)
    return _reached(survey, endpoint, owned, values)


def _known(listing: Endpoint | None, answer: Exchange, owner: Account) -> list[KnownObject]:
    pool = KnownValues()
    if listing is not None:
        pool.learn(listing, answer, owner.label)
    return pool.objects


def _reached(
    survey: Survey, endpoint: Endpoint, owned: OwnedObject, values: list[str]
) -> OwnedObject | None:
    """Find the path value with which the owner can read the object; return the object with it."""
    name = last_parameter(endpoint)
    base = next(iter(survey.candidates(endpoint, owned.owner)))
    reading = survey.reading_twin(_object_path(survey, endpoint))
    for value in dict.fromkeys(values):
        call = replace(base, path={**base.path, name: value})
        if reading is None or succeeded(attempt(owned.owner, reading, Call(path=call.path))):
            return replace(owned, call=call)
    return None


def _object_path(survey: Survey, endpoint: Endpoint) -> Endpoint:
    """Return the operation that reads the object of a path such as ``/orders/{id}/cancel``."""
    path = endpoint.path[: endpoint.path.rindex("}") + 1]
    return next(
        (
            operation
            for operation in survey.operations
            if operation.path == path and operation.method == "GET"
        ),
        endpoint,
    )


def reader_of(survey: Survey, endpoint: Endpoint) -> Endpoint | None:
    """Return the GET operation that shows the object of an operation's path; None without one."""
    operation = _object_path(survey, endpoint)
    return operation if operation.method == "GET" else None


def listed_before(survey: Survey, endpoint: Endpoint, owner: Account) -> Iterator[OwnedObject]:
    """Yield at most two objects of an account, which the scan did not create.

    The function reads the list of the collection in the operation's path, as the account.
    """
    name = last_parameter(endpoint)
    base = next(iter(survey.candidates(endpoint, owner)))
    listing, _ = survey.collection_of(endpoint)
    if listing is None:
        return
    answer = attempt(owner, listing, _listing_call(survey, listing))
    if answer is None or not is_accepted(answer):
        return
    known_values = KnownValues()
    known_values.learn(listing, answer, owner.label)
    for value in known_values.for_path(endpoint, name, owner.label)[:2]:
        yield OwnedObject(
            owner, replace(base, path={**base.path, name: value}), "", is_created=False
        )


def _listing_call(survey: Survey, listing: Endpoint) -> Call:
    good = survey.good.get(listing.name)
    return good.call if good else Call()


def list_text(survey: Survey, endpoint: Endpoint, account: Account) -> str | None:
    """Return the text of the list that the service shows to an account for a collection.

    Returns:
        The text of the response, empty after a refusal; None where no operation lists the
        collection.
    """
    listing, _ = survey.collection_of(endpoint)
    if listing is None:
        return None
    answer = attempt(account, listing, _listing_call(survey, listing))
    return answer.text if answer is not None and is_accepted(answer) else ""


def leaves(answer: Exchange) -> dict[str, set[str]]:
    """Return all values of each field in a JSON response, keyed by the name of the field."""
    values_by_name: dict[str, set[str]] = {}
    for fields in objects_in(json_of(answer)):
        for name, value in fields.items():
            values_by_name.setdefault(name, set()).add(str(value))
    return values_by_name
