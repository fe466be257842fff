"""Checks of authorisation: operations by role, objects of other users, and protected fields."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from suites.client.sandbox import CARD, pay_by_card
from suites.client.waiting import wait_until
from suites.probes import openapi
from suites.probes.api import Call, Endpoint, Exchange, Observation, Parameter, Sender
from suites.probes.bounds import unknown_fields
from suites.pytest_plugin.marks import check
from suites.security.surface import (
    ROLES,
    NoFindingAssertion,
    Surface,
    Values,
    declared_value,
    endpoints,
    good_call,
)
from suites.testdata.people import NewPerson, Person

if TYPE_CHECKING:
    from suites.testdata.ownership import Ownership, Shop

pytestmark = pytest.mark.security

Say = Callable[[str], None]
BAD_REQUEST, UNAUTHORISED, FORBIDDEN, NOT_FOUND = 400, 401, 403, 404
# Parameters that name an object of one user.
OBJECTS = ("order_id", "payment_id")
# How long a paid order may take until it is delivered, in the sandbox of the courier.
DELIVERY_SECONDS = 8
UNKNOWN_PARAMETER = "unknown_parameter"
# Fields that only the store may set.
PRIVILEGED: Mapping[str, object] = {
    "role": "owner",
    "is_admin": True,
    "permissions": ["*"],
    "user_id": "usr_other",
    "price_paise": 1,
    "total_paise": 1,
    "paid": True,
    "status": "paid",
    "balance": 1_000_000,
    "points": 1_000_000,
    "active": True,
    "_id": "x",
}


def ends_session(endpoint: Endpoint) -> bool:
    """Return whether an operation ends the session, so that its request must be the last."""
    return endpoint.name == "logout"


@check("security.access.matrix", needs="access")
def test_matrix(
    surface: Surface,
    people: dict[str, Person],
    values: Values,
    no_finding: NoFindingAssertion,
    say: Say,
) -> None:
    """Each operation accepts exactly the roles that the contract declares for it."""
    observations = list(_matrix(surface, people, values))
    cells = len(endpoints()) * (len(ROLES) + 1)
    say(
        f"authorisation matrix: {len(endpoints())} operations, each with {len(ROLES)} roles and "
        f"without a token: {cells} cells, {surface.requests()} requests"
    )
    answers = [
        observation.exchange for observation in observations if observation.place.endswith(" owner")
    ]
    successes = [answer for answer in answers if answer and succeeded(answer)]
    fraction = f"{len(successes)} of {len(endpoints())}"
    say(f"{fraction} operations return a success for a valid request of the role owner")
    assert len(observations) == cells
    no_finding(observations)


def _matrix(
    surface: Surface, people: Mapping[str, Person], values: Values
) -> Iterator[Observation]:
    for endpoint in sorted(endpoints(), key=ends_session):
        call = good_call(endpoint, values)
        nobody = surface.sender().send(endpoint, call)
        closed = nobody.status == UNAUTHORISED
        sentence = f"{endpoint.name} returned status {nobody.status} to a request without a token"
        yield Observation(
            "missing-authentication",
            f"{endpoint.name} nobody",
            endpoint.secured and not closed,
            sentence,
            nobody,
        )
        lowest = declared_value(endpoint.name, "x-lowest-role") or "customer"
        for role, person in people.items():
            answer = surface.sender(person.client.token).send(endpoint, call)
            is_allowed = ROLES.index(role) >= ROLES.index(lowest)
            sentence = (
                f"{endpoint.name} returned status {answer.status} to the role {role}; the role "
                f"{lowest} and higher roles may use {endpoint.name}"
            )
            yield Observation(
                "function-access",
                f"{endpoint.name} {role}",
                let_in(answer, nobody, endpoint) != is_allowed,
                sentence,
                answer,
            )


def succeeded(answer: Exchange) -> bool:
    """Return whether the status of a response is a success."""
    return answer.status < 300


def let_in(answer: Exchange, nobody: Exchange, endpoint: Endpoint) -> bool:
    """Return whether an operation accepted a user; a 401 for a wrong code is not a refusal.

    Args:
        answer: the response to the user.
        nobody: the response to the same request without a token.
        endpoint: the operation.
    """
    if answer.status == FORBIDDEN:
        return False
    return not (endpoint.secured and answer.status == UNAUTHORISED and answer.text == nobody.text)


@pytest.fixture
def values_of_two_orders(
    owner: Person, values: Values, new_order: Callable[..., dict[str, Any]]
) -> list[Values]:
    """Two sets of values: with a new order, and with an order that is paid and delivered.

    If the target has no real-time deliveries, the second order is only paid.
    """
    order = new_order(owner)
    pay_by_card(owner.client, order["id"], order["total_paise"])
    if "realtime" in owner.client.target.capabilities:
        path = {"order_id": order["id"]}
        wait_until(
            "the status of the order is delivered",
            lambda: owner.client.call("show_order", expect=200, path=path).body["status"],
            lambda status: status == "delivered",
            seconds=DELIVERY_SECONDS,
        )
    return [values, {**values, "order_id": order["id"]}]


@check("security.access.objects", needs="access")
def test_other_peoples_things(
    surface: Surface,
    owner: Person,
    people: dict[str, Person],
    values_of_two_orders: list[Values],
    no_finding: NoFindingAssertion,
) -> None:
    """For an order or a payment of another user, the response is the same as for an unknown id."""
    for values in values_of_two_orders:
        no_finding(_others(surface, owner, people["customer"], values))


def owned(values: Values) -> list[tuple[Endpoint, Call, Parameter]]:
    """Return every parameter of a secured operation that has the id of an order or a payment.

    Args:
        values: the values of the parameters.

    Returns:
        For each parameter: the operation, a valid request for the operation, and the parameter.
    """
    calls = [
        (endpoint, good_call(endpoint, values)) for endpoint in endpoints() if endpoint.secured
    ]
    return [
        (endpoint, call, place)
        for endpoint, call in calls
        for place in openapi.places(endpoint, call)
        if place.name in OBJECTS
    ]


def _others(
    surface: Surface, owner: Person, other: Person, values: Values
) -> Iterator[Observation]:
    stranger = surface.sender(other.client.token)
    for endpoint, call, place in owned(values):
        answer = stranger.send(endpoint, call)
        unknown = stranger.send(endpoint, call.with_value(place, f"{place.name[:3]}_never"))
        owners_answer = surface.sender(owner.client.token).send(endpoint, call)
        later = stranger.send(endpoint, call)
        is_wrong = min(answer.status, later.status) < FORBIDDEN or owners_answer.status in (
            NOT_FOUND,
            FORBIDDEN,
        )
        statuses = (
            f"{answer.status} to another user, {owners_answer.status} to the owner, and then "
            f"{later.status} to the other user"
        )
        sentence = f"{endpoint.name} returned {statuses}; only the owner may have access"
        yield Observation(
            "object-access", f"{endpoint.name} {place.name}", is_wrong, sentence, answer
        )
        differs = (answer.status, answer.text) != (unknown.status, unknown.text)
        sentence = difference(endpoint.name, answer, unknown)
        yield Observation(
            "object-access", f"{endpoint.name} {place.name} exists", differs, sentence, unknown
        )


def difference(name: str, answer: Exchange, unknown: Exchange) -> str:
    """Compare the responses for an object of another user and for an unknown id, in a sentence.

    Args:
        name: the id of the operation.
        answer: the response for the id of another user's object.
        unknown: the response for an id that no object has.
    """
    statuses = f"{answer.status} for the id of another user, and {unknown.status} for an unknown id"
    bodies = "equal" if answer.text == unknown.text else "different"
    return f"{name} returned {statuses}; the bodies are {bodies}; both responses must be equal"


@check("security.access.fields", needs="access")
def test_fields_nobody_may_set(
    surface: Surface,
    owner: Person,
    values: Values,
    no_finding: NoFindingAssertion,
    database: "Shop",
) -> None:
    """Operations refuse fields and query parameters that the contract does not define.

    Query parameters are tried with each GET operation that can return 400.
    """
    no_finding(_fields(surface, owner.client.token, values))
    stored = database.users.find_one({"_id": values["user_id"]})
    assert stored is not None
    assert stored["role"] == "customer"


def _fields(surface: Surface, token: str, values: Values) -> Iterator[Observation]:
    for endpoint in endpoints():
        if endpoint.method == "GET" and BAD_REQUEST in endpoint.statuses:
            yield _parameter(surface.sender(token), endpoint, good_call(endpoint, values))
        signed = any(place.where == "header" for place in endpoint.parameters)
        if endpoint.body is None or endpoint.body.get("additionalProperties", True) or signed:
            continue  # the store verifies a signature in a header before it reads the body
        call = good_call(endpoint, values)
        sender = surface.sender(token)
        for name, value in PRIVILEGED.items():
            if name not in endpoint.body.get("properties", {}):
                privileged_call = Call(call.path, call.query, {**call.body, name: value})
                yield _field(sender, endpoint, name, privileged_call)
        for name, bad in unknown_fields(endpoint, call):
            yield _field(sender, endpoint, name, bad)


def _parameter(sender: Sender, endpoint: Endpoint, call: Call) -> Observation:
    """Observe whether an operation refuses a query parameter that the contract does not define.

    Args:
        sender: the sender of the request.
        endpoint: the operation.
        call: a valid request.
    """
    unknown = replace(call, query={**call.query, UNKNOWN_PARAMETER: "1"})
    answer = sender.send(endpoint, unknown)
    sentence = (
        f"{endpoint.name} returned status {answer.status} to a request with the query parameter "
        f"{UNKNOWN_PARAMETER}, expected {BAD_REQUEST}"
    )
    is_accepted = answer.status != BAD_REQUEST
    place = f"{endpoint.name} {UNKNOWN_PARAMETER}"
    return Observation("input-bounds", place, is_accepted, sentence, answer)


def _field(sender: Sender, endpoint: Endpoint, name: str, call: Call) -> Observation:
    """Observe whether an operation refuses a body with a field that the contract does not define.

    Args:
        sender: the sender of the request.
        endpoint: the operation.
        name: the name of the field.
        call: the request, whose body has the field.
    """
    answer = sender.send(endpoint, call)
    sentence = (
        f"{endpoint.name} returned status {answer.status} to a body with the field {name}, "
        f"expected {BAD_REQUEST}"
    )
    is_accepted = answer.status != BAD_REQUEST
    return Observation("mass-assignment", f"{endpoint.name} {name}", is_accepted, sentence, answer)


@check("security.access.ranks", needs="access")
def test_nobody_reaches_up(
    people: dict[str, Person], ownership: "Ownership", no_finding: NoFindingAssertion
) -> None:
    """A user can change only users with a lower role, and give them only a lower role."""
    no_finding(_reaching_up(people, ownership))


def _reaching_up(people: Mapping[str, Person], ownership: "Ownership") -> Iterator[Observation]:
    for actor in ("manager", "admin"):
        client = people[actor].client
        higher = ROLES[ROLES.index(actor) :]
        for role in higher:
            customer, boss = ownership.user(), ownership.user(role=role)
            permission = {"user_id": boss.user_id, "permission": "orders:read"}
            till = {"user_id": boss.user_id, "resource_id": "till"}
            requests = (
                ("assign_role", {"user_id": customer.user_id, "role": role}),
                ("assign_role", {"user_id": boss.user_id, "role": "customer"}),
                ("grant_permission", permission),
                ("revoke_permission", permission),
                ("grant_resource", {**till, "level": "read"}),
                ("revoke_resource", till),
            )
            for name, body in requests:
                status = client.ask(name, body=body).status
                sentence = (
                    f"{name} for the role {role}, sent by a user with the role {actor}, got status "
                    f"{status}, "
                    f"expected {FORBIDDEN}"
                )
                place = f"{name} {actor} {role}"
                yield Observation("function-access", place, status != FORBIDDEN, sentence)


@check("security.access.methods", needs="saved_methods")
def test_nobody_pays_with_anothers_card(
    new_person: NewPerson,
    new_order: Callable[..., dict[str, Any]],
    no_finding: NoFindingAssertion,
) -> None:
    """Only the owner of a saved card can pay with it, and only the owner can use a saved search."""
    keeper, thief = new_person(), new_person()
    token = keeper.client.call("save_method", expect=201, body={"card": CARD}).body["token"]
    search = {"name": "mine", "q": "rice"}
    saved = keeper.client.call("save_search", expect=201, body=search).body["id"]
    statuses = {}
    for person in (keeper, thief):
        order = new_order(person)
        body = {
            "order_id": order["id"],
            "amount_paise": order["total_paise"],
            "method": "razorpay_card",
            "method_token": token,
        }
        statuses[person.user.user_id] = (
            person.client.ask("process_payment", body=body).status,
            person.client.ask("search", query={"saved_id": saved}).status,
        )
    assert statuses[keeper.user.user_id] == (201, 200)
    payment_status, search_status = statuses[thief.user.user_id]
    pays, reads = payment_status != NOT_FOUND, search_status != NOT_FOUND
    no_finding(
        [
            Observation(
                "object-access",
                "method_token",
                pays,
                f"a payment with another user's card got status {payment_status}, expected 404",
            ),
            Observation(
                "object-access",
                "saved_id",
                reads,
                f"a saved search of another user got status {search_status}, expected 404",
            ),
        ]
    )
