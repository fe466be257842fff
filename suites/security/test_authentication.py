"""Checks of authentication: tokens, sessions, and the log-in."""

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from gates.model import Target
from suites.client import StoreClient
from suites.client.websocket import opens_a_socket
from suites.probes import forging
from suites.probes.api import Call, Observation
from suites.pytest_plugin.marks import check
from suites.security.surface import (
    WRONG_TEXT,
    NoFindingAssertion,
    Surface,
    Values,
    endpoint_named,
    endpoints,
    good_call,
)
from suites.testdata.people import NewPerson, Person, credentials, log_in

if TYPE_CHECKING:
    from suites.client import Answer
    from suites.testdata.ownership import Ownership, Shop

pytestmark = pytest.mark.security

NewClient = Callable[[], StoreClient]
TRIES = 12
MIN_GUESSES = 5
MIN_LOCK_SECONDS, MAX_LOCK_SECONDS, EDGE_SECONDS = 300, 3600, 30
MAX_TOKEN_SECONDS = 3600
TIMED_LOGINS, MAX_TIMED_LOGINS = 8, 24
MAX_SENTENCE = 300
LOCKED = 429
UNAUTHORISED, CONFLICT = 401, 409
# bcrypt at cost 10 takes some 60 ms. A log-in that skips bcrypt for unknown users takes a third of
# the time or less.
MIN_TIME_RATIO = 0.5
# Names of schemes before and after Bearer in the alphabet.
OTHER_SCHEMES = ("Basic", "Token")


@check("security.auth.required", needs="access")
def test_every_secured_operation_needs_a_token(
    surface: Surface, values: Values, no_finding: NoFindingAssertion
) -> None:
    """Every secured operation returns 401 without a token, and with a word instead of a token."""
    no_token, word = surface.sender(), surface.sender("word")
    secured = [endpoint for endpoint in endpoints() if endpoint.secured]
    no_finding(
        _refused(
            no_token.send(endpoint, good_call(endpoint, values)).status, endpoint.name, "no token"
        )
        for endpoint in secured
    )
    no_finding(
        _refused(
            word.send(endpoint, good_call(endpoint, values)).status, endpoint.name, "a wrong token"
        )
        for endpoint in secured
    )


def _refused(status: int, place: str, sender: str) -> Observation:
    sentence = f"{place} returned status {status} to a request with {sender}, expected 401"
    return Observation("missing-authentication", place, status != UNAUTHORISED, sentence)


@check("security.auth.tokens", needs="access")
def test_forged_tokens(
    surface: Surface, new_person: NewPerson, no_finding: NoFindingAssertion, target: Target
) -> None:
    """The store refuses forged tokens, and tokens with another scheme, issuer, audience or time."""
    person, other = new_person(), new_person()
    cart, token, sender = endpoint_named("show_cart"), person.client.token, surface.sender()
    forgeries = forging.forgeries(token, other.user.user_id)
    no_finding(forging.tokens_refused(sender, cart, Call(), token, ("forged-token", forgeries)))
    no_finding(_other_schemes_refused(surface, token))
    session = person.client.call("login", expect=200, body=credentials(person.user)).body
    claims = forging.claims_of(session["access_token"])
    lifetime = claims["exp"] - claims["iat"]
    sentence = (
        f"an access token is valid for {lifetime} s, and expires_in in the response is "
        f"{session['expires_in']} s; expected equal values of at most {MAX_TOKEN_SECONDS} s"
    )
    is_true = lifetime == session["expires_in"] <= MAX_TOKEN_SECONDS
    no_finding([Observation("token-claims", "lifetime", not is_true, sentence)])
    if "token_key" not in target.secrets:
        pytest.fail(
            "the target file has no token_key, so expiry and issuer cannot be tested; add "
            "token_key to [secrets]"
        )
    misuses = forging.misuses(token, target.secrets["token_key"])
    no_finding(forging.tokens_refused(sender, cart, Call(), token, ("token-claims", misuses)))


def _other_schemes_refused(surface: Surface, token: str) -> Iterator[Observation]:
    """Send a valid token with the name of another scheme (RFC 9110, section 11.6.2)."""
    cart, sender = endpoint_named("show_cart"), surface.sender()
    for scheme in OTHER_SCHEMES:
        call = Call(headers={"Authorization": f"{scheme} {token}"})
        answer = sender.send(cart, call)
        sentence = (
            f"{cart.name} answers {answer.status} to a valid token with the scheme {scheme}, "
            f"expected {UNAUTHORISED}: the contract has the scheme Bearer only"
        )
        is_finding = answer.status != UNAUTHORISED
        place = f"{cart.name}: scheme {scheme}"
        yield Observation("missing-authentication", place, is_finding, sentence, answer)


@check("security.auth.sessions", needs="access")
def test_dead_sessions(
    new_person: NewPerson, no_finding: NoFindingAssertion, database: "Shop"
) -> None:
    """A token is refused after a log-out or a new password, and for a deleted or inactive user."""
    no_finding(_after_endings(new_person, database))


def _after_endings(new_person: NewPerson, database: "Shop") -> Iterator[Observation]:
    def log_out(person: Person) -> None:
        person.client.call("logout", expect=204)

    def delete(person: Person) -> None:
        database.users.delete_one({"_id": person.user.user_id})

    def deactivate(person: Person) -> None:
        change = {"$set": {"active": False}}
        database.users.update_one({"_id": person.user.user_id}, change)

    def change_password(person: Person) -> None:
        old = person.client.token
        second = person.client.call("login", expect=200, body=credentials(person.user)).body
        person.client.token = second["access_token"]
        new = f" {person.user.password} ₹ "
        body = {"current": person.user.password, "new": new}
        person.client.call("change_password", expect=204, body=body)
        person.client.call("show_cart", expect=200)
        person.client.call("login", expect=200, body={**credentials(person.user), "password": new})
        for wrong in (new.strip(), person.user.password):
            body = {**credentials(person.user), "password": wrong}
            person.client.call("login", expect=401, body=body)
        person.client.token = old

    for end in (log_out, delete, deactivate, change_password):
        person = new_person()
        session = person.client.call("login", expect=200, body=credentials(person.user)).body
        person.client.token = session["access_token"]
        person.client.call("show_cart", expect=200)
        end(person)
        status_of_access = person.client.ask("show_cart").status
        yield _socket_after(end.__name__, person.client)
        refresh_body = {"refresh_token": session["refresh_token"]}
        status_of_refresh = person.client.ask("refresh", body=refresh_body).status
        # The checks of the database may run at the same time: no session stays without its user.
        database.sessions.delete_many({"user_id": person.user.user_id})
        for token, status in (("access", status_of_access), ("refresh", status_of_refresh)):
            sentence = f"after {end.__name__}, the {token} token got status {status}, expected 401"
            place = f"{end.__name__} {token}"
            yield Observation("dead-session", place, status != UNAUTHORISED, sentence)


def _socket_after(end: str, client: StoreClient) -> Observation:
    """Observe whether the token of an ended session opens the WebSocket of orders.

    Args:
        end: the name of what ended the session.
        client: a client with the token of the session.
    """
    if "realtime" not in client.target.capabilities:
        effect, is_open = "the target has no WebSocket", False
    else:
        effect, is_open = opens_a_socket(client)
    sentence = f"after {end}, {effect}"[:MAX_SENTENCE]
    return Observation("dead-session", f"{end} order_updates", is_open, sentence)


@check("security.auth.enumeration", needs="access", alone=True)
def test_log_in_tells_nobody_who_is_known(
    new_client: NewClient, ownership: "Ownership", no_finding: NoFindingAssertion
) -> None:
    """A failed log-in gets the same response in the same time for known and for unknown users."""
    kinds = _failed_log_ins(new_client, ownership)
    names = [f"{ownership.user().email}", f"x{ownership.user().email}"]
    tries = [[_status_of_login(new_client(), name) for _ in range(TRIES)] for name in names]
    texts = [{str(answer.body) + str(answer.status) for answer in answers} for answers in kinds]
    shortest = _shortest_times(kinds)
    time_ratio = min(shortest) / max(shortest)
    differs = not texts[0] == texts[1] == texts[2]
    texts_sentence = (
        f"failed log-ins must get equal responses; known users: {texts[0]}; unknown users: "
        f"{texts[1]}; inactive users: {texts[2]}"
    )
    seconds = ", ".join(f"{each:.3f} s" for each in shortest)
    times_sentence = (
        f"the shortest times of {len(kinds[0])} failed log-ins each of known, unknown and inactive "
        f"users: {seconds}; the smallest must be over {MIN_TIME_RATIO:.0%} of the largest"
    )
    locks_sentence = (
        f"wrong passwords got the statuses {tries[0]} for a known user and {tries[1]} for an "
        "unknown user; the statuses must be equal"
    )
    no_finding(
        [
            Observation("user-enumeration", "text", differs, texts_sentence),
            Observation("user-enumeration", "time", time_ratio < MIN_TIME_RATIO, times_sentence),
            Observation("user-enumeration", "lock", tries[0] != tries[1], locks_sentence),
        ]
    )


def _failed_log_ins(
    new_client: NewClient, ownership: "Ownership"
) -> tuple[list["Answer"], list["Answer"], list["Answer"]]:
    """Send failed log-ins of known, unknown and inactive users, and return the responses.

    On a busy machine, eight log-ins may all be late. So more follow while the times differ.
    """
    kinds: tuple[list[Answer], list[Answer], list[Answer]] = ([], [], [])
    client = new_client()
    for number in range(MAX_TIMED_LOGINS):
        user = ownership.user()
        bodies = (
            {"identifier": user.email, "password": WRONG_TEXT},
            {"identifier": f"x{user.email}", "password": WRONG_TEXT},
            {"identifier": ownership.user(active=False).email, "password": user.password},
        )
        for answers, body in zip(kinds, bodies, strict=True):
            answers.append((client if number else new_client()).ask("login", body=body))
        shortest = _shortest_times(kinds)
        if number + 1 >= TIMED_LOGINS and min(shortest) >= MIN_TIME_RATIO * max(shortest):
            break
    return kinds


def _shortest_times(kinds: Sequence[list["Answer"]]) -> list[float]:
    """Return the shortest time of each kind of log-in, in seconds.

    Other work of the machine only adds time: the shortest time is the time of the log-in itself.
    """
    return [min(answer.seconds for answer in answers) for answers in kinds]


def _status_of_login(client: StoreClient, name: str) -> int:
    return client.ask("login", body={"identifier": name, "password": WRONG_TEXT}).status


@check("security.auth.guessing", needs="access")
def test_guessing_is_stopped(
    new_client: NewClient, ownership: "Ownership", no_finding: NoFindingAssertion, database: "Shop"
) -> None:
    """Wrong passwords lock the log-in of a user for some time, from every address."""
    user, other = ownership.user(), ownership.user()
    wrong = {**credentials(user), "password": WRONG_TEXT}
    guesses = [new_client().ask("login", body=wrong).status for _ in range(TRIES)]
    right = new_client().ask("login", body=credentials(user))
    other_status = new_client().ask("login", body=credentials(other)).status

    def later(seconds: int) -> int:
        """Make the failed log-ins some seconds older; return the status of a correct log-in."""
        for event in database.security_events.find(
            {"subject": user.user_id, "event": "login_failed"}
        ):
            earlier = {"$set": {"at": event["at"] - timedelta(seconds=seconds)}}
            database.security_events.update_one({"_id": event["_id"]}, earlier)
        return new_client().ask("login", body=credentials(user)).status

    retry_after = right.headers.get("retry-after", "")
    lock_seconds = int(retry_after) if retry_after.isdigit() else 0
    statuses_later = (later(lock_seconds - EDGE_SECONDS), later(EDGE_SECONDS))

    person = log_in(new_client(), other)
    wrong_current = {"current": WRONG_TEXT, "new": f"{other.password}!"}
    changes = [
        person.client.ask("change_password", body=wrong_current).status for _ in range(TRIES)
    ]
    sentence = (
        f"after {TRIES} wrong passwords with the statuses {guesses}, the right password got status "
        f"{right.status}, expected {LOCKED}"
    )
    no_time = not MIN_LOCK_SECONDS <= lock_seconds <= MAX_LOCK_SECONDS
    assert guesses == sorted(guesses)
    assert guesses.count(UNAUTHORISED) >= MIN_GUESSES, (
        f"the first {MIN_GUESSES} wrong passwords must get {UNAUTHORISED}, not lock the log-in"
    )
    assert (other_status, *statuses_later) == (200, LOCKED, 200)
    no_finding(
        [
            Observation("password-guessing", "login", right.status != LOCKED, sentence),
            Observation(
                "password-guessing",
                "change_password",
                LOCKED not in changes,
                f"{TRIES} wrong current passwords got the statuses {changes}, expected {LOCKED} "
                "at least once",
            ),
            Observation(
                "password-guessing",
                "login retry-after",
                no_time,
                f"Retry-After of the locked log-in is {retry_after!r}, expected whole seconds, "
                f"from {MIN_LOCK_SECONDS} to {MAX_LOCK_SECONDS}",
            ),
        ]
    )


@check("security.auth.fixation", needs="auth")
def test_a_session_starts_at_log_in(
    surface: Surface, ownership: "Ownership", no_finding: NoFindingAssertion
) -> None:
    """A session id that an attacker chose before the log-in is not used after the log-in."""
    no_finding(_chosen_sessions(surface, ownership))


def _chosen_sessions(surface: Surface, ownership: "Ownership") -> Iterator[Observation]:
    chosen = "ses_chosen_by_somebody"
    ways = (
        {"Cookie": f"session={chosen}; sid={chosen}; kirana_session={chosen}"},
        {"X-Session-Id": chosen},
    )
    for headers in ways:
        user = ownership.user()
        answer = surface.sender().send(
            endpoint_named("login"), Call(body=credentials(user), headers=headers)
        )
        claims = forging.claims_of(forging.token_in(answer.text))
        is_used = chosen in (*claims.values(), answer.headers.get("set-cookie", ""))
        name = next(iter(headers))
        sentence = (
            f"after the log-in, the session id of the request header {name} is "
            f"{'used' if is_used else 'not used'}"
        )
        yield Observation("session-fixation", name, is_used, sentence, answer)


@check("security.api_keys", needs="access")
def test_tokens_do_not_travel_in_addresses(
    surface: Surface, new_person: NewPerson, no_finding: NoFindingAssertion
) -> None:
    """No operation has a URL parameter for a key, and no operation accepts a token in its URL."""
    person = new_person()
    key_parameters = [
        (endpoint.name, parameter.name)
        for endpoint in endpoints()
        for parameter in endpoint.parameters
        if re.search("token|key|secret|pass", parameter.name, re.IGNORECASE)
    ]
    assert key_parameters == []
    no_finding(_in_address(surface, person.client.token))


def _in_address(surface: Surface, token: str) -> Iterator[Observation]:
    for name in ("access_token", "token", "api_key", "apikey", "key", "auth"):
        cart = endpoint_named("show_cart")
        answer = surface.sender().send(cart, Call(query={name: token}))
        sentence = f"a token in the URL parameter {name} got status {answer.status}, expected 401"
        yield Observation("key-in-url", name, answer.status != UNAUTHORISED, sentence, answer)
