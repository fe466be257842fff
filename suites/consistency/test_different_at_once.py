"""Checks that different requests at the same moment all take effect and get their own response."""

import secrets
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from suites.client import StoreClient
from suites.consistency.crowd import SENDERS, NewClient, at_once, devices
from suites.pytest_plugin.marks import check
from suites.testdata.people import NewPerson, Person, credentials, log_in

if TYPE_CHECKING:
    from suites.testdata.ownership import Ownership, OwnUser, Shop

pytestmark = pytest.mark.integration

# Seconds from the beginning of a change of a password to the change of the role.
DELAYS = (0.0, 0.01, 0.03, 0.06)
GRANTS = 12


@check("consistency.changes_at_once", needs="access")
def test_changes_at_once(
    new_person: NewPerson, new_client: NewClient, ownership: "Ownership", database: "Shop"
) -> None:
    """If a user's password and role are changed at the same moment, both changes take effect."""
    admins = new_person.several("admin", "admin", "admin")
    users = [ownership.user() for _ in DELAYS]

    def change_both(user: "OwnUser", delay: float) -> None:
        own, others, later = devices(new_client, "", 3)
        log_in(own, user)
        others.token = admins[0].client.token
        new = f"{user.password}-new"

        def change_password() -> None:
            own.call("change_password", expect=204, body={"current": user.password, "new": new})

        def assign_role() -> None:
            # The role must change while the store computes the hash of the new password.
            time.sleep(delay)
            others.call("assign_role", expect=200, body={"user_id": user.user_id, "role": "staff"})

        at_once([change_password, assign_role])
        changed = {**credentials(user), "password": new}
        assert later.ask("login", body=changed).status == 200, (
            f"no log-in with the new password; the request for the role was sent {delay} s after "
            "the request for the password"
        )

    for user, delay in zip(users, DELAYS, strict=True):
        change_both(user, delay)
    stored = database.users.find({"_id": {"$in": [user.user_id for user in users]}})
    assert [user["role"] for user in stored] == ["staff"] * len(DELAYS)
    _grant_at_once(admins, ownership, database)


def _grant_at_once(admins: list[Person], ownership: "Ownership", database: "Shop") -> None:
    """Require that the audit trail has the right actor for each of many simultaneous grants."""
    users = [ownership.user() for _ in range(GRANTS)]

    def grant(admin: Person, user: "OwnUser") -> Callable[[], Any]:
        body = {"user_id": user.user_id, "permission": "orders:read"}
        return lambda: admin.client.call("grant_permission", expect=200, body=body)

    actors = [admins[number % len(admins)] for number in range(GRANTS)]
    at_once([grant(admin, user) for admin, user in zip(actors, users, strict=True)])
    trail = list(database.audit_logs.find({"subject_id": {"$in": [u.user_id for u in users]}}))
    assert sorted((entry["subject_id"], entry["actor_id"]) for entry in trail) == sorted(
        (user.user_id, admin.user.user_id) for admin, user in zip(actors, users, strict=True)
    )


@check("consistency.reads_at_once", needs="advanced_search")
def test_reads_at_once(new_client: NewClient, ownership: "Ownership") -> None:
    """Each of many simultaneous searches and suggestions gets the results of its own query."""
    words = [f"atonce{secrets.token_hex(4)}" for _ in range(SENDERS // 2)]
    products = [ownership.findable_product(word, "crowd", price_paise=100) for word in words]
    clients = devices(new_client, "")

    def searched(client: StoreClient, word: str) -> Callable[[], list[str]]:
        def act() -> list[str]:
            body = client.call("search", expect=200, query={"q": word}).body
            return [item["name"] for item in body["items"]]

        return act

    def suggested(client: StoreClient, word: str) -> Callable[[], list[str]]:
        def act() -> list[str]:
            body = client.call("autocomplete", expect=200, query={"q": word}).body
            return list(body["suggestions"])

        return act

    with ownership.on_sale(*products):
        acts = [searched(client, word) for client, word in zip(clients, words, strict=False)]
        last = clients[len(words) :]
        acts += [suggested(client, word) for client, word in zip(last, words, strict=True)]
        answers = at_once(acts)
    assert answers == 2 * [[product.name] for product in products]
