"""Makes tables of the expected and the observed permissions of each role, for a check."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from suites.client import StoreClient
from suites.testdata.people import Person

if TYPE_CHECKING:
    from suites.testdata.ownership import Ownership, Shop

MAX_PAGES = 100
ROLES = ("owner", "admin", "manager", "staff", "customer")
RANK = {role: len(ROLES) - position for position, role in enumerate(ROLES)}

# The lowest role that may use each operation.
LOWEST = {
    "show_cart": "customer",
    "list_roles": "staff",
    "check_permission": "manager",
    "grant_resource": "manager",
    "list_users": "admin",
    "user_audit": "admin",
    "grant_permission": "admin",
}
EXPECTED_OPERATIONS = {
    (role, operation): 200 if RANK[role] >= RANK[lowest] else 403
    for role in ROLES
    for operation, lowest in LOWEST.items()
}


def operations_by_role(
    people: Mapping[str, Person], ownership: "Ownership"
) -> dict[tuple[str, str], int]:
    """Request each operation of ``LOWEST`` as each role; return the statuses.

    Args:
        people: one logged-in user of each role, keyed by the role.
        ownership: makes the customer whom every request is about.

    Returns:
        The status of each response, keyed by the role and the operation id.
    """
    subject = ownership.user().user_id
    bodies: dict[str, dict[str, str] | None] = {
        "check_permission": {"user_id": subject, "permission": "roles:read"},
        "grant_permission": {"user_id": subject, "permission": "orders:read"},
        "grant_resource": {"user_id": subject, "resource_id": "till", "level": "read"},
    }
    return {
        (role, operation): person.client.ask(
            operation, path={"user_id": subject}, body=bodies.get(operation)
        ).status
        for role, person in people.items()
        for operation in LOWEST
    }


def assignments_by_role(
    people: Mapping[str, Person], ownership: "Ownership"
) -> dict[tuple[str, str, str], int]:
    """Assign every role to new customers, and the role customer to new users of every role.

    The actors send their requests at the same time.

    Args:
        people: one logged-in user of each role, keyed by the role; each user assigns the roles.
        ownership: makes the new users.

    Returns:
        The status of each response, keyed by the role of the actor, the role of the new user, and
        the assigned role.
    """
    users = {
        actor: [
            (subject, assigned, ownership.user(role=subject).user_id)
            for subject in ROLES
            for assigned in ROLES
            if "customer" in (subject, assigned)
        ]
        for actor in people
    }

    def statuses(actor: str) -> dict[tuple[str, str, str], int]:
        return {
            (actor, subject, assigned): people[actor]
            .client.ask("assign_role", body={"user_id": user_id, "role": assigned})
            .status
            for subject, assigned, user_id in users[actor]
        }

    with ThreadPoolExecutor(len(people)) as pool:
        return {key: status for part in pool.map(statuses, people) for key, status in part.items()}


def expected_assignments() -> dict[tuple[str, str, str], int]:
    """Return the expected statuses of ``assignments_by_role``.

    Managers and higher roles may assign roles. The role of the user and the assigned role must be
    lower than the role of the actor.
    """
    return {
        (actor, subject, assigned): 200
        if RANK[actor] >= RANK["manager"] and RANK[actor] > max(RANK[subject], RANK[assigned])
        else 403
        for actor in ROLES
        for subject in ROLES
        for assigned in ROLES
        if "customer" in (subject, assigned)
    }


def users_in_database(database: "Shop", user_ids: list[str]) -> list[dict[str, Any]]:
    """Return users of the database in the form of ``list_users``, in the order of the ids."""
    fields = ("name", "phone", "email", "role", "active")
    return [
        {"id": user["_id"], **{field: user[field] for field in fields}}
        for user in database.users.find({"_id": {"$in": user_ids}}).sort("_id", 1)
    ]


def roles_in_database(database: "Shop", people: Mapping[str, Person]) -> dict[str, str]:
    """Return the role of each user in the database; ``gone`` for a deleted user."""
    stored_roles = {}
    for role, person in people.items():
        stored = database.users.find_one({"_id": person.user.user_id})
        stored_roles[role] = stored["role"] if stored else "gone"
    return stored_roles


def all_users(client: StoreClient) -> tuple[list[dict[str, Any]], list[int]]:
    """Request all users, page by page, up to the first empty page.

    Returns:
        The users, and the total that each page states.
    """
    users: list[dict[str, Any]] = []
    totals: list[int] = []
    for page in range(1, MAX_PAGES + 1):
        answer = client.call("list_users", expect=200, query={"page": str(page)}).body
        totals.append(answer["total"])
        if not answer["users"]:
            return users, totals
        users += answer["users"]
    raise AssertionError(f"list_users: expected an empty page among {MAX_PAGES} pages")
