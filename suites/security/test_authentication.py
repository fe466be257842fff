"""Authentication: tokens, sessions, log-in, second factors."""

import re
import statistics
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
from suites.security.surface import Judge, Surface, Values, declared, endpoint, endpoints, good_call
from suites.testdata.people import Person, challenged, credentials, log_in

if TYPE_CHECKING:
    from suites.client import Answer
    from suites.testdata.ownership import Ownership, Shop

pytestmark = pytest.mark.security

NewClient = Callable[[], StoreClient]
NewPerson = Callable[..., Person]
TRIES = 12
LONGEST_SECONDS = 3600
TIMED = 8
LOCKED = 429
UNAUTHORISED, CONFLICT = 401, 409
# bcrypt at cost 10 takes some 60 ms; not doing it for unknown users shows as a third or less.
ALIKE = 0.5


@check("security.auth.required", needs="access")
def test_every_secured_operation_needs_a_token(
    surface: Surface, values: Values, no_finding: Judge
) -> None:
    """Without a token, or with a word for one, every secured operation answers 401."""
    nobody, word = surface.sender(), surface.sender("word")
    secured = [one for one in endpoints() if one.secured]
    no_finding(_refused(nobody.send(one, good_call(one, values)).status, one.name, "nobody")
               for one in secured)  # fmt: skip
    no_finding(_refused(word.send(one, good_call(one, values)).status, one.name, "a word")
               for one in secured)  # fmt: skip


def _refused(status: int, place: str, what: str) -> Observation:
    said = f"{place} answers {status} to {what}"
    return Observation("missing-authentication", place, status != UNAUTHORISED, said)


@check("security.auth.tokens", needs="access")
def test_forged_tokens(
    surface: Surface, new_person: NewPerson, no_finding: Judge, target: Target
) -> None:
    """Tokens nobody signed, or signed for something else, are refused everywhere."""
    person, other = new_person(), new_person()
    asked, token, sender = endpoint("show_cart"), person.client.token, surface.sender()
    forged = forging.forgeries(token, other.user.user_id)
    no_finding(forging.tokens_refused(sender, asked, Call(), token, ("forged-token", forged)))
    session = person.client.call("login", expect=200, body=credentials(person.user)).body
    claims = forging.claims_of(session["access_token"])
    lives = claims["exp"] - claims["iat"]
    said = f"an access token lives {lives} s, and is said to live {session['expires_in']} s"
    honest = lives == session["expires_in"] <= LONGEST_SECONDS
    no_finding([Observation("token-claims", "lifetime", not honest, said)])
    if "token_key" not in target.secrets:
        pytest.fail("no token_key for this target: expiry and issuer cannot be tried")
    misused = forging.misuses(token, target.secrets["token_key"])
    no_finding(forging.tokens_refused(sender, asked, Call(), token, ("token-claims", misused)))


@check("security.auth.sessions", needs="access")
def test_dead_sessions(new_person: NewPerson, no_finding: Judge, database: "Shop") -> None:
    """A token dies with its session, its user and its password."""
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
        used = person.client.ask("show_cart").status
        fresh = {"refresh_token": session["refresh_token"]}
        renewed = person.client.ask("refresh", body=fresh).status
        for token, status in (("access", used), ("refresh", renewed)):
            said = f"after {end.__name__} the {token} token is answered {status}"
            place = f"{end.__name__} {token}"
            yield Observation("dead-session", place, status != UNAUTHORISED, said)


@check("security.auth.enumeration", needs="access")
def test_log_in_tells_nobody_who_is_known(
    new_client: NewClient, ownership: "Ownership", no_finding: Judge
) -> None:
    """A wrong password and an unknown user are answered alike, in text and in time."""
    known: list[Answer] = []
    unknown: list[Answer] = []
    inactive: list[Answer] = []
    client = new_client()
    for number in range(TIMED):
        user = ownership.user()
        wrong = {"identifier": user.email, "password": "not the password"}
        nobody = {"identifier": f"x{user.email}", "password": "not the password"}
        gone = {"identifier": ownership.user(active=False).email, "password": user.password}
        for answers, body in ((known, wrong), (unknown, nobody), (inactive, gone)):
            answers.append((client if number else new_client()).ask("login", body=body))

    names = [f"{ownership.user().email}", f"x{ownership.user().email}"]
    tries = [[new_client().ask("login", body={"identifier": name, "password": "wrong"}).status
              for _ in range(TRIES)] for name in names]  # fmt: skip
    texts = [{str(one.body) + str(one.status) for one in some}
             for some in (known, unknown, inactive)]  # fmt: skip
    times = [statistics.median(one.seconds for one in some)
             for some in (known, unknown, inactive)]  # fmt: skip
    alike = min(times) / max(times)
    said = f"answers {texts[0]} to known, {texts[1]} to unknown, {texts[2]} to inactive users"
    shown = ", ".join(f"{one:.3f} s" for one in times)
    told = f"medians of {TIMED} for known, unknown and inactive users: {shown}"
    no_finding([
        Observation("user-enumeration", "text", not texts[0] == texts[1] == texts[2], said),
        Observation("user-enumeration", "time", alike < ALIKE, told),
        Observation("user-enumeration", "lock", tries[0] != tries[1], f"{tries[0]}, {tries[1]}"),
    ])  # fmt: skip


@check("security.auth.guessing", needs="access")
def test_guessing_is_stopped(
    new_client: NewClient, ownership: "Ownership", no_finding: Judge, database: "Shop"
) -> None:
    """Some wrong passwords lock a log-in from every address, for a while, and nobody else's."""
    user, other = ownership.user(), ownership.user()
    wrong = {**credentials(user), "password": "not the password"}
    guesses = [new_client().ask("login", body=wrong).status for _ in range(TRIES)]
    right = new_client().ask("login", body=credentials(user))
    spared = new_client().ask("login", body=credentials(other)).status

    events = {"subject": user.user_id, "event": "login_failed"}
    for event in database.security_events.find(events):
        earlier = {"$set": {"at": event["at"] - timedelta(minutes=15)}}
        database.security_events.update_one({"_id": event["_id"]}, earlier)
    later = new_client().ask("login", body=credentials(user)).status

    inside = log_in(new_client(), other)
    bad = {"current": "not the password", "new": f"{other.password}!"}
    more = [inside.client.ask("change_password", body=bad).status for _ in range(TRIES)]
    said = f"{TRIES} guesses: {guesses}; then the right password: {right.status}"
    assert (spared, later) == (200, 200)
    no_finding([
        Observation("password-guessing", "login", right.status != LOCKED, said),
        Observation("password-guessing", "change_password", LOCKED not in more, f"{more}"),
        Observation("password-guessing", "login retry-after",
                    not right.headers.get("retry-after", "").isdigit(), "when to come back"),
    ])  # fmt: skip


@check("security.auth.fixation", needs="auth")
def test_a_session_starts_at_log_in(
    surface: Surface, ownership: "Ownership", no_finding: Judge
) -> None:
    """What an attacker chose before the log-in names no session after it."""
    no_finding(_chosen_sessions(surface, ownership))


def _chosen_sessions(surface: Surface, ownership: "Ownership") -> Iterator[Observation]:
    chosen = "ses_chosen_by_somebody"
    ways = ({"Cookie": f"session={chosen}; sid={chosen}; kirana_session={chosen}"},
            {"X-Session-Id": chosen})  # fmt: skip
    for headers in ways:
        user = ownership.user()
        answer = surface.sender().send(
            endpoint("login"), Call(body=credentials(user), headers=headers)
        )
        claims = forging.claims_of(forging.token_in(answer.text))
        kept = chosen in (*claims.values(), answer.headers.get("set-cookie", ""))
        name = next(iter(headers))
        said = f"a session chosen by {name} is {'used' if kept else 'not used'} after log-in"
        yield Observation("session-fixation", name, kept, said, answer)


@check("security.twofa.admins", needs="access")
def test_admins_need_their_second_step(
    new_client: NewClient, surface: Surface, ownership: "Ownership", no_finding: Judge
) -> None:
    """An admin's log-in gives a challenge; it opens nothing but the second step."""
    no_finding(_admins(new_client, surface, ownership))


def _admins(
    new_client: NewClient, surface: Surface, ownership: "Ownership"
) -> Iterator[Observation]:
    for role in ("admin", "owner"):
        user = ownership.user(role=role)
        client = new_client()
        answer = client.call("login", expect=200, body=credentials(user)).body
        said = f"the log-in of an {role} without a second factor answers {answer['status']}"
        without = "access_token" in answer
        yield Observation("second-factor-missing", role, without, said)
        if without:
            continue
        log_in(client, user)
        challenged(client, user)
        for one in endpoints():
            if one.secured and not declared(one.name, "x-challenge"):
                status = surface.sender(client.token).send(one, good_call(one, {})).status
                told = f"{one.name} answers {status} to the challenge of an {role}"
                found = status != UNAUTHORISED
                yield Observation("second-factor-skipped", f"{role} {one.name}", found, told)
        again = client.ask("enable_totp").status
        said = f"enrolling anew with a challenge is answered {again}"
        yield Observation("second-factor-skipped", f"{role} enrolment", again != CONFLICT, said)
        yield _listens(client, role)
        client.call("send_sms", expect=202)
        for name in ("verify_sms", "verify_totp"):
            tried = [client.ask(name, body={"code": f"{number:06}"}).status
                     for number in range(TRIES)]  # fmt: skip
            said = f"{TRIES} codes guessed at {name}: {tried}"
            found = LOCKED not in tried
            yield Observation("second-factor-skipped", f"{role} {name} guessing", found, said)


def _listens(client: StoreClient, role: str) -> Observation:
    """Whether a challenge opens the WebSocket of orders."""
    try:
        with listening(client, "order_updates"):
            said, open_ = "opens", True
    except UnexpectedAnswerError as error:
        said, open_ = f"does not open ({error})", False
    sentence = f"the challenge of an {role} {said} the WebSocket"
    return Observation("second-factor-skipped", f"{role} order_updates", open_, sentence[:300])


@check("security.api_keys", needs="access")
def test_tokens_do_not_travel_in_addresses(
    surface: Surface, new_person: NewPerson, no_finding: Judge
) -> None:
    """No operation takes a key in its address, and none is let in by one."""
    person = new_person()
    places = [(one.name, place.name) for one in endpoints() for place in one.parameters]
    named = [one for one in places if re.search("token|key|secret|pass", one[1], re.IGNORECASE)]
    assert named == []
    no_finding(_in_address(surface, person.client.token))


def _in_address(surface: Surface, token: str) -> Iterator[Observation]:
    for name in ("access_token", "token", "api_key", "apikey", "key", "auth"):
        asked = endpoint("show_cart")
        answer = surface.sender().send(asked, Call(query={name: token}))
        said = f"?{name}=… is answered {answer.status}"
        yield Observation("key-in-url", name, answer.status != UNAUTHORISED, said, answer)
