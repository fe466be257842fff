"""Authorisation: every operation by every role, other people's things, fields nobody may set."""

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import pytest

from suites.client.sandbox import CARD
from suites.probes import openapi
from suites.probes.api import Call, Endpoint, Exchange, Observation, Parameter, Sender
from suites.probes.bounds import unknown_fields
from suites.pytest_plugin.marks import check
from suites.security.surface import ROLES, Judge, Surface, Values, declared, endpoints, good_call
from suites.testdata.people import Person

if TYPE_CHECKING:
    from suites.testdata.ownership import Ownership, Shop

pytestmark = pytest.mark.security

Say = Callable[[str], None]
BAD_REQUEST, UNAUTHORISED, FORBIDDEN, NOT_FOUND = 400, 401, 403, 404
# Names of parameters that lead to somebody's own things.
OBJECTS = ("order_id", "payment_id")
# What only the store may set.
PRIVILEGED: Mapping[str, object] = {
    "role": "owner", "is_admin": True, "permissions": ["*"], "user_id": "usr_other",
    "price_paise": 1, "total_paise": 1, "paid": True, "status": "paid", "balance": 1_000_000,
    "points": 1_000_000, "active": True, "_id": "x",
}  # fmt: skip


def last(one: Endpoint) -> bool:
    """Ending the session goes last, or the rest is asked by nobody."""
    return one.name == "logout"


@check("security.access.matrix", needs="access")
def test_matrix(
    surface: Surface, people: dict[str, Person], values: Values, no_finding: Judge, say: Say
) -> None:
    """Each operation lets in exactly the roles the contract declares for it."""
    observations = list(_matrix(surface, people, values))
    cells = len(endpoints()) * (len(ROLES) + 1)
    say(
        f"authorisation matrix: {len(endpoints())} operations x {len(ROLES)} roles and nobody, "
        f"{cells} cells, {surface.requests()} requests; {len(owned(values))} places lead to "
        "somebody's things, each tried by its owner and a stranger"
    )
    answers = [one.exchange for one in observations if one.place.endswith(" owner")]
    good = [answer for answer in answers if answer and succeeded(answer)]
    say(f"{len(good)} of {len(endpoints())} operations answer the owner's good call with success")
    assert len(observations) == cells
    no_finding(observations)


def _matrix(
    surface: Surface, people: Mapping[str, Person], values: Values
) -> Iterator[Observation]:
    for one in sorted(endpoints(), key=last):
        call = good_call(one, values)
        nobody = surface.sender().send(one, call)
        closed = nobody.status == UNAUTHORISED
        said = f"{one.name} answers {nobody.status} to nobody"
        yield Observation("missing-authentication", f"{one.name} nobody",
                          one.secured and not closed, said, nobody)  # fmt: skip
        lowest = declared(one.name, "x-lowest-role") or "customer"
        for role, person in people.items():
            answer = surface.sender(person.client.token).send(one, call)
            may = ROLES.index(role) >= ROLES.index(lowest)
            said = f"{one.name} answers {answer.status} to {role}; it is for {lowest} and higher"
            yield Observation("function-access", f"{one.name} {role}",
                              let_in(answer, nobody, one) != may, said, answer)  # fmt: skip


def succeeded(answer: Exchange) -> bool:
    """Whether a call did what it asked for."""
    return answer.status < 300


def let_in(answer: Exchange, nobody: Exchange, one: Endpoint) -> bool:
    """Whether somebody got past the door: a wrong code behind it is no closed door."""
    if answer.status == FORBIDDEN:
        return False
    return not (one.secured and answer.status == UNAUTHORISED and answer.text == nobody.text)


@check("security.access.objects", needs="access")
def test_other_peoples_things(
    surface: Surface, owner: Person, people: dict[str, Person], values: Values, no_finding: Judge
) -> None:
    """Somebody else's order or payment is not there: answered as one that never was."""
    no_finding(_others(surface, owner, people["customer"], values))


def owned(values: Values) -> list[tuple[Endpoint, Call, Parameter]]:
    """Every place of a secured operation that leads to somebody's own things."""
    calls = [(one, good_call(one, values)) for one in endpoints() if one.secured]
    return [(one, call, place) for one, call in calls
            for place in openapi.places(one, call) if place.name in OBJECTS]  # fmt: skip


def _others(
    surface: Surface, owner: Person, other: Person, values: Values
) -> Iterator[Observation]:
    stranger = surface.sender(other.client.token)
    for one, call, place in owned(values):
        answer = stranger.send(one, call)
        never = stranger.send(one, call.with_value(place, f"{place.name[:3]}_never"))
        own = surface.sender(owner.client.token).send(one, call)
        found = answer.status < FORBIDDEN or own.status in (NOT_FOUND, FORBIDDEN)
        said = f"{one.name} answers {answer.status} to a stranger, {own.status} to the owner"
        yield Observation("object-access", f"{one.name} {place.name}", found, said, answer)
        told = (answer.status, answer.text) != (never.status, never.text)
        said = f"{one.name} answers {answer.status} for a stranger's, {never.status} for none"
        yield Observation("object-access", f"{one.name} {place.name} exists", told, said, never)


@check("security.access.fields", needs="access")
def test_fields_nobody_may_set(
    surface: Surface, owner: Person, values: Values, no_finding: Judge, database: "Shop"
) -> None:
    """Every operation with a body refuses fields the contract does not have."""
    no_finding(_fields(surface, owner.client.token, values))
    stored = database.users.find_one({"_id": values["user_id"]})
    assert stored is not None
    assert stored["role"] == "customer"


def _fields(surface: Surface, token: str, values: Values) -> Iterator[Observation]:
    for one in endpoints():
        signed = any(place.where == "header" for place in one.parameters)
        if one.body is None or one.body.get("additionalProperties", True) or signed:
            continue  # a signature in a header is looked at before the body
        call = good_call(one, values)
        sender = surface.sender(token)
        for name, value in PRIVILEGED.items():
            if name not in one.body.get("properties", {}):
                wanted = Call(call.path, call.query, {**call.body, name: value})
                yield _field(sender, one, name, wanted)
        for name, bad in unknown_fields(one, call):
            yield _field(sender, one, name, bad)


def _field(sender: Sender, one: Endpoint, name: str, call: Call) -> Observation:
    """A closed body is refused for a field more, whatever else is wrong with the call."""
    answer = sender.send(one, call)
    said = f"{one.name} answers {answer.status} to a body with {name}"
    taken = answer.status != BAD_REQUEST
    return Observation("mass-assignment", f"{one.name} {name}", taken, said, answer)


@check("security.access.ranks", needs="access")
def test_nobody_reaches_up(
    people: dict[str, Person], ownership: "Ownership", no_finding: Judge
) -> None:
    """Roles and permissions are given and taken downwards only: to lower users, of lower roles."""
    no_finding(_reaching_up(people, ownership))


def _reaching_up(people: Mapping[str, Person], ownership: "Ownership") -> Iterator[Observation]:
    for actor in ("manager", "admin"):
        client = people[actor].client
        higher = ROLES[ROLES.index(actor) :]
        for role in higher:
            customer, boss = ownership.user(), ownership.user(role=role)
            permission = {"user_id": boss.user_id, "permission": "orders:read"}
            tried = (
                ("assign_role", {"user_id": customer.user_id, "role": role}),
                ("assign_role", {"user_id": boss.user_id, "role": "customer"}),
                ("grant_permission", permission),
                ("revoke_permission", permission),
            )
            for name, body in tried:
                status = client.ask(name, body=body).status
                said = f"{name} of {actor} answers {status} about {role}"
                place = f"{name} {actor} {role}"
                yield Observation("function-access", place, status != FORBIDDEN, said)


@check("security.access.methods", needs="saved_methods")
def test_nobody_pays_with_anothers_card(
    new_person: Callable[..., Person], new_order: Callable[..., dict[str, Any]], no_finding: Judge
) -> None:
    """A saved card's token pays for its owner alone; a saved search is read by its owner alone."""
    keeper, thief = new_person(), new_person()
    token = keeper.client.call("save_method", expect=201, body={"card": CARD}).body["token"]
    wanted = {"name": "mine", "q": "rice"}
    saved = keeper.client.call("save_search", expect=201, body=wanted).body["id"]
    statuses = {}
    for person in (keeper, thief):
        order = new_order(person)
        body = {"order_id": order["id"], "amount_paise": order["total_paise"],
                "method": "razorpay_card", "method_token": token}  # fmt: skip
        statuses[person.user.user_id] = (
            person.client.ask("process_payment", body=body).status,
            person.client.ask("search", query={"saved_id": saved}).status,
        )
    assert statuses[keeper.user.user_id] == (201, 200)
    told = statuses[thief.user.user_id]
    no_finding([
        Observation("object-access", "method_token", told[0] != NOT_FOUND, f"pays: {told[0]}"),
        Observation("object-access", "saved_id", told[1] != NOT_FOUND, f"reads: {told[1]}"),
    ])  # fmt: skip
