"""Checks of edge and platform: rate limit, TLS, ports, passwords, secrets, the security log."""

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from gates.model import Policy, Target
from suites.client import StoreClient, exemption, loopback_source
from suites.client.store import EXEMPTION_SECONDS
from suites.inspection import transport
from suites.inspection.secrets import secrets_in
from suites.probes import limits
from suites.probes.api import Call, Observation
from suites.pytest_plugin.marks import check
from suites.scanner.sending import HttpSender
from suites.security.surface import (
    NoFindingAssertion,
    Surface,
    Values,
    endpoint_named,
    endpoints,
    good_call,
)
from suites.testdata.people import NewPerson, Person, credentials, enrol

if TYPE_CHECKING:
    from suites.testdata.ownership import Shop

pytestmark = pytest.mark.security

WINDOW_SECONDS = 60.0
OK = 200
EXEMPTION_HEADER = "X-Kirana-Exemption"
# The clocks of this machine and of the target may differ.
EXPIRED_FOR_SECONDS = 10
SECRETS_SENT = (
    "not-the-password-zq",
    "forged.token.zq",
    "typed-in-the-wrong-field-zq",
    "no-such-refresh-token-zq",
    "no-such-code-zq",
)
SERVED_PATHS = (
    "/",
    "/app.js",
    "/style.css",
    "/.env",
    "/.git/config",
    "/config.json",
    "/app.js.map",
    "/backup.sql",
    "/secrets.env",
)
HIDDEN = re.compile(r"/\.|.*\.(json|map|sql|env)$")
BCRYPT = re.compile(r"\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}\Z")
# The internal ports of the guide, and the default ports of common services.
# One number a line would fill a page.
PORTS = (
    21, 22, 23, 25, 53, 80, 110, 143, 443, 445, 1433, 1521, 2375, 2379, 3000, 3001, 3306, 3389,
    5000, 5001, 5432, 5601, 5672, 5900, 6379, 6443, 8000, 8080, 8081, 8088, 8404, 8405, 8443,
    8500, 8888, 9000, 9090, 9093, 9100, 9200, 9300, 10250, 11211, 15672, 27017, 27018,
)  # a list of short values # fmt: skip


def stated_limit(policy: Policy) -> int:
    """Return the number of requests that the policy allows one address in a minute."""
    return round(policy.security_limits["requests_per_minute"])


@check("security.rate.limit", needs="catalogue")
def test_rate_limit(surface: Surface, no_finding: NoFindingAssertion, policy: Policy) -> None:
    """One address may send the policy's number of requests; other addresses are not affected."""
    address = loopback_source()
    sender, products = surface.sender(source=lambda: address), endpoint_named("list_products")
    limit = stated_limit(policy)
    exchanges = limits.flood(sender, products, Call(), limit)
    other = surface.sender().send(products, Call()).status
    assert other == 200
    no_finding(limits.limit_is(exchanges, limit, WINDOW_SECONDS))
    no_finding([_limit_behind_the_edge(surface, limit)])
    another = loopback_source()
    slow_sender = surface.sender(source=lambda: another)
    no_finding(limits.window_slides(slow_sender, products, Call(), limit, WINDOW_SECONDS))


def _limit_behind_the_edge(surface: Surface, limit: int) -> Observation:
    """Observe whether customers behind the edge, who share its address, share one limit."""
    addresses, products = surface.target.addresses, endpoint_named("list_products")

    def through_the_edge() -> HttpSender:
        address = loopback_source()
        sender = surface.sender(source=lambda: address)
        return replace(sender, base=addresses.edge_https, ca_file=addresses.edge_ca_file)

    limits.flood(through_the_edge(), products, Call(), limit)
    status = through_the_edge().send(products, Call()).status
    sentence = (
        f"after {limit + 1} requests of one address through the edge, a request of another address "
        f"through the edge got status {status}, expected 200"
    )
    return Observation("rate-limit", "behind the edge", status != OK, sentence)


@check("security.rate.bypass", needs="catalogue")
def test_rate_limit_bypass(
    surface: Surface,
    owner: Person,
    new_person: NewPerson,
    no_finding: NoFindingAssertion,
    policy: Policy,
) -> None:
    """An address over its limit is refused, also with forged headers and for other operations."""
    address = loopback_source()
    sender, products = surface.sender(source=lambda: address), endpoint_named("list_products")
    exchanges = limits.flood(sender, products, Call(), stated_limit(policy))
    assert exchanges[-1].status == limits.TOO_MANY
    no_finding(limits.bypasses(sender, products, Call(), EXEMPTION_HEADER))
    no_finding(_with_tokens(surface, address, (new_person(), owner)))
    no_finding(_other_operations(surface, address))
    if key := surface.target.secrets.get("exemption_key", ""):
        expired = exemption(key, time.time() - EXEMPTION_SECONDS - EXPIRED_FOR_SECONDS)
        answer = sender.send(products, Call(headers={EXEMPTION_HEADER: expired}))
        sentence = (
            f"a request with an exemption that expired {EXPIRED_FOR_SECONDS} s ago got status "
            f"{answer.status}, "
            f"expected {limits.TOO_MANY}"
        )
        is_open = answer.status != limits.TOO_MANY
        no_finding(
            [Observation("rate-limit-bypass", "expired exemption", is_open, sentence, answer)]
        )


def _with_tokens(
    surface: Surface, address: str, people: tuple[Person, ...]
) -> Iterator[Observation]:
    """Observe whether a log-in exempts requests from the rate limit."""
    products = endpoint_named("list_products")
    for person in people:
        sender = surface.sender(person.client.token, source=lambda: address)
        answer = sender.send(products, Call())
        sentence = (
            f"a request with the token of a user, from an address over its limit, got status "
            f"{answer.status}, expected {limits.TOO_MANY}"
        )
        is_open = answer.status != limits.TOO_MANY
        yield Observation("rate-limit-bypass", "token of a user", is_open, sentence, answer)


def _other_operations(surface: Surface, address: str) -> Iterator[Observation]:
    sender = surface.sender(source=lambda: address)
    limited = [endpoint for endpoint in endpoints() if limits.TOO_MANY in endpoint.statuses]
    for endpoint in limited:
        answer = sender.send(endpoint, good_call(endpoint, {"q": "rice"}))
        sentence = (
            f"{endpoint.name} returned status {answer.status} to an address over its limit, "
            f"expected {limits.TOO_MANY}"
        )
        is_served = answer.status != limits.TOO_MANY
        yield Observation("rate-limit-bypass", endpoint.name, is_served, sentence, answer)


@check("security.tls", needs="auth")
def test_tls(target: Target, no_finding: NoFindingAssertion, policy: Policy) -> None:
    """The edge refuses old TLS and weak ciphers, has a valid certificate, and redirects HTTP."""
    addresses = target.addresses
    days = round(policy.security_limits["certificate_days"])
    no_finding(
        transport.tls(
            addresses.edge_https,
            ca_file=addresses.edge_ca_file,
            days=days,
            seconds=target.patience_seconds,
        )
    )
    no_finding(
        [transport.redirected(addresses.edge_http, addresses.edge_https, target.patience_seconds)]
    )


@check("security.ports", needs="auth")
def test_ports(target: Target, no_finding: NoFindingAssertion) -> None:
    """On the public address of the target, only the ports of the edge are open."""
    assert target.public_address, (
        "the target file has no public_address; add public_address to [access]"
    )
    addresses = target.addresses
    edge = {urlsplit(url).port or 443 for url in (addresses.edge_https, addresses.edge_http)}
    inside = {
        urlsplit(url).port or 80
        for url in (
            addresses.api,
            addresses.frontend,
            addresses.prometheus,
            addresses.balancer_control,
            target.secrets["database_uri"],
        )
    }
    host = target.public_address
    states = transport.open_ports(host, {*PORTS, *edge, *inside})
    # Otherwise the address is wrong, and closed ports prove nothing.
    assert any(states[port] for port in edge), (
        f"no port of the edge is open on {host}; correct public_address in the target file"
    )
    no_finding(transport.ports(host, states, frozenset(edge)))


@check("security.passwords", needs="auth")
def test_passwords(
    new_person: NewPerson,
    database: "Shop",
    no_finding: NoFindingAssertion,
    policy: Policy,
) -> None:
    """Every password is stored as a bcrypt hash of cost 10 or more, also after a log-in."""
    new_person()
    costs: dict[str, int] = {}
    for user in database.users.find({}, {"password_hash": 1}):
        stored = BCRYPT.match(str(user.get("password_hash", "")))
        kind = f"bcrypt cost {int(stored[1])}" if stored else "no bcrypt"
        costs[kind] = costs.get(kind, 0) + 1
    no_finding(
        Observation(
            "weak-password-hash",
            kind,
            not _is_strong(kind, policy),
            f"passwords of {count} users: {kind}, expected bcrypt of cost "
            f"{policy.security_limits['bcrypt_cost']:g} or more",
        )
        for kind, count in costs.items()
    )


def _is_strong(kind: str, policy: Policy) -> bool:
    min_cost = policy.security_limits["bcrypt_cost"]
    return kind.startswith("bcrypt") and int(kind.rsplit(maxsplit=1)[-1]) >= min_cost


@check("security.passwords.stored", needs="access")
def test_a_new_password_is_stored_well(
    new_person: NewPerson,
    database: "Shop",
    no_finding: NoFindingAssertion,
    policy: Policy,
) -> None:
    """A changed password is stored as a bcrypt hash of cost 10 or more, and not in clear text.

    Passwords of the shortest and of the greatest length are accepted, and can log in.
    """
    person = new_person()
    min_cost = policy.security_limits["bcrypt_cost"]
    new_password = f"{person.user.password}-new"
    body = {"current": person.user.password, "new": new_password}
    bounds = (endpoint_named("change_password").body or {})["properties"]["new"]
    outside = ("x" * (bounds["minLength"] - 1), "x" * (bounds["maxLength"] + 1))
    # The limit of the contract is in bytes, too.
    for refused in (*outside, "é" * (bounds["maxLength"] // 2 + 1)):
        person.client.call("change_password", expect=400, body={**body, "new": refused})
    for accepted in ("x" * bounds["minLength"], "y" * bounds["maxLength"]):
        person.client.call("change_password", expect=204, body={**body, "new": accepted})
        body["current"] = accepted
    longest = {**credentials(person.user), "password": body["current"]}
    person.client.call("login", expect=200, body=longest)
    person.client.call("change_password", expect=204, body=body)
    stored = database.users.find_one({"_id": person.user.user_id})
    assert stored is not None
    match = BCRYPT.match(stored["password_hash"])
    weak = match is None or int(match[1]) < min_cost
    in_clear_text = new_password in str(stored)
    sentence = (
        f"the new password is stored as {stored['password_hash'][:7]}…, expected bcrypt of cost "
        f"{min_cost:g} or more"
    )
    no_finding(
        [
            Observation("weak-password-hash", "change_password", weak, sentence),
            Observation(
                "exposed-secret",
                "users",
                in_clear_text,
                "the user's document must not contain the new password in clear text",
            ),
        ]
    )


@check("security.secrets", needs="auth")
def test_no_secret_is_served(
    surface: Surface, owner: Person, values: Values, target: Target, no_finding: NoFindingAssertion
) -> None:
    """No file of the frontend and no response contains a secret; hidden files are not served."""
    no_finding(_served(surface, owner, values, target))


def _served(
    surface: Surface, owner: Person, values: Values, target: Target
) -> Iterator[Observation]:
    pages = surface.frontend()
    for path in SERVED_PATHS:
        page = pages.exchange("GET", path, {}, None)
        is_leaked = HIDDEN.match(path) is not None and page.status == 200
        has_secret = is_leaked or _has_secret(page.text, path, target)
        sentence = (
            f"the response to GET {path} has status {page.status}, and contains "
            f"{'a secret' if has_secret else 'no secret'}"
        )
        yield Observation("exposed-secret", path, has_secret, sentence)
    for endpoint in endpoints():
        if endpoint.name != "logout":
            answer = surface.sender(owner.client.token).send(endpoint, good_call(endpoint, values))
            has_hash = "password_hash" in answer.text
            has_secret = has_hash or _has_secret(answer.text, "answer.json", target)
            sentence = (
                f"the response of {endpoint.name} contains "
                f"{'a secret' if has_secret else 'no secret'}"
            )
            yield Observation("exposed-secret", endpoint.name, has_secret, sentence)


def _has_secret(text: str, file: str, target: Target) -> bool:
    """Return whether a text contains a secret of the target, or a text in the form of a secret.

    Args:
        text: the text.
        file: a file name whose suffix states the format of the text.
        target: the target, whose target file names the secrets.
    """
    own_secrets = [secret for secret in target.secrets.values() if secret and secret in text]
    return bool(own_secrets) or any(secrets_in(text.splitlines(), file))


@check("security.log", needs="access")
def test_attacks_leave_a_trace(
    new_client: Callable[[], StoreClient],
    new_person: NewPerson,
    database: "Shop",
    policy: Policy,
    no_finding: NoFindingAssertion,
) -> None:
    """The security log has an entry for each attack of this check, and contains no secret.

    The attacks are a wrong password, a wrong code, a forged token, a refused operation, and more
    requests than the rate limit allows.
    """
    person, client = new_person(), new_client()
    user = new_person().user
    wrong = {**credentials(user), "password": SECRETS_SENT[0]}
    client.call("login", expect=401, body=wrong)
    name = f"{SECRETS_SENT[2]}-{user.user_id}"
    wrong_field = {"identifier": name, "password": SECRETS_SENT[0]}
    client.call("login", expect=401, body=wrong_field)
    client.call("refresh", expect=401, body={"refresh_token": "no-such-refresh-token-zq"})
    enrol(person.client)
    person.client.call("verify_totp", expect=401, body={"code": "no-such-code-zq"})
    client.token = "forged.token.zq"  # noqa: S105 - a made-up token
    client.call("show_cart", expect=401)
    person.client.call("list_users", expect=403)
    statuses = [client.ask("list_products").status for _ in range(stated_limit(policy))]
    assert statuses[-1] == limits.TOO_MANY
    queries: dict[str, dict[str, Any]] = {
        "wrong password": {"event": "login_failed", "subject": user.user_id},
        "forged token": {"event": "unauthorised", "address": client.source},
        "wrong code": {"event": "unauthorised", "user_id": person.user.user_id},
        "refused operation": {"event": "forbidden", "user_id": person.user.user_id},
        "flood": {"event": "too_many_requests", "address": client.source},
    }
    written = {name: list(database.security_events.find(query)) for name, query in queries.items()}
    all_events = str(list(database.security_events.find({"run": person.client.run_id})))
    no_finding(
        Observation(
            "missing-audit",
            name,
            not entries,
            f"the security log has {len(entries)} entries about the {name}, expected 1 or more",
        )
        for name, entries in written.items()
    )
    secrets = (*SECRETS_SENT, person.client.token)
    leaked = [word for word in secrets if word in all_events]
    no_finding(
        [
            Observation(
                "missing-audit",
                "secrets",
                bool(leaked),
                f"the security log has {len(leaked)} of the secrets that were sent, expected 0",
            )
        ]
    )
