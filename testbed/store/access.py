"""Roles, permissions and access to single resources."""

from typing import Literal

import msgspec

from testbed.store import audit
from testbed.store.context import Context, Reply, now, only, page_of
from testbed.store.database import Database, Document
from testbed.store.errors import forbidden, invalid, not_found

Role = Literal["owner", "admin", "manager", "staff", "customer"]
Level = Literal["read", "read_write"]

# Highest first. A role has its own permissions and those of every role below it.
RANKS: dict[str, int] = {"owner": 5, "admin": 4, "manager": 3, "staff": 2, "customer": 1}
OWN_PERMISSIONS: dict[str, frozenset[str]] = {
    "owner": frozenset({"store:own"}),
    "admin": frozenset({"users:read", "audit:read", "permissions:manage"}),
    "manager": frozenset({"permissions:read", "roles:assign", "resources:manage"}),
    "staff": frozenset({"roles:read", "orders:read"}),
    "customer": frozenset(),
}
ALL_PERMISSIONS = frozenset().union(*OWN_PERMISSIONS.values())
USERS_PER_PAGE = 50


class Grant(msgspec.Struct, forbid_unknown_fields=True):
    user_id: str
    permission: str


class Question(msgspec.Struct, forbid_unknown_fields=True):
    user_id: str
    permission: str | None = None
    resource_id: str | None = None
    level: Level | None = None


class Assignment(msgspec.Struct, forbid_unknown_fields=True):
    user_id: str
    role: Role


class ResourceGrant(msgspec.Struct, forbid_unknown_fields=True):
    user_id: str
    resource_id: str
    level: Level


class ResourceRevocation(msgspec.Struct, forbid_unknown_fields=True):
    user_id: str
    resource_id: str


def role_permissions(role: str) -> frozenset[str]:
    """The permissions of a role."""
    below = [name for name, rank in RANKS.items() if rank <= RANKS[role]]
    return frozenset().union(*(OWN_PERMISSIONS[name] for name in below))


def outranks(actor_role: str, subject_role: str) -> bool:
    return RANKS[actor_role] > RANKS[subject_role]


async def is_allowed(db: Database, user: Document, permission: str) -> bool:
    """Whether a user has a permission, by role or by an explicit grant, at this moment."""
    if permission in role_permissions(user["role"]):
        return True
    granted = await db.permissions.find_one(
        {"kind": "permission", "user_id": user["_id"], "permission": permission}
    )
    return granted is not None


async def has_resource(db: Database, user_id: str, resource_id: str, level: str) -> bool:
    """Whether a user has a resource at the level; read_write includes read."""
    grant = await db.permissions.find_one(
        {"kind": "resource", "user_id": user_id, "resource_id": resource_id}
    )
    return grant is not None and covers(grant["level"], level)


def covers(granted: str, wanted: str) -> bool:
    return granted == "read_write" or wanted == "read"


async def user_or_404(context: Context, user_id: str) -> Document:
    user = await context.db.users.find_one({"_id": user_id})
    if user is None:
        raise not_found("user")
    return user


async def subordinate(context: Context, user_id: str) -> Document:
    """The user with this id, who must rank below the caller."""
    user = await user_or_404(context, user_id)
    if not outranks(context.user["role"], user["role"]):
        raise forbidden("You may only manage users of a lower role.")
    return user


async def grant(context: Context, body: Grant) -> Reply:
    """``POST /api/access/permissions/grant``."""
    if body.permission not in ALL_PERMISSIONS:
        raise invalid("No such permission.")
    await subordinate(context, body.user_id)
    if not await is_allowed(context.db, context.user, body.permission):
        raise forbidden("You may only grant what you may do yourself.")
    await store_grant(context, body.user_id, body.permission)
    await audit.record(context, "permission.granted", body.user_id, permission=body.permission)
    return Reply(200, {"user_id": body.user_id, "permission": body.permission, "granted": True})


async def store_grant(context: Context, user_id: str, permission: str) -> None:
    key = {"kind": "permission", "user_id": user_id, "permission": permission}
    await context.db.permissions.update_one(
        key, {"$set": {"granted_by": context.user["_id"], "at": now()}}, upsert=True
    )


async def revoke(context: Context, body: Grant) -> Reply:
    """``POST /api/access/permissions/revoke``: effective with the next request."""
    await subordinate(context, body.user_id)
    await remove_grant(context, body.user_id, body.permission)
    await audit.record(context, "permission.revoked", body.user_id, permission=body.permission)
    return Reply(200, {"user_id": body.user_id, "permission": body.permission, "granted": False})


async def remove_grant(context: Context, user_id: str, permission: str) -> None:
    await context.db.permissions.delete_one(
        {"kind": "permission", "user_id": user_id, "permission": permission}
    )


async def check(context: Context, body: Question) -> Reply:
    """``POST /api/access/permissions/check``: the caller, or any user with permissions:read."""
    by_permission = body.permission is not None and body.resource_id is None and body.level is None
    by_resource = body.permission is None and body.resource_id is not None and body.level
    if not by_permission and not by_resource:
        raise invalid("Ask for a permission, or for a resource_id and a level.")
    if body.user_id != context.user["_id"] and not await is_allowed(
        context.db, context.user, "permissions:read"
    ):
        raise forbidden()
    user = await user_or_404(context, body.user_id)
    if body.permission is not None:
        allowed = await is_allowed(context.db, user, body.permission)
    else:
        allowed = await has_resource(
            context.db, user["_id"], str(body.resource_id), str(body.level)
        )
    return Reply(200, {"user_id": body.user_id, "allowed": allowed})


async def list_users(context: Context) -> Reply:
    """``GET /api/admin/users``."""
    only(context.query, "page")
    page = page_of(context.query)
    cursor = context.db.users.find({}).sort("_id", 1)
    users = [
        public_user(user)
        async for user in cursor.skip((page - 1) * USERS_PER_PAGE).limit(USERS_PER_PAGE)
    ]
    total = await context.db.users.count_documents({})
    return Reply(200, {"users": users, "page": page, "total": total})


def public_user(user: Document) -> dict[str, object]:
    """The fields of a user for an administrator, without password hash and secrets."""
    return {
        "id": user["_id"],
        "name": user["name"],
        "phone": user["phone"],
        "email": user["email"],
        "role": user["role"],
        "active": user["active"],
    }


async def list_roles(context: Context) -> Reply:
    """``GET /api/access/roles``: the roles, the highest role first."""
    only(context.query)
    roles = [
        {"name": name, "rank": rank, "permissions": sorted(role_permissions(name))}
        for name, rank in RANKS.items()
    ]
    return Reply(200, {"roles": roles})


async def assign_role(context: Context, body: Assignment) -> Reply:
    """``POST /api/access/roles/assign``: only roles and users below the caller's role."""
    user = await subordinate(context, body.user_id)
    if not outranks(context.user["role"], body.role):
        raise forbidden("You may only assign roles below your own.")
    await store_role(context, user["_id"], body.role)
    await audit.record(context, "role.assigned", user["_id"], before=user["role"], after=body.role)
    return Reply(200, {"user_id": user["_id"], "role": body.role})


async def store_role(context: Context, user_id: str, role: str) -> None:
    await context.db.users.update_one({"_id": user_id}, {"$set": {"role": role}})


async def grant_resource(context: Context, body: ResourceGrant) -> Reply:
    """``POST /api/access/resources/access/grant``."""
    await subordinate(context, body.user_id)
    key = {"kind": "resource", "user_id": body.user_id, "resource_id": body.resource_id}
    change = {"level": body.level, "granted_by": context.user["_id"], "at": now()}
    await context.db.permissions.update_one(key, {"$set": change}, upsert=True)
    await audit.record(
        context,
        "resource.granted",
        body.user_id,
        resource_id=body.resource_id,
        level=body.level,
    )
    answer = {"user_id": body.user_id, "resource_id": body.resource_id, "level": body.level}
    return Reply(200, answer)


async def revoke_resource(context: Context, body: ResourceRevocation) -> Reply:
    """``POST /api/access/resources/access/revoke``."""
    await subordinate(context, body.user_id)
    key = {"kind": "resource", "user_id": body.user_id, "resource_id": body.resource_id}
    await context.db.permissions.delete_one(key)
    await audit.record(context, "resource.revoked", body.user_id, resource_id=body.resource_id)
    answer = {"user_id": body.user_id, "resource_id": body.resource_id, "level": None}
    return Reply(200, answer)
