"""Checks of access control: permissions, roles, second factors, the audit trail, resources."""

import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from suites.client import StoreClient
from suites.client.waiting import wait_until
from suites.integration import sweeps
from suites.pytest_plugin.marks import check
from suites.testdata.people import (
    NewPerson,
    Person,
)

if TYPE_CHECKING:
    from suites.testdata.ownership import Ownership, Shop

pytestmark = [pytest.mark.integration, pytest.mark.access_control]

CROWD = 60  # users, more than fit on a page
MANY_GRANTS = 5


def may(person: Person, user_id: str, permission: str) -> bool:
    """Return whether a user has a permission, according to the store's permission check."""
    body = {"user_id": user_id, "permission": permission}
    return bool(person.client.call("check_permission", expect=200, body=body).body["allowed"])


@check("access.permissions.grant", needs="access")
def test_grant(new_person: NewPerson, database: "Shop") -> None:
    """A permission is denied before the grant; the grant gives the permission to one user only."""
    admin, clerk, other = new_person.several("admin", "staff", "customer")
    grant = {"user_id": clerk.user.user_id, "permission": "users:read"}

    assert may(admin, clerk.user.user_id, "users:read") is False
    clerk.client.call("list_users", expect=403)
    granted = admin.client.call("grant_permission", expect=200, body=grant).body

    assert granted == {**grant, "granted": True}
    assert may(admin, clerk.user.user_id, "users:read") is True
    assert may(admin, clerk.user.user_id, "audit:read") is False
    assert may(admin, other.user.user_id, "users:read") is False
    clerk.client.call("list_users", expect=200)
    stored = database.permissions.find_one({"user_id": clerk.user.user_id})
    assert stored is not None
    assert (stored["permission"], stored["granted_by"]) == ("users:read", admin.user.user_id)
    unknown = {**grant, "permission": "users:delete"}
    admin.client.call("grant_permission", expect=400, body=unknown)
    own = {"user_id": other.user.user_id, "permission": "users:read"}
    other.client.call("grant_permission", expect=403, body=own)
    read_roles = {"user_id": other.user.user_id, "permission": "roles:read"}
    admin.client.call("grant_permission", expect=200, body=read_roles)
    assert may(admin, other.user.user_id, "roles:read") is True
    assert may(admin, other.user.user_id, "roles:assign") is False
    too_much = {"user_id": clerk.user.user_id, "permission": "store:own"}
    admin.client.call("grant_permission", expect=403, body=too_much)
    _unknown_users_get_nothing(admin, f"{other.user.user_id}0", database)


def _unknown_users_get_nothing(admin: Person, user_id: str, database: "Shop") -> None:
    """Require that each operation on a user answers 404 for an id that no user has.

    Args:
        admin: a person who may do all these operations.
        user_id: the unknown id.
        database: the database of the store.
    """
    permission = {"permission": "users:read"}
    resource = {"resource_id": user_id}
    level = {"level": "read"}
    calls = {
        "grant_permission": permission,
        "revoke_permission": permission,
        "check_permission": permission,
        "assign_role": {"role": "staff"},
        "grant_resource": resource | level,
        "revoke_resource": resource,
    }
    for operation_id, details in calls.items():
        admin.client.call(operation_id, expect=404, body={"user_id": user_id, **details})
    admin.client.call("user_audit", expect=404, path={"user_id": user_id})
    assert database.permissions.count_documents({"user_id": user_id}) == 0
    assert database.users.count_documents({"_id": user_id}) == 0


@check("access.permissions.revoke", needs="access")
def test_revoke(new_person: NewPerson, database: "Shop") -> None:
    """After a revocation, the user's next request is denied; another user keeps the permission."""
    admin, other_admin, clerk, colleague = new_person.several("admin", "admin", "staff", "staff")
    first = {"user_id": clerk.user.user_id, "permission": "users:read"}
    second = {**first, "permission": "audit:read"}
    admin.client.call("grant_permission", expect=200, body=first)
    admin.client.call("grant_permission", expect=200, body=second)
    # Two people gave the same permission; one revocation takes the permission away.
    other_admin.client.call("grant_permission", expect=200, body=first)
    same = {**first, "user_id": colleague.user.user_id}
    admin.client.call("grant_permission", expect=200, body=same)
    clerk.client.call("list_users", expect=200)

    revoked = admin.client.call("revoke_permission", expect=200, body=first).body

    assert revoked == {**first, "granted": False}
    clerk.client.call("list_users", expect=403)
    colleague.client.call("list_users", expect=200)
    assert may(admin, clerk.user.user_id, "users:read") is False
    assert may(admin, clerk.user.user_id, "audit:read") is True
    permissions_left = [
        entry["permission"] for entry in database.permissions.find({"user_id": clerk.user.user_id})
    ]
    assert permissions_left == ["audit:read"]
    clerk.client.call("revoke_permission", expect=403, body=second)


@check("access.roles.hierarchy", needs="access")
def test_role_hierarchy(
    new_person: NewPerson,
    new_client: Callable[[], StoreClient],
    ownership: "Ownership",
    database: "Shop",
) -> None:
    """Each role may use the operations of its own and lower roles, on users of lower roles only."""
    people = dict(zip(sweeps.ROLES, new_person.several(*sweeps.ROLES), strict=True))

    operations = sweeps.operations_by_role(people, ownership)
    demotions = sweeps.assignments_by_role(people, ownership)
    roles = people["staff"].client.call("list_roles", expect=200).body["roles"]
    crowd = sorted(ownership.user().user_id for _ in range(CROWD))
    crowd += [ownership.user(active=False).user_id, ownership.user(role="staff").user_id]
    expected = sweeps.users_in_database(database, crowd)

    def listed_users() -> tuple[list[dict[str, Any]], bool]:
        # Each attempt has its own client, so that the attempts together stay under the rate limit.
        reader = new_client()
        reader.token = people["admin"].client.token
        before = database.users.count_documents({})
        users, totals = sweeps.all_users(reader)
        low, high = sorted((before, database.users.count_documents({})))
        is_true = low <= min(totals) <= max(totals) <= high
        return [user for user in users if user["id"] in crowd], is_true

    # Users of other runs come and go while the pages are read.
    wait_until(
        "all pages of users together list each new user once, and state the right total",
        listed_users,
        lambda listed: listed == (expected, True),
        seconds=8,
    )

    _new_roles_count_at_once(people["manager"], new_person())
    clerk = ownership.user()
    kept = {"user_id": clerk.user_id, "permission": "orders:read"}
    people["admin"].client.call("grant_permission", expect=200, body=kept)
    body = {"user_id": clerk.user_id, "role": "staff"}
    people["manager"].client.call("assign_role", expect=200, body=body)
    # The new role may include the permission, so only the database shows whether the grant is lost.
    grants = list(database.permissions.find({"user_id": clerk.user_id, "kind": "permission"}))
    stored = database.users.find_one({"_id": clerk.user_id})

    assert operations == sweeps.EXPECTED_OPERATIONS
    assert demotions == sweeps.expected_assignments()
    assert [role["name"] for role in roles] == list(sweeps.ROLES)
    assert [role["rank"] for role in roles] == [sweeps.RANK[name] for name in sweeps.ROLES]
    permissions = [set(role["permissions"]) for role in roles]
    assert all(more > fewer for more, fewer in itertools.pairwise(permissions))
    assert permissions[-1] == set()
    assert stored is not None
    assert stored["role"] == "staff"
    assert [grant["permission"] for grant in grants] == ["orders:read"], (
        "a new role must not delete grants"
    )
    assert sweeps.roles_in_database(database, people) == {role: role for role in sweeps.ROLES}


def _new_roles_count_at_once(manager: Person, clerk: Person) -> None:
    """Require that an open session has the permissions of the present role of its user."""
    for role, status in (("customer", 403), ("staff", 200), ("customer", 403), ("staff", 200)):
        body = {"user_id": clerk.user.user_id, "role": role}
        manager.client.call("assign_role", expect=200, body=body)
        clerk.client.call("list_roles", expect=status)


@check("access.audit", needs="access")
def test_audit(new_person: NewPerson, database: "Shop") -> None:
    """The audit trail has actor, action, subject and time of each action, and cannot be changed."""
    owner, admin, clerk = new_person.several("owner", "admin", "customer")
    before = datetime.now(UTC)
    grant = {"user_id": clerk.user.user_id, "permission": "orders:read"}
    admin.client.call("grant_permission", expect=200, body=grant)
    admin.client.call("revoke_permission", expect=200, body=grant)
    role = {"user_id": clerk.user.user_id, "role": "staff"}
    owner.client.call("assign_role", expect=200, body=role)
    path = {"user_id": clerk.user.user_id}

    entries = owner.client.call("user_audit", expect=200, path=path).body["entries"]

    acts = [(entry["actor_id"], entry["action"], entry["subject_id"]) for entry in entries]
    assert acts == [
        (owner.user.user_id, "role.assigned", clerk.user.user_id),
        (admin.user.user_id, "permission.revoked", clerk.user.user_id),
        (admin.user.user_id, "permission.granted", clerk.user.user_id),
    ]
    assert entries[0]["details"] == {"before": "customer", "after": "staff"}
    assert entries[2]["details"] == {"permission": "orders:read"}
    own_path = {"user_id": admin.user.user_id}
    own = owner.client.call("user_audit", expect=200, path=own_path).body["entries"]
    own_acts = [(entry["action"], entry["at"]) for entry in own]
    actions = {entry["action"] for entry in own}
    assert {"permission.granted", "permission.revoked"} <= actions, (
        "the trail of a user must have the user's actions on other users"
    )
    assert len(set(own_acts)) == len(own_acts), (
        "an action of a user on their own account must be listed once"
    )
    # With this number of entries, another order is hardly equal to the order of time.
    upon_admin = {**grant, "user_id": admin.user.user_id}
    for number in range(MANY_GRANTS):
        admin.client.call("grant_permission", expect=200, body=grant)
        if number % 2:
            owner.client.call("grant_permission", expect=200, body=upon_admin)
    mixed = owner.client.call("user_audit", expect=200, path=own_path).body["entries"]
    mixed_times = [datetime.fromisoformat(entry["at"]) for entry in mixed]
    assert mixed_times == sorted(mixed_times, reverse=True)
    few = owner.client.call("user_audit", expect=200, path=own_path, query={"limit": "3"}).body
    assert few["entries"] == mixed[:3], "expected the 3 newest entries by or about the user"
    entries = owner.client.call("user_audit", expect=200, path=path).body["entries"]
    assert len(entries) == len(acts) + MANY_GRANTS
    times = [datetime.fromisoformat(entry["at"]) for entry in entries]
    assert times == sorted(times, reverse=True)
    assert before - timedelta(seconds=2) < times[-1] <= datetime.now(UTC) + timedelta(seconds=2)
    changes = [
        owner.client.other_method(method, "user_audit", path)
        for method in ("DELETE", "PUT", "PATCH", "POST")
    ]
    assert changes == [405, 405, 405, 405]
    stored = database.audit_logs.count_documents({"subject_id": clerk.user.user_id})
    assert stored == len(entries)
    clerk.client.call("user_audit", expect=403, path=path)
    latest = owner.client.call("user_audit", expect=200, path=path, query={"limit": "1"}).body
    assert latest["entries"] == entries[:1]


@check("access.resources", needs="access")
def test_resources(new_person: NewPerson, run_id: str, database: "Shop") -> None:
    """A grant of ``read`` does not allow ``read_write``; it is for one user and one resource."""
    manager, clerk, other = new_person.several("manager", "staff", "customer")
    ledger, drawer = f"{run_id}-ledger-of-the-till-on-the-first-floor", f"{run_id}-drawer"

    def has(person: Person, resource: str, level: str) -> bool:
        body = {"user_id": person.user.user_id, "resource_id": resource, "level": level}
        return bool(manager.client.call("check_permission", expect=200, body=body).body["allowed"])

    def give(level: str, person: Person = clerk, resource: str = ledger) -> None:
        body = {"user_id": person.user.user_id, "resource_id": resource, "level": level}
        manager.client.call("grant_resource", expect=200, body=body)

    assert has(clerk, ledger, "read") is False
    give("read")
    assert (has(clerk, ledger, "read"), has(clerk, ledger, "read_write")) == (True, False)
    assert (has(clerk, drawer, "read"), has(other, ledger, "read")) == (False, False)
    similar = (f"{ledger}2", f"{ledger}/2", ledger[:-1], ledger.upper(), f"x{ledger}")
    assert [resource for resource in similar if has(clerk, resource, "read")] == []
    give("read_write")
    assert (has(clerk, ledger, "read"), has(clerk, ledger, "read_write")) == (True, True)
    stored = list(database.permissions.find({"user_id": clerk.user.user_id, "kind": "resource"}))
    assert [(grant["resource_id"], grant["level"]) for grant in stored] == [(ledger, "read_write")]
    give("read")
    assert (has(clerk, ledger, "read"), has(clerk, ledger, "read_write")) == (True, False)
    give("read_write")
    give("read", other)
    assert (has(clerk, ledger, "read_write"), has(other, ledger, "read_write")) == (True, False)
    give("read", resource=drawer)
    for role in ("customer", "staff"):
        body = {"user_id": clerk.user.user_id, "role": role}
        manager.client.call("assign_role", expect=200, body=body)
        assert (has(clerk, ledger, "read_write"), has(clerk, drawer, "read")) == (True, True)
    revocation = {"user_id": clerk.user.user_id, "resource_id": ledger}
    clerk.client.call("revoke_resource", expect=403, body=revocation)
    revoked = manager.client.call("revoke_resource", expect=200, body=revocation).body
    assert revoked == {**revocation, "level": None}
    assert [has(clerk, ledger, level) for level in ("read", "read_write")] == [False, False]
    assert has(clerk, drawer, "read") is True
    assert has(other, ledger, "read") is True
    read = {"permission": "users:read"}
    on_ledger = {"resource_id": ledger, "level": "read"}
    for question in (read | on_ledger, read | {"level": "read"}, {"resource_id": ledger}, {}):
        unclear = {"user_id": clerk.user.user_id, **question}
        manager.client.call("check_permission", expect=400, body=unclear)
