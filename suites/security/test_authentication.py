"""Checks of authentication: tokens, sessions, the log-in, and second factors."""

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from gates.model import Target
from suites.client import StoreClient, UnexpectedAnswerError
from suites.client.websocket import listening
from suites.probes import forging
from suites.probes.api import Call, Observation
from suites.pytest_plugin.marks import check
from suites.security.surface import (
    WRONG_TEXT,
    NoFindingAssertion,
    Surface,
    Values,
    declared_value,
    endpoint_named,
    endpoints,
    good_call,
)
from suites.testdata.people import Person, credentials, log_in, log_in_to_challenge

if TYPE_CHECKING:
    from suites.client import Answer
    from suites.testdata.ownership import Ownership, Shop

pytestmark = pytest.mark.security

NewClient = Callable[[], StoreClient]
NewPerson = Callable[..., Person]
TRIES = 12
MAX_TOKEN_SECONDS = 3600
TIMED_LOGINS = 8
MAX_SENTENCE = 300
LOCKED = 429
UNAUTHORISED, CONFLICT = 401, 409
# bcrypt at cost 10 takes some 60 ms. A log-in that skips bcrypt for unknown users takes a third of
# the time or less.
MIN_TIME_RATIO = 0.5


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
    """The store refuses forged tokens, and tokens with another issuer, audience or time."""
    person, other = new_person(), new_person()
    cart, token, sender = endpoint_named("show_cart"), person.client.token, surface.sender()
    forgeries = forging.forgeries(token, other.user.user_id)
    no_finding(forging.tokens_refused(sender, cart, Call(), token, ("forged-token", forgeries)))
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
        body = {"current": person.user.password, "new": f"{person.user.password}!"}
        person.client.call("change_password", expect=204, body=body)
        person.client.call("show_cart", expect=200)
        person.client.token = old

    for end in (log_out, delete, deactivate, change_password):
        person = new_person()
        session = person.client.call("login", expect=200, body=credentials(person.user)).body
        person.client.token = session["access_token"]
        person.client.call("show_cart", expect=200)
        end(person)
        status_of_access = person.client.ask("show_cart").status
        refresh_body = {"refresh_token": session["refresh_token"]}
        status_of_refresh = person.client.ask("refresh", body=refresh_body).status
        # The checks of the database may run at the same time: no session stays without its user.
        database.sessions.delete_many({"user_id": person.user.user_id})
        for token, status in (("access", status_of_access), ("refresh", status_of_refresh)):
            sentence = f"after {end.__name__}, the {token} token got status {status}, expected 401"
            place = f"{end.__name__} {token}"
            yield Observation("dead-session", place, status != UNAUTHORISED, sentence)


@check("security.auth.enumeration", needs="access")
def test_log_in_tells_nobody_who_is_known(
    new_client: NewClient, ownership: "Ownership", no_finding: NoFindingAssertion
) -> None:
    """A failed log-in gets the same response in the same time for known and for unknown users."""
    known: list[Answer] = []
    unknown: list[Answer] = []
    inactive: list[Answer] = []
    client = new_client()
    for number in range(TIMED_LOGINS):
        user = ownership.user()
        wrong = {"identifier": user.email, "password": WRONG_TEXT}
        nobody = {"identifier": f"x{user.email}", "password": WRONG_TEXT}
        gone = {"identifier": ownership.user(active=False).email, "password": user.password}
        for answers, body in ((known, wrong), (unknown, nobody), (inactive, gone)):
            answers.append((client if number else new_client()).ask("login", body=body))

    names = [f"{ownership.user().email}", f"x{ownership.user().email}"]
    tries = [[_status_of_login(new_client(), name) for _ in range(TRIES)] for name in names]
    kinds = (known, unknown, inactive)
    texts = [{str(answer.body) + str(answer.status) for answer in answers} for answers in kinds]
    # Other work of the machine only adds time: the shortest time is the time of the log-in itself.
    shortest = [min(answer.seconds for answer in answers) for answers in kinds]
    time_ratio = min(shortest) / max(shortest)
    differs = not texts[0] == texts[1] == texts[2]
    texts_sentence = (
        f"failed log-ins got the responses {texts[0]} for known, {texts[1]} for unknown, and "
        f"{texts[2]} for inactive users; the responses must be equal"
    )
    seconds = ", ".join(f"{each:.3f} s" for each in shortest)
    times_sentence = (
        f"the shortest times of {TIMED_LOGINS} failed log-ins each of known, unknown and inactive "
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

    events = {"subject": user.user_id, "event": "login_failed"}
    for event in database.security_events.find(events):
        earlier = {"$set": {"at": event["at"] - timedelta(minutes=15)}}
        database.security_events.update_one({"_id": event["_id"]}, earlier)
    status_later = new_client().ask("login", body=credentials(user)).status

    person = log_in(new_client(), other)
    wrong_current = {"current": WRONG_TEXT, "new": f"{other.password}!"}
    changes = [
        person.client.ask("change_password", body=wrong_current).status for _ in range(TRIES)
    ]
    sentence = (
        f"after {TRIES} wrong passwords with the statuses {guesses}, the right password got status "
        f"{right.status}, expected {LOCKED}"
    )
    retry_after = right.headers.get("retry-after", "")
    no_time = not retry_after.isdigit()
    assert (other_status, status_later) == (200, 200)
    no_finding(
        [
            Observation("password-guessing", "login", right.status != LOCKED, sentence),
            Observation(
                "password-guessing",
                "change_password",
                LOCKED not in changes,
                f"{TRIES} wrong current passwords got the statuses {changes}, expected a {LOCKED}",
            ),
            Observation(
                "password-guessing",
                "login retry-after",
                no_time,
                f"Retry-After of the locked log-in is {retry_after!r}, expected whole seconds",
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


@check("security.twofa.admins", needs="access")
def test_admins_need_their_second_step(
    new_client: NewClient, surface: Surface, ownership: "Ownership", no_finding: NoFindingAssertion
) -> None:
    """At log-in, an admin gets only a challenge token; only the second step accepts this token."""
    no_finding(_admins(new_client, surface, ownership))


def _admins(
    new_client: NewClient, surface: Surface, ownership: "Ownership"
) -> Iterator[Observation]:
    for role in ("admin", "owner"):
        user = ownership.user(role=role)
        client = new_client()
        answer = client.call("login", expect=200, body=credentials(user)).body
        sentence = (
            f"the log-in of an {role} without a second factor returned {answer['status']!r}; an "
            "access token is not expected"
        )
        has_session = "access_token" in answer
        yield Observation("second-factor-missing", role, has_session, sentence)
        if has_session:
            continue
        log_in(client, user)
        log_in_to_challenge(client, user)
        for endpoint in endpoints():
            if endpoint.secured and not declared_value(endpoint.name, "x-challenge"):
                status = surface.sender(client.token).send(endpoint, good_call(endpoint, {})).status
                challenge_sentence = (
                    f"{endpoint.name} returned status {status} to the challenge token of an "
                    f"{role}, expected 401"
                )
                is_open = status != UNAUTHORISED
                yield Observation(
                    "second-factor-skipped", f"{role} {endpoint.name}", is_open, challenge_sentence
                )
        enrolment_status = client.ask("enable_totp").status
        sentence = (
            f"a second enrolment with a challenge token got status {enrolment_status}, "
            f"expected {CONFLICT}"
        )
        yield Observation(
            "second-factor-skipped", f"{role} enrolment", enrolment_status != CONFLICT, sentence
        )
        yield _listens(client, role)
        client.call("send_sms", expect=202)
        for name in ("verify_sms", "verify_totp"):
            statuses = [
                client.ask(name, body={"code": f"{number:06}"}).status for number in range(TRIES)
            ]
            sentence = f"{TRIES} wrong codes for {name} got {statuses}, expected a {LOCKED}"
            is_open = LOCKED not in statuses
            yield Observation("second-factor-skipped", f"{role} {name} guessing", is_open, sentence)


def _listens(client: StoreClient, role: str) -> Observation:
    """Observe whether a challenge token opens the WebSocket of orders."""
    try:
        with listening(client, "order_updates"):
            effect, is_open = "the WebSocket order_updates opens", True
    except UnexpectedAnswerError as error:
        effect, is_open = f"the WebSocket order_updates does not open ({error})", False
    sentence = f"with the challenge token of an {role}, {effect}"[:MAX_SENTENCE]
    return Observation("second-factor-skipped", f"{role} order_updates", is_open, sentence)


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
