"""Sweeps over every role: what each may do, as tables that a check compares."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from suites.client import StoreClient
from suites.testdata.people import Person

if TYPE_CHECKING:
    from suites.testdata.ownership import Ownership, Shop

MOST_PAGES = 100
ROLES = ("owner", "admin", "manager", "staff", "customer")
RANK = {role: len(ROLES) - position for position, role in enumerate(ROLES)}

# The lowest role that may call each class of operation.
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
    """The status each role gets from each class of operation, upon a fresh customer."""
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
    """The status of each role assigning a role to a fresh user of each role."""
    statuses = {}
    for actor, person in people.items():
        for subject in ROLES:
            for assigned in ROLES:
                body = {"user_id": ownership.user(role=subject).user_id, "role": assigned}
                if subject == "customer" or assigned == "customer":
                    status = person.client.ask("assign_role", body=body).status
                    statuses[(actor, subject, assigned)] = status
    return statuses


def expected_assignments() -> dict[tuple[str, str, str], int]:
    """Managers and above assign roles below their own to users below them; nobody else."""
    return {
        (actor, subject, assigned): 200
        if RANK[actor] >= RANK["manager"] and RANK[actor] > max(RANK[subject], RANK[assigned])
        else 403
        for actor in ROLES
        for subject in ROLES
        for assigned in ROLES
        if "customer" in (subject, assigned)
    }


def roles_in_database(database: "Shop", people: Mapping[str, Person]) -> dict[str, str]:
    """The role each person has in the database, after everything."""
    found = {}
    for role, person in people.items():
        stored = database.users.find_one({"_id": person.user.user_id})
        found[role] = stored["role"] if stored else "gone"
    return found


def all_users(client: StoreClient) -> list[str]:
    """The ids of all users, page by page until one is empty."""
    found: list[str] = []
    for page in range(1, MOST_PAGES):
        answer = client.call("list_users", expect=200, query={"page": str(page)}).body
        if not answer["users"]:
            return found
        found += [user["id"] for user in answer["users"]]
    raise AssertionError(f"users have no end within {MOST_PAGES} pages")
