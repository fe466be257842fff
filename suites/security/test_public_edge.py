"""The edge and the platform: rate limit, TLS, ports, stored passwords, secrets, the log."""

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from gates.model import Policy, Target
from suites.client import StoreClient, loopback_source
from suites.inspection import transport
from suites.inspection.secrets import SECRET
from suites.probes import limits
from suites.probes.api import Call, Observation
from suites.pytest_plugin.marks import check
from suites.security.surface import Judge, Surface, Values, endpoint, endpoints, good_call
from suites.testdata.people import Person, credentials, enrol

if TYPE_CHECKING:
    from suites.testdata.ownership import Shop

pytestmark = pytest.mark.security

WINDOW_SECONDS = 60.0
SECRETS_SENT = (
    "not-the-password-zq", "forged.token.zq", "typed-in-the-wrong-field-zq",
    "no-such-refresh-token-zq", "no-such-code-zq",
)  # fmt: skip
BCRYPT = re.compile(r"\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}\Z")
# The guide's internal ports, and those services listen on when nobody thinks of it.
PORTS = (
    21, 22, 23, 25, 53, 80, 110, 143, 443, 445, 1433, 1521, 2375, 2379, 3000, 3001, 3306, 3389,
    5000, 5001, 5432, 5601, 5672, 5900, 6379, 6443, 8000, 8080, 8081, 8088, 8404, 8405, 8443,
    8500, 8888, 9000, 9090, 9093, 9100, 9200, 9300, 10250, 11211, 15672, 27017, 27018,
)  # fmt: skip


def stated_limit(policy: Policy) -> int:
    """How many requests a minute one address may send."""
    return round(policy.security_limits["requests_per_minute"])


@check("security.rate.limit", needs="catalogue")
def test_rate_limit(surface: Surface, no_finding: Judge, policy: Policy) -> None:
    """From one address the stated number passes, not one more; another address is not touched."""
    address = loopback_source()
    sender, asked = surface.sender(source=lambda: address), endpoint("list_products")
    stated = stated_limit(policy)
    exchanges = limits.flood(sender, asked, Call(), stated)
    other = surface.sender().send(asked, Call()).status
    assert other == 200
    no_finding(limits.limit_is(exchanges, stated, WINDOW_SECONDS))


@check("security.rate.bypass", needs="catalogue")
def test_rate_limit_bypass(surface: Surface, no_finding: Judge, policy: Policy) -> None:
    """From an address over its limit, no forged header, method or spelling gets through."""
    address = loopback_source()
    sender, asked = surface.sender(source=lambda: address), endpoint("list_products")
    flooded = limits.flood(sender, asked, Call(), stated_limit(policy))
    assert flooded[-1].status == limits.TOO_MANY
    no_finding(limits.bypasses(sender, asked, Call(), "X-Kirana-Exemption"))
    no_finding(_other_ways(surface, address))


def _other_ways(surface: Surface, address: str) -> Iterator[Observation]:
    sender = surface.sender(source=lambda: address)
    for one in (endpoint("search"), endpoint("login"), endpoint("autocomplete")):
        answer = sender.send(one, good_call(one, {"q": "rice"}))
        said = f"{one.name} answers {answer.status} to an address over its limit"
        found = answer.status != limits.TOO_MANY
        yield Observation("rate-limit-bypass", one.name, found, said, answer)


@check("security.tls", needs="auth")
def test_tls(target: Target, no_finding: Judge, policy: Policy) -> None:
    """Old versions and weak ciphers are refused, the certificate is valid, HTTP leads to it."""
    addresses = target.addresses
    days = round(policy.security_limits["certificate_days"])
    no_finding(transport.tls(addresses.edge_https, ca_file=addresses.edge_ca_file, days=days,
                             seconds=target.patience_seconds))  # fmt: skip
    no_finding([transport.redirected(addresses.edge_http, addresses.edge_https,
                                     target.patience_seconds)])  # fmt: skip


@check("security.ports", needs="auth")
def test_ports(target: Target, no_finding: Judge) -> None:
    """On the public address only the edge answers."""
    assert target.public_address, "the target file names no public_address"
    addresses = target.addresses
    edge = {urlsplit(url).port or 443 for url in (addresses.edge_https, addresses.edge_http)}
    inside = {urlsplit(url).port or 80 for url in (
        addresses.api, addresses.frontend, addresses.prometheus, addresses.balancer_control,
        target.secrets["database_uri"])}  # fmt: skip
    seen = list(transport.ports(target.public_address, {*PORTS, *edge, *inside}, frozenset(edge)))
    assert [one for one in seen if " answers" in one.sentence] != []
    no_finding(seen)


@check("security.passwords", needs="auth")
def test_passwords(
    new_person: Callable[..., Person], database: "Shop", no_finding: Judge, policy: Policy
) -> None:
    """Every stored password is bcrypt of cost 10 or more, also after a log-in."""
    new_person()
    costs: dict[str, int] = {}
    for user in database.users.find({}, {"password_hash": 1}):
        stored = BCRYPT.match(str(user.get("password_hash", "")))
        kind = f"bcrypt cost {int(stored[1])}" if stored else "no bcrypt"
        costs[kind] = costs.get(kind, 0) + 1
    no_finding(
        Observation("weak-password-hash", kind, not _strong(kind, policy), f"{count} users: {kind}")
        for kind, count in costs.items()
    )


def _strong(kind: str, policy: Policy) -> bool:
    least = policy.security_limits["bcrypt_cost"]
    return kind.startswith("bcrypt") and int(kind.rsplit(maxsplit=1)[-1]) >= least


@check("security.passwords.stored", needs="access")
def test_a_new_password_is_stored_well(
    new_person: Callable[..., Person], database: "Shop", no_finding: Judge, policy: Policy
) -> None:
    """A changed password is stored as bcrypt of cost 10 or more, and nowhere as it is."""
    person = new_person()
    least = policy.security_limits["bcrypt_cost"]
    fresh = f"{person.user.password}-new"
    body = {"current": person.user.password, "new": fresh}
    person.client.call("change_password", expect=204, body=body)
    stored = database.users.find_one({"_id": person.user.user_id})
    assert stored is not None
    found = BCRYPT.match(stored["password_hash"])
    weak = found is None or int(found[1]) < least
    said = f"stored as {stored['password_hash'][:7]}…"
    no_finding([
        Observation("weak-password-hash", "change_password", weak, said),
        Observation("exposed-secret", "users", fresh in str(stored), "the password in the user"),
    ])  # fmt: skip


@check("security.secrets", needs="auth")
def test_no_secret_is_served(
    surface: Surface, owner: Person, values: Values, target: Target, no_finding: Judge
) -> None:
    """Neither the frontend's files nor the answers hold a secret; hidden files are not served."""
    no_finding(_served(surface, owner, values, target))


def _served(
    surface: Surface, owner: Person, values: Values, target: Target
) -> Iterator[Observation]:
    pages = surface.frontend()
    for path in ("/", "/app.js", "/style.css", "/.env", "/.git/config", "/config.json",
                 "/app.js.map", "/backup.sql", "/secrets.env"):  # fmt: skip
        shown = pages.exchange("GET", path, {}, None)
        hidden = path.startswith("/.") or path.endswith((".json", ".map", ".sql", ".env"))
        found = _secret_in(shown.text, target) or (hidden and shown.status == 200)
        said = f"{path}: status {shown.status}, {'a secret' if found else 'no secret'}"
        yield Observation("exposed-secret", path, bool(found), said)
    for one in endpoints():
        if one.name != "logout":
            answer = surface.sender(owner.client.token).send(one, good_call(one, values))
            found = _secret_in(answer.text, target) or "password_hash" in answer.text
            said = f"{one.name} answers {'with' if found else 'without'} a secret"
            yield Observation("exposed-secret", one.name, bool(found), said)


def _secret_in(text: str, target: Target) -> bool:
    return bool(SECRET.search(text)) or any(one in text for one in target.secrets.values() if one)


@check("security.log", needs="access")
def test_attacks_leave_a_trace(
    new_client: Callable[[], StoreClient],
    new_person: Callable[..., Person],
    database: "Shop",
    policy: Policy,
    no_finding: Judge,
) -> None:
    """A wrong password, a forged token, a closed door and a flood are each in the security log."""
    person, client = new_person(), new_client()
    user = new_person().user
    wrong = {**credentials(user), "password": SECRETS_SENT[0]}
    client.call("login", expect=401, body=wrong)
    name = f"{SECRETS_SENT[2]}-{user.user_id}"
    typed = {"identifier": name, "password": SECRETS_SENT[0]}
    client.call("login", expect=401, body=typed)
    client.call("refresh", expect=401, body={"refresh_token": "no-such-refresh-token-zq"})
    enrol(person.client)
    person.client.call("verify_totp", expect=401, body={"code": "no-such-code-zq"})
    client.token = "forged.token.zq"  # noqa: S105 - it is none
    client.call("show_cart", expect=401)
    person.client.call("list_users", expect=403)
    statuses = [client.ask("list_products").status for _ in range(stated_limit(policy))]
    assert statuses[-1] == limits.TOO_MANY
    wanted: dict[str, dict[str, Any]] = {
        "wrong password": {"event": "login_failed", "subject": user.user_id},
        "forged token": {"event": "unauthorised", "address": client.source},
        "wrong code": {"event": "unauthorised", "user_id": person.user.user_id},
        "closed door": {"event": "forbidden", "user_id": person.user.user_id},
        "flood": {"event": "too_many_requests", "address": client.source},
    }
    written = {name: list(database.security_events.find(query)) for name, query in wanted.items()}
    everything = str(list(database.security_events.find({"run": person.client.run_id})))
    no_finding(
        Observation("missing-audit", name, not entries, f"{name}: {len(entries)} entries")
        for name, entries in written.items()
    )
    secrets = (*SECRETS_SENT, person.client.token)
    leaked = [word for word in secrets if word in everything]
    no_finding([Observation("missing-audit", "secrets", bool(leaked), f"{len(leaked)} secrets")])
