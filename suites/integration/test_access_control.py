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
    credentials,
    enrol,
    log_in,
    log_in_to_challenge,
    wait_for_room_in_step,
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
    admin.client.call("grant_permission", expect=200, body=grant)

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

    admin.client.call("revoke_permission", expect=200, body=first)

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


@check("access.twofa.totp", needs="access")
def test_totp(
    new_person: NewPerson,
    new_client: Callable[[], StoreClient],
    ownership: "Ownership",
    database: "Shop",
) -> None:
    """A TOTP code works only once and only near its time step; 5 wrong codes block all codes."""
    person = new_person()
    client, user_id = person.client, person.user.user_id
    device = enrol(client)
    wait_for_room_in_step()

    client.call("verify_totp", expect=401, body={"code": "000000"})
    client.call("verify_totp", expect=401, body={"code": device.code(-2)})
    client.call("verify_totp", expect=401, body={"code": device.backup_codes[0]})
    client.call("verify_totp", expect=200, body={"code": device.code(-1)})
    client.call("enable_totp", expect=409)

    log_in_to_challenge(client, person.user)
    client.call("show_cart", expect=401)
    client.call("verify_totp", expect=401, body={"code": device.code(-1)})
    client.call("verify_totp", expect=401, body={"code": device.code(2)})
    client.call("verify_totp", expect=200, body={"code": device.code()})
    client.call("verify_totp", expect=401, body={"code": device.code()})
    session = client.call("verify_totp", expect=200, body={"code": device.code(1)}).body

    log_in_to_challenge(client, person.user)
    backup = {"code": device.backup_codes[0]}
    client.call("verify_totp", expect=200, body=backup)
    client.call("verify_totp", expect=401, body=backup)
    stored = database.twofa_devices.find_one({"user_id": user_id})
    assert stored is not None
    assert len(stored["backup_digests"]) == len(device.backup_codes) - 1
    assert device.backup_codes[1] not in str(stored)

    wrong = [client.ask("verify_totp", body={"code": "000000"}).status for _ in range(5)]
    assert wrong == [401, 401, 401, 401, 429]
    client.token = session["access_token"]
    client.call("show_cart", expect=200)
    locked = client.call("disable_twofa", expect=429, body={"code": device.code(1)})
    stored = database.twofa_devices.find_one({"user_id": user_id})
    assert stored is not None
    seconds_left = (stored["locked_until"] - datetime.now(UTC)).total_seconds()
    assert seconds_left <= int(locked.headers["retry-after"]) <= seconds_left + 2

    other = new_person()
    auditor = log_in(new_client(), ownership.user(role="owner"))  # observed, with its enrolment
    _enrol_again_and_disable(other, device.backup_codes[1])
    after = database.twofa_devices.find_one({"user_id": user_id})
    assert after is not None
    assert after["backup_digests"] == stored["backup_digests"], "another user's code was spent"
    path = {"user_id": other.user.user_id}
    entries = auditor.client.call("user_audit", expect=200, path=path).body["entries"]
    assert [entry["action"] for entry in entries] == ["twofa.disabled", "twofa.enabled"]


def _enrol_again_and_disable(person: Person, code_of_another: str) -> None:
    """Require that only the newest enrolment counts, and that only a right code disables it.

    Args:
        person: a person without a second factor.
        code_of_another: a backup code of another user, which must not open a session of the person.
    """
    client = person.client
    abandoned, device = enrol(client), enrol(client)
    wait_for_room_in_step()
    client.call("disable_twofa", expect=409, body={"code": device.code()})
    client.call("verify_totp", expect=401, body={"code": abandoned.code(-1)})
    client.call("verify_totp", expect=200, body={"code": device.code(-1)})
    client.call("disable_twofa", expect=401, body={"code": "000000"})
    session = client.token
    log_in_to_challenge(client, person.user)
    client.call("verify_totp", expect=401, body={"code": abandoned.backup_codes[0]})
    client.call("verify_totp", expect=401, body={"code": code_of_another})
    client.call("verify_totp", expect=200, body={"code": device.backup_codes[0]})
    client.token = session
    client.call("disable_twofa", expect=200, body={"code": device.code(1)})
    assert log_in(client, person.user).client.token


@check("access.twofa.sms", needs="access")
def test_sms(
    new_person: NewPerson,
    new_client: Callable[[], StoreClient],
    ownership: "Ownership",
    database: "Shop",
) -> None:
    """An SMS code goes only to the phone, works once, for 300 s; 5 wrong codes block all codes."""
    person = new_person()
    client, by_user = person.client, {"user_id": person.user.user_id}

    codes: list[str] = []

    def request_code() -> str:
        answer = client.call("send_sms", expect=202)
        message = database.sms_outbox.find_one(by_user, sort=[("at", -1)])
        assert message is not None
        assert message["to"] == person.user.phone
        code = str(message["text"]).split()[0]
        assert code not in str(answer.body)
        codes.append(code)
        return code

    def age(seconds: int) -> None:
        pending = database.sms_codes.find_one(by_user)
        assert pending is not None
        earlier = pending["expires_at"] - timedelta(seconds=seconds)
        database.sms_codes.update_one(by_user, {"$set": {"expires_at": earlier}})

    client.call("verify_sms", expect=409, body={"code": "000000"})
    code = request_code()
    pending = database.sms_codes.find_one(by_user)
    assert pending is not None
    time_left = pending["expires_at"] - datetime.now(UTC)
    assert timedelta(seconds=295) < time_left <= timedelta(seconds=300)
    assert code not in str(pending)
    client.call("verify_sms", expect=200, body={"code": code})
    client.call("verify_sms", expect=409, body={"code": code})

    code = request_code()
    age(290)
    client.call("verify_sms", expect=200, body={"code": code})
    code = request_code()
    age(301)
    client.call("verify_sms", expect=401, body={"code": code})

    # A new code is valid for its own 300 s, although an earlier code expires soon.
    request_code()
    age(295)
    code = request_code()
    pending = database.sms_codes.find_one(by_user)
    assert pending is not None
    assert pending["expires_at"] - datetime.now(UTC) > timedelta(seconds=295)
    tries = [client.ask("verify_sms", body={"code": "x"}).status for _ in range(4)]
    assert tries == [401, 401, 401, 401]
    client.call("verify_sms", expect=429, body={"code": code})
    assert client.ask("send_sms").status == 429
    # The chance that five codes of a million are all under 100 is 1 in 10²⁰.
    assert len(codes) == 5
    assert max(map(int, codes)) >= 100
    _texted_code_as_second_step(new_person(), new_client(), ownership, database)


def _texted_code_as_second_step(
    person: Person, client: StoreClient, ownership: "Ownership", database: "Shop"
) -> None:
    """Require that an SMS code completes a log-in only if the user has enrolled a second factor."""

    def texted(user_id: str) -> dict[str, str]:
        client.call("send_sms", expect=202)
        message = database.sms_outbox.find_one({"user_id": user_id}, sort=[("at", -1)])
        assert message is not None
        return {"code": str(message["text"]).split()[0]}

    admin = ownership.user(role="admin")
    challenge = client.call("login", expect=200, body=credentials(admin)).body
    client.token = challenge["challenge_token"]
    client.call("verify_sms", expect=409, body=texted(admin.user_id))
    assert database.sessions.count_documents({"user_id": admin.user_id}) == 0

    device = enrol(person.client)
    person.client.call("verify_totp", expect=200, body={"code": device.code()})
    log_in_to_challenge(client, person.user)
    session = client.call("verify_sms", expect=200, body=texted(person.user.user_id)).body
    client.token = session["access_token"]
    client.call("show_cart", expect=200)


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

    def give(level: str, person: Person = clerk) -> None:
        body = {"user_id": person.user.user_id, "resource_id": ledger, "level": level}
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
    revocation = {"user_id": clerk.user.user_id, "resource_id": ledger}
    clerk.client.call("revoke_resource", expect=403, body=revocation)
    manager.client.call("revoke_resource", expect=200, body=revocation)
    assert [has(clerk, ledger, level) for level in ("read", "read_write")] == [False, False]
    assert has(other, ledger, "read") is True
